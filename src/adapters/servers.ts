/** TLS under a server that is there already: of `node:http`, `node:https`, `node:http2`, or any other `net.Server`. */
import type { Server, Socket } from 'node:net'
import { Server as NodeTLSServer } from 'node:tls'
import { type CreateServerOptions, createServer } from '../connections.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'

/**
 * Puts our TLS between a server's connections and whoever serves them, and answers the same server. It listens and closes as before. Who
 * listened to `connection` until now gets TLS sockets whose handshake is done; a server of `node:tls` (also `https.createServer` and
 * `http2.createSecureServer`) is relieved of its own TLS. Clients whose handshake or connection fails are told of by `tlsClientError`.
 *
 * Early data is served as the beginning of the connection, when the handshake is done and it can be no replay any more; `earlyData` of the
 * socket tells that there was some, for programs that rather answer 425 (RFC 8470, Section 5.2) or tell a server behind them.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function secureServer<S extends Server>(server: S, options: CreateServerOptions): S {
  const served = server.listeners('connection')
  const secured = createServer(options, (socket) => {
    returnEarlyData(socket)
    // As sockets of Node have it; node:http2 asks for it where it falls back to HTTP/1.1.
    Object.assign(socket, { server })
    if (server instanceof NodeTLSServer) server.emit('secureConnection', socket as never)
    else for (const serve of served) serve.call(server, socket)
  })
  secured.on('tlsClientError', (error, socket) => server.emit('tlsClientError', error, socket))
  server.removeAllListeners('connection')
  server.on('connection', (accepted: Socket) => {
    // The direction back must not end before close_notify is said.
    accepted.allowHalfOpen = true
    secured.emit('connection', accepted)
  })
  return server
}

function returnEarlyData(socket: TLSSocket): void {
  const { earlyData } = socket
  if (earlyData.byteLength > 0) socket.unshift(earlyData)
}
