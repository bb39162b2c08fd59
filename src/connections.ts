import type { Duplex } from 'node:stream'
import type { ClientBufferOptions } from './channel/context.ts'
import { optionalBoolean, requireObject } from './config/arguments.ts'
import type { ProxyOptions } from './proxies.ts'
import { type ClientSetup, clientContextOf, type ServerSetup, serverContextOf } from './setups.ts'
import { abortErrorOf } from './sockets/abort.ts'
import {
  type Destination,
  requireDestination,
  requireServerName,
  requireUsable,
  upgradeClient,
  upgradeServer,
} from './sockets/connect.ts'
import { TLSServer, type TLSServerOptions } from './sockets/tls-server.ts'
import type { TLSSocket, TLSSocketOptions } from './sockets/tls-socket.ts'
import { Way } from './ways.ts'

/** Where to connect to, and how, and what lies between. */
export type ConnectOptions = Destination &
  ClientSetup & {
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
export async function connect(options: ConnectOptions): Promise<TLSSocket> {
  const [way, destination] = prepare('connect', options)
  if (options.signal?.aborted) throw abortErrorOf(options.signal)
  return way.open(destination)
}

/** Like `connect`, but gives the socket at once; it emits `secureConnect`. For libraries that want a stream and no promise. */
export function createConnection(options: ConnectOptions): TLSSocket {
  const [way, destination] = prepare('createConnection', options)
  return way.socket(destination)
}

function prepare(call: string, given: ConnectOptions): [Way, Omit<Destination, 'transport'>] {
  requireObject(call, given)
  const { proxy, transport, ...options } = given
  requireDestination(options)
  const { host, port, serverName, allowHalfOpen, signal, service, session, earlyData, ...setup } = options
  const destination = { host, port, serverName, allowHalfOpen, signal, service, session, earlyData }
  return [new Way(clientContextOf(setup), { proxy, transport }), destination]
}

/**
 * Speaks TLS on a stream that is there already, and may have been used before: the client's side, or with `isServer` the server's.
 * Resolves when the connection is secured.
 */
export async function upgrade(stream: Duplex, options: UpgradeOptions): Promise<TLSSocket> {
  requireObject('upgrade', options)
  optionalBoolean('isServer', options.isServer)
  requireUsable(stream)
  if (options.isServer === true) {
    const { isServer, allowHalfOpen, signal, ...setup } = options
    return upgradeServer(serverContextOf(setup), stream, { allowHalfOpen, signal }).secured()
  }
  requireServerName(options)
  const { isServer, serverName, allowHalfOpen, signal, service, session, earlyData, ...setup } = options
  const more = { allowHalfOpen, signal, service, session, earlyData }
  return upgradeClient(clientContextOf(setup), stream, serverName, more).secured()
}

/** A server over TCP; `listen` starts it. */
export function createServer(
  options: CreateServerOptions,
  onSecureConnection?: (socket: TLSSocket) => void,
): TLSServer {
  requireObject('createServer', options)
  const { maxConcurrentHandshakes, allowHalfOpen, ...setup } = options
  return new TLSServer(serverContextOf(setup), { maxConcurrentHandshakes, allowHalfOpen }, onSecureConnection)
}
