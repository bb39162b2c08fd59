import { once } from 'node:events'
import * as net from 'node:net'
import * as tls from 'node:tls'
import type { MadeCertificate } from '#polytls/cli/certificates.js'

/** Servers that are not this library, on free ports. */

export interface Peer {
  readonly port: number
  close(): Promise<void>
}

/** A TLS server of Node itself. What goes wrong with a client is the client's test's business. */
export function nodeTLSServer(
  made: MadeCertificate,
  options: tls.TlsOptions,
  onConnection: (socket: tls.TLSSocket) => void = (socket) => socket.end(),
): Promise<Peer> {
  const { certificate, key, chain } = made
  const server = tls.createServer({ cert: certificate + chain.join(''), key, ...options }, (socket) => {
    socket.on('error', () => {})
    onConnection(socket)
  })
  server.on('tlsClientError', () => {})
  return listening(server)
}

/** A server that speaks no TLS. */
export function plainServer(onConnection: (socket: net.Socket) => void): Promise<Peer> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    onConnection(socket)
  })
  return listening(server)
}

/** A port at which nothing listens. */
export async function deadPort(): Promise<number> {
  const peer = await plainServer(() => {})
  await peer.close()
  return peer.port
}

async function listening(server: net.Server): Promise<Peer> {
  const sockets = new Set<net.Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
