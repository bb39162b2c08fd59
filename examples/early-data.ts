// 0-RTT with HTTP: a request travels with the client's first bytes. It can be replayed, so a server answers early only what is safe to
// happen twice, and everything else with 425 (RFC 8470): the client asks again when it likes.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, openssl, type Session, TLSClientConfiguration, type TLSSocket } from 'polytls'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const certificateChain = [await authority.issue({ name: 'server', names: ['127.0.0.1'] })]

const server = createServer({ backend: openssl, certificateChain, maxEarlyDataBytes: 4096 })
server.on('earlyConnection', (socket) => {
  socket.on('earlyData', (request: Buffer) => {
    const isSafe = /^(GET|HEAD) /.test(request.toString('latin1'))
    socket.writeEarly(Buffer.from(response(isSafe ? '200 OK' : '425 Too Early')))
  })
})
server.on('secureConnection', (socket) => socket.on('data', () => socket.write(response('200 OK'))))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

const context = openssl.clientContext(new TLSClientConfiguration({ trustStore: authority.trustStore }))
const to = { host: '127.0.0.1', port, context }

// The first connection brings sessions; early data needs one.
const first = await connect(to)
const [session] = (await once(first, 'session')) as [Session]
console.log(`up to ${session.maxEarlyDataBytes} bytes of early data`)
await close(first)

for (const method of ['GET', 'DELETE']) {
  const request = `${method} /thing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`
  const socket = await connect({ ...to, earlyData: Buffer.from(request) })
  console.log(`${method}: early data ${socket.facts.earlyData}, ${await answer(socket)}`)
  // Nothing is sent again by itself: that is for the program to decide.
  socket.write(request)
  console.log(`${method}: after the handshake, ${await answer(socket)}`)
  await close(socket)
}
await server.shutdown()

function response(status: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`
}

async function answer(socket: TLSSocket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return chunk.toString('latin1').split('\r\n', 1)[0] ?? ''
}

async function close(socket: TLSSocket): Promise<void> {
  socket.resume().end()
  await once(socket, 'close')
}

// Prints:
// up to 4096 bytes of early data
// GET: early data accepted, HTTP/1.1 200 OK
// GET: after the handshake, HTTP/1.1 200 OK
// DELETE: early data accepted, HTTP/1.1 425 Too Early
// DELETE: after the handshake, HTTP/1.1 200 OK
