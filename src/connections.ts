import type { Duplex } from 'node:stream'
import type { ClientBufferOptions } from './channel/context.ts'
import { parseServerName } from './channel/server-name.ts'
import { ConfigurationError } from './errors.ts'
import { type ProxyOptions, tunnel } from './proxies.ts'
import { type ClientSetup, clientContextOf, type ServerSetup, serverContextOf } from './setups.ts'
import { abortErrorOf } from './sockets/abort.ts'
import { connectTo, type Destination, serviceOf, upgradeClient, upgradeServer } from './sockets/connect.ts'
import { TLSServer, type TLSServerOptions } from './sockets/tls-server.ts'
import type { TLSSocket, TLSSocketOptions } from './sockets/tls-socket.ts'

/** Where to connect to, and how. */
export type ConnectionOptions = Destination & ClientSetup

/** Where to connect to, and how, and what lies between. */
export type ConnectOptions = ConnectionOptions & {
  /** A proxy to connect through; it connects by TCP alone, so that `transport` is not for it. Default: none. */
  readonly proxy?: ProxyOptions | undefined
}

/** How to go on with TLS on a stream; `isServer` says which side of it we are. */
export type UpgradeOptions = TLSSocketOptions &
  (
    | (ClientSetup &
        ClientBufferOptions & {
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
export async function connect({ proxy, ...options }: ConnectOptions): Promise<TLSSocket> {
  if (options.signal?.aborted) throw abortErrorOf(options.signal)
  if (proxy === undefined) return createConnection(options).secured()
  const { host, port, serverName = host, transport, allowHalfOpen, signal, ...more } = options
  const { service = serviceOf(options), session, earlyData, ...setup } = more
  if (transport !== undefined) throw new ConfigurationError('transport', 'is not for a connection through a proxy')
  parseServerName(serverName)
  const context = clientContextOf(setup)
  const stream = await tunnel({ host, port, proxy, signal }, { plainTextFollows: false })
  return upgradeClient(context, stream, serverName, { allowHalfOpen, signal, service, session, earlyData }).secured()
}

/** Like `connect`, but gives the socket at once; it emits `secureConnect`. For libraries that want a stream and no promise; without proxies. */
export function createConnection(options: ConnectionOptions): TLSSocket {
  const { host, port, serverName, transport, allowHalfOpen, signal, service, session, earlyData, ...setup } = options
  const destination = { host, port, serverName, transport, allowHalfOpen, signal, service, session, earlyData }
  return connectTo(clientContextOf(setup), destination)
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
  const { isServer, serverName, allowHalfOpen, signal, service, session, earlyData, ...setup } = options
  const more = { allowHalfOpen, signal, service, session, earlyData }
  return upgradeClient(clientContextOf(setup), stream, serverName, more).secured()
}

/** A server over TCP; `listen` starts it. */
export function createServer(
  options: CreateServerOptions,
  onSecureConnection?: (socket: TLSSocket) => void,
): TLSServer {
  const { maxConcurrentHandshakes, allowHalfOpen, ...setup } = options
  return new TLSServer(serverContextOf(setup), { maxConcurrentHandshakes, allowHalfOpen }, onSecureConnection)
}
