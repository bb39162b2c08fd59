// TLS without any socket: ciphertext is bytes that go in and come out, over whatever carries them.
import { openssl, type TLSBuffer, TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'server', names: ['server.example'] })

// A context is prepared once, and used for any number of connections.
const clientContext = openssl.clientContext(new TLSClientConfiguration({ trustStore: authority.trustStore }))
const serverContext = openssl.serverContext(new TLSServerConfiguration({ certificateChain: [chain] }))

// `using` would free them as well, where the compiler and the runtime know it.
const client = clientContext.createBuffer('server.example')
const server = serverContext.createBuffer()

let clientStep = client.handshake()
let serverStep = server.handshake()
while (clientStep !== 'done' || serverStep !== 'done') {
  deliver(client, server)
  serverStep = server.handshake()
  deliver(server, client)
  clientStep = client.handshake()
}
console.log(client.facts.version, client.facts.verified ? 'verified' : '')

// A long message needs several rounds: `write` says how much it took, and waiting is a value, not an exception.
const message = new Uint8Array(500_000).fill(0x2a)
let sent = 0
let received = 0
while (received < message.byteLength) {
  if (sent < message.byteLength) {
    const taken = client.write(message.subarray(sent))
    if (typeof taken === 'number') sent += taken
  }
  deliver(client, server)
  for (let chunk = server.read(65_536); chunk instanceof Uint8Array; chunk = server.read(65_536)) {
    received += chunk.byteLength
  }
}
console.log(`${received} bytes arrived`)

client.shutdown()
deliver(client, server)
console.log('the server reads:', server.read(1))
client[Symbol.dispose]()
server[Symbol.dispose]()

/** What a network would do. A channel takes only as much as it has room for; the rest is to be offered again. */
function deliver(from: TLSBuffer, to: TLSBuffer): void {
  while (from.outgoingBytesBuffered > 0) {
    let rest = from.processOutgoing(16_384)
    while (rest.byteLength > 0) {
      const taken = to.processIncoming(rest)
      if (taken === 0) throw new Error('read from the other side first')
      rest = rest.subarray(taken)
    }
    if (to.incomingBytesBuffered > 65_536) return
  }
}

// Prints:
// TLSv1.3 verified
// 500000 bytes arrived
// the server reads: closed
