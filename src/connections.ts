import type { Duplex } from 'node:stream'
import { defaultBackend } from './backends.ts'
import type { Backend } from './channel/backend.ts'
import type { ClientContext, ServerContext } from './channel/context.ts'
import { type ClientOptions, TLSClientConfiguration } from './config/client-configuration.ts'
import { type ServerOptions, TLSServerConfiguration } from './config/server-configuration.ts'
import { abortErrorOf } from './sockets/abort.ts'
import { connectTo, type Destination, upgradeClient, upgradeServer } from './sockets/connect.ts'
import { TLSServer, type TLSServerOptions } from './sockets/tls-server.ts'
import type { TLSSocket, TLSSocketOptions } from './sockets/tls-socket.ts'

/**
 * Either a configuration, from which a context is made for this one use, or a context that was made before. Programs that connect
 * often make one context and use it for all.
 */
export type ClientSetup =
  | (ClientOptions & {
      /** Default: the first that is available, see `defaultBackend`. */
      readonly backend?: Backend | undefined
      readonly context?: undefined
    })
  | { readonly context: ClientContext }

/** Either a configuration, from which a context is made for this one use, or a context that was made before. */
export type ServerSetup =
  | (ServerOptions & { readonly backend?: Backend | undefined; readonly context?: undefined })
  | { readonly context: ServerContext }

/** Where to connect to, and how. */
export type ConnectOptions = Destination & ClientSetup

/** How to go on with TLS on a stream; `isServer` says which side of it we are. */
export type UpgradeOptions = TLSSocketOptions &
  (
    | (ClientSetup & {
        readonly isServer?: false
        /** The name or address that the certificate has to be for; `undefined` checks none, and then the trust store alone decides. */
        readonly serverName: string | undefined
      })
    | (ServerSetup & { readonly isServer: true })
  )

/** How to serve. */
export type CreateServerOptions = TLSServerOptions & ServerSetup

/**
 * Connects, and resolves when the connection is secured: the server has proved who it is, and `verifyPeer` has not refused it.
 * @throws TypeError and ConfigurationError at once; errors of the network as Node has them; TLSError for what goes wrong in TLS.
 */
export async function connect(options: ConnectOptions): Promise<TLSSocket> {
  if (options.signal?.aborted) throw abortErrorOf(options.signal)
  return createConnection(options).secured()
}

/** Like `connect`, but gives the socket at once; it emits `secureConnect`. For libraries that want a stream and no promise. */
export function createConnection(options: ConnectOptions): TLSSocket {
  const { host, port, serverName, transport, allowHalfOpen, signal, ...setup } = options
  return connectTo(clientContextOf(setup), { host, port, serverName, transport, allowHalfOpen, signal })
}

/**
 * Speaks TLS on a stream that is there already, and may have been used before: the client's side, or with `isServer` the server's.
 * Resolves when the connection is secured.
 */
export async function upgrade(stream: Duplex, options: UpgradeOptions): Promise<TLSSocket> {
  if (options.isServer === true) {
    const { isServer, allowHalfOpen, signal, ...setup } = options
    return upgradeServer(serverContextOf(setup), stream, { allowHalfOpen, signal }).secured()
  }
  const { isServer, serverName, allowHalfOpen, signal, ...setup } = options
  return upgradeClient(clientContextOf(setup), stream, serverName, { allowHalfOpen, signal }).secured()
}

/** A server over TCP; `listen` starts it. */
export function createServer(
  options: CreateServerOptions,
  onSecureConnection?: (socket: TLSSocket) => void,
): TLSServer {
  const { maxConcurrentHandshakes, allowHalfOpen, ...setup } = options
  return new TLSServer(serverContextOf(setup), { maxConcurrentHandshakes, allowHalfOpen }, onSecureConnection)
}

/** The context that a program has made, or one of its configuration. */
export function clientContextOf(setup: ClientSetup): ClientContext {
  if (setup.context !== undefined) return setup.context
  const { backend = defaultBackend(), context, ...options } = setup
  return backend.clientContext(new TLSClientConfiguration(options))
}

/** The context that a program has made, or one of its configuration. */
export function serverContextOf(setup: ServerSetup): ServerContext {
  if (setup.context !== undefined) return setup.context
  const { backend = defaultBackend(), context, ...options } = setup
  return backend.serverContext(new TLSServerConfiguration(options))
}
