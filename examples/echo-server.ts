import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type ServerOptions, type TLSServer } from 'polytls'

/** A server on this machine that sends back what it gets, for the examples that show a client. */
export async function startEchoServer(options: ServerOptions): Promise<{ server: TLSServer; port: number }> {
  const server = createServer(options, (socket) => socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}
