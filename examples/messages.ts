// MQTT with the package mqtt over our TLS: two clients, and a broker of a few lines, whose TLS is ours as well.
import { once } from 'node:events'
import * as net from 'node:net'
import { MqttClient } from 'mqtt'
import { TLSVersion } from 'polytls'
import { mqttStream } from 'polytls/mqtt'
import { secureServer } from 'polytls/servers'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const certificateChain = [await authority.issue({ name: 'broker', names: ['localhost'] })]

// A broker that knows no topics: whoever is there gets what anybody says. A real one is Mosquitto, with its listener for TLS.
const clients = new Set<net.Socket>()
const server = net.createServer((socket) => {
  clients.add(socket.on('close', () => clients.delete(socket)))
  let received = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk])
    // A packet: its type, how long it is (these are short), and the rest. MQTT 3.1.1, Section 2.
    for (let end = packetEnd(received); end <= received.length; end = packetEnd(received)) {
      const packet = received.subarray(0, end)
      received = received.subarray(end)
      const type = (packet[0] ?? 0) >> 4
      if (type === 1) socket.write(Buffer.of(0x20, 2, 0, 0)) // CONNECT, CONNACK
      if (type === 8) socket.write(Buffer.of(0x90, 3, packet[2] ?? 0, packet[3] ?? 0, 0)) // SUBSCRIBE, SUBACK
      if (type === 3) for (const each of clients) each.write(packet) // PUBLISH
    }
  })
})
secureServer(server, { certificateChain, innerProtocols: ['mqtt'], lowestSupportedVersion: TLSVersion.TLSv1_3 })
server.listen(0, 'localhost')
await once(server, 'listening')

const { port } = server.address() as net.AddressInfo
// One for both clients; each call gives another connection, and so it is when a client connects again.
const stream = mqttStream({ host: 'localhost', port, trustStore: authority.trustStore })
const [listener, speaker] = [new MqttClient(stream, {}), new MqttClient(stream, {})]
await listener.subscribeAsync('weather')
const heard = new Promise<void>((resolve) => {
  listener.on('message', (topic, payload) => {
    console.log(`${topic}: ${payload}`)
    resolve()
  })
})
await speaker.publishAsync('weather', 'sunny')
await heard
await Promise.all([listener.endAsync(), speaker.endAsync()])
server.close()

function packetEnd(bytes: Buffer): number {
  return bytes.length < 2 ? Number.POSITIVE_INFINITY : 2 + (bytes[1] ?? 0)
}

// Prints:
// weather: sunny
