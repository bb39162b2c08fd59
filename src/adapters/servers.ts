/** TLS under a server that is there already: of `node:http`, `node:https`, `node:http2`, or any other `net.Server`. */
import { Server, type Socket } from 'node:net'
import { Server as NodeTLSServer } from 'node:tls'
import type { ServerContext } from '../channel/context.ts'
import { requireObject } from '../config/arguments.ts'
import { type CreateServerOptions, createServer } from '../connections.ts'
import { UsageError } from '../errors.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'

/** What a server has beside its own when our TLS is below it, as a TLSServer has it. */
export interface Secured {
  /** What new connections are served with. */
  readonly context: ServerContext
  /**
   * Serves new connections with other certificates, or a whole other configuration. Those that are open go on as they are. Only the
   * certificates change with `backend.serverContext(server.context.configuration.with({ certificateChain }))`.
   * @throws TypeError for what is no server's context.
   */
  setContext(context: ServerContext): void
}

/**
 * Puts our TLS between a server's connections and whoever serves them, and answers the same server. It listens and closes as before. Who
 * listened to `connection` until now gets TLS sockets whose handshake is done; a server of `node:tls` (also `https.createServer` and
 * `http2.createSecureServer`) is relieved of its own TLS, and its `setSecureContext` and `addContext` are errors. Clients whose handshake or connection fails are told of by `tlsClientError`.
 *
 * Early data is served as the beginning of the connection, when the handshake is done and it can be no replay any more; `earlyData` of the
 * socket tells that there was some, for programs that rather answer 425 (RFC 8470, Section 5.2) or tell a server behind them.
 * @throws ConfigurationError for what the backend cannot do; TypeError for what is no server; UsageError for one that has been secured.
 */
export function secureServer<S extends Server>(server: S, options: CreateServerOptions): S & Secured {
  if (!(server instanceof Server)) throw new TypeError('server: expected a net.Server')
  requireObject('secureServer', options)
  if (securedServers.has(server)) throw new UsageError('secureServer: there is TLS below this server already')
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
  securedServers.add(server)
  if (server instanceof NodeTLSServer) refuseOwnTLS(server)
  return Object.defineProperties(server, {
    context: { configurable: true, get: () => secured.context },
    setContext: { configurable: true, value: (context: ServerContext) => secured.setContext(context) },
  }) as S & Secured
}

const securedServers = new WeakSet<Server>()

/** Nothing is at work there any more that would heed it. */
function refuseOwnTLS(server: NodeTLSServer): void {
  for (const name of ['setSecureContext', 'addContext'] as const) {
    const value = (): never => {
      throw new UsageError(`${name}: the TLS below this server is not that of node:tls`, {
        hint: 'setContext serves new connections with other certificates',
      })
    }
    Object.defineProperty(server, name, { configurable: true, value })
  }
}

function returnEarlyData(socket: TLSSocket): void {
  const { earlyData } = socket
  if (earlyData.byteLength > 0) socket.unshift(earlyData)
}
