import { once } from 'node:events'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import * as tls from 'node:tls'
import {
  type Backend,
  type ClientOptions,
  connect,
  createServer,
  type ServerOptions,
  type TLSServer,
  type TLSServerOptions,
  type TLSSocket,
  type TLSSocketOptions,
  upgrade,
} from 'polytls'
import { authority, clientIdentity, hostName, matching, serverIdentity } from '../support/identities.ts'

export const host = '127.0.0.1'
export { hostName }

/** What is called after a test, whatever became of it. */
type Cleaner = Pick<TestContext, 'after'>

/** A server of `node:net`, listening on the loopback; everything that it accepted is destroyed after the test. */
export async function rawServer(t: Cleaner, accept: (socket: net.Socket) => void): Promise<number> {
  return listen(t, net.createServer({ allowHalfOpen: true }, accept))
}

/**
 * A server of `node:tls` with a certificate for `hostName`. Connections are handed over one turn late: what node:tls ends while its
 * session tickets are still being sent, it ends without close_notify.
 */
export async function nodeServer(
  t: Cleaner,
  accept: (socket: tls.TLSSocket) => void,
  options: tls.TlsOptions = {},
): Promise<number> {
  const server = tls.createServer({ ...(await nodeServerOptions()), ...options }, (socket) => {
    setImmediate(accept, socket)
  })
  server.on('tlsClientError', () => {})
  return listen(t, server)
}

export async function nodeServerOptions(): Promise<tls.TlsOptions> {
  const { certificate, chain, key } = await serverIdentity()
  return { cert: [certificate, ...chain].join(''), key }
}

/** A secured client of `node:tls`. */
export async function nodeClient(
  t: Cleaner,
  port: number,
  options: tls.ConnectionOptions & { readonly allowHalfOpen?: boolean } = {},
): Promise<tls.TLSSocket> {
  const socket = tls.connect({ ...(await nodeClientOptions()), host, port, ...options })
  destroyAfter(t, socket)
  await once(socket, 'secureConnect')
  return socket
}

export async function nodeClientOptions(): Promise<tls.ConnectionOptions> {
  return { ca: (await authority()).certificate, servername: hostName }
}

/** A certificate of a client, for `node:tls`. */
export async function nodeClientCertificate(): Promise<{ cert: string; key: string }> {
  const { certificate, key } = await clientIdentity()
  return { cert: certificate, key }
}

/** A secured client of ours. */
export async function client(
  t: Cleaner,
  port: number,
  options: ClientOptions & TLSSocketOptions & { readonly backend?: Backend } = {},
): Promise<TLSSocket> {
  const socket = await connect({ host, port, serverName: hostName, ...(await matching()).client, ...options })
  return destroyAfter(t, socket)
}

/** Both sides of ours on a wire of any kind. */
export async function securedPair(
  t: Cleaner,
  [here, there]: readonly [Duplex, Duplex],
  clientOptions: ClientOptions & TLSSocketOptions & { readonly backend?: Backend } = {},
  serverOptions: Partial<ServerOptions> & TLSSocketOptions & { readonly backend?: Backend } = {},
): Promise<[client: TLSSocket, server: TLSSocket]> {
  const ours = await matching()
  const [client, server] = await Promise.all([
    upgrade(here, { serverName: hostName, ...ours.client, ...clientOptions }),
    upgrade(there, { isServer: true, ...ours.server, ...serverOptions }),
  ])
  return [destroyAfter(t, client), destroyAfter(t, server)]
}

/** A server of ours, listening on the loopback. */
export async function server(
  t: Cleaner,
  accept: (socket: TLSSocket) => void,
  options: Partial<ServerOptions> & TLSServerOptions & { readonly backend?: Backend } = {},
): Promise<{ readonly server: TLSServer; readonly port: number }> {
  const made = createServer({ ...(await matching()).server, ...options }, accept)
  t.after(() => made.shutdown({ timeoutMilliseconds: 0 }))
  made.listen(0, host)
  await once(made, 'listening')
  return { server: made, port: portOf(made) }
}

export async function listen(t: Cleaner, made: net.Server): Promise<number> {
  made.on('connection', (socket) => {
    socket.on('error', () => {})
    destroyAfter(t, socket)
  })
  t.after(() => made.close())
  made.listen(0, host)
  await once(made, 'listening')
  return portOf(made)
}

/** A plain TCP connection. */
export async function rawClient(t: Cleaner, port: number, options: Partial<net.TcpNetConnectOpts> = {}) {
  const socket = net.connect({ host, port, ...options })
  destroyAfter(t, socket)
  await once(socket, 'connect')
  return socket
}

/** Both ends of one TCP connection; each keeps its direction open until it is told otherwise. */
export async function tcpPair(t: Cleaner): Promise<[net.Socket, net.Socket]> {
  let take: (socket: net.Socket) => void = () => {}
  const other = new Promise<net.Socket>((resolve) => {
    take = resolve
  })
  const port = await rawServer(t, (socket) => take(socket))
  return [await rawClient(t, port, { allowHalfOpen: true }), await other]
}

export function portOf(made: net.Server): number {
  return (made.address() as net.AddressInfo).port
}

export function destroyAfter<S extends Duplex>(t: Cleaner, socket: S): S {
  t.after(() => {
    socket.on('error', () => {})
    socket.destroy()
  })
  return socket
}

/** What stands between a client and a server, and cuts the wire when it is told to. */
export interface Between {
  readonly port: number
  /** The side of the client, once it is there. */
  near(): net.Socket
  /** The side of the server. */
  far(): net.Socket
  /** Ends the client's connection as if the server had, without its goodbye. */
  cut(): void
  reset(): void
}

export async function between(t: Cleaner, port: number): Promise<Between> {
  let near: net.Socket | undefined
  let far: net.Socket | undefined
  const own = await rawServer(t, (socket) => {
    near = socket
    far = destroyAfter(t, net.connect({ port, host, allowHalfOpen: true }))
    far.on('error', () => {})
    near.pipe(far)
    far.pipe(near)
  })
  const there = (): net.Socket => {
    if (near === undefined) throw new Error('nobody has connected')
    return near
  }
  const cut = (): net.Socket => {
    far?.unpipe(there())
    return there()
  }
  const beyond = (): net.Socket => {
    if (far === undefined) throw new Error('nobody has connected')
    return far
  }
  return { port: own, near: there, far: beyond, cut: () => void cut().end(), reset: () => void cut().resetAndDestroy() }
}
