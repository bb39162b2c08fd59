import type * as net from 'node:net'
import type { Duplex } from 'node:stream'
import type { ClientBufferOptions, ClientContext, ServerContext } from '../channel/context.ts'
import { optionalBoolean, optionalObject, requirePort, requireText } from '../config/arguments.ts'
import { UsageError } from '../errors.ts'
import { requireSignal } from './abort.ts'
import { TCPTransport } from './tcp.ts'
import { TLSSocket, type TLSSocketOptions } from './tls-socket.ts'

/** Where to connect to, and as whom to expect the server. */
export interface Destination extends TLSSocketOptions, ClientBufferOptions {
  readonly host: string
  readonly port: number
  /** The name or address that the certificate has to be for. Default: `host`. */
  readonly serverName?: string | undefined
  /** More for `net.connect`: `family`, `lookup`, `localAddress`, `autoSelectFamily`, … */
  readonly transport?: Partial<net.TcpNetConnectOpts> | undefined
}

/** Starts a connection; the socket emits `secureConnect` when it is secured. */
export function connectTo(context: ClientContext, destination: Destination): TLSSocket {
  requireDestination(destination)
  const { host, port, serverName = host, transport, service, session, earlyData, ...options } = destination
  // Made first: a server name that cannot be is known before anything goes over the network.
  const purpose = { serverName, service: service === undefined ? serviceOf(destination) : service }
  const buffer = context.createBuffer(serverName, { service: purpose.service, session, earlyData })
  return noting(
    purpose,
    new TLSSocket(buffer, TCPTransport.connect({ noDelay: true, ...transport, host, port }), options),
  )
}

/** @throws TypeError and ConfigurationError for what leads nowhere. A host that is missing would be this machine, and not be verified. */
export function requireDestination(destination: Destination): void {
  const { host, port, transport } = destination
  requireText('host', host)
  requirePort('port', port)
  optionalObject('transport', transport)
  requireSocketOptions(destination)
}

/**
 * Without a name the certificate is held to none: that has to be meant, and not forgotten.
 * @throws TypeError where nothing is said of it, not even `undefined`.
 */
export function requireServerName(options: { readonly serverName: string | undefined }): void {
  if ('serverName' in options) return
  throw new TypeError('serverName: has to be given; undefined holds the certificate to no name at all')
}

/** @throws TypeError for options of sockets that have another type than they must have. */
export function requireSocketOptions({ allowHalfOpen, signal }: TLSSocketOptions): void {
  optionalBoolean('allowHalfOpen', allowHalfOpen)
  requireSignal(signal)
}

/** The client's side of TLS on a stream that is there already. */
export function upgradeClient(
  context: ClientContext,
  stream: Duplex,
  serverName: string | undefined,
  { service, session, earlyData, ...options }: TLSSocketOptions & ClientBufferOptions,
): TLSSocket {
  requireUsable(stream)
  requireSocketOptions(options)
  const buffer = context.createBuffer(serverName, { service, session, earlyData })
  return noting({ serverName, service }, new TLSSocket(buffer, stream, options))
}

/** Whom a client's socket expects, and for what: its sessions are for nothing else. */
export interface Purpose {
  readonly serverName: string | undefined
  readonly service: string | undefined
}

/** `undefined` for what is no client's socket. */
export function purposeOf(socket: TLSSocket): Purpose | undefined {
  return purposes.get(socket)
}

function noting(purpose: Purpose, socket: TLSSocket): TLSSocket {
  purposes.set(socket, purpose)
  return socket
}
const purposes = new WeakMap<TLSSocket, Purpose>()

/** Sessions are for one port of a host: what answers at another may be somebody else. */
export function serviceOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host}:${port}`
}

/** The server's side of TLS on a stream that is there already. */
export function upgradeServer(context: ServerContext, stream: Duplex, options: TLSSocketOptions): TLSSocket {
  requireUsable(stream)
  requireSocketOptions(options)
  return new TLSSocket(context.createBuffer(), stream, options)
}

/** @throws TypeError for what is no stream; UsageError for one that has ended, or gives something else than bytes. */
export function requireUsable(stream: Duplex): void {
  if (typeof stream?.pipe !== 'function' || typeof stream.write !== 'function') {
    throw new TypeError('stream: expected a stream.Duplex')
  }
  if (stream.destroyed || stream.readableEnded || stream.writableEnded)
    throw new UsageError('upgrade: the stream has ended')
  if (stream.readableEncoding || stream.readableObjectMode || stream.writableObjectMode) {
    throw new UsageError('upgrade: the stream does not carry bytes', {
      hint: 'setEncoding cannot be taken back; read text from a plain stream with TextDecoder',
    })
  }
}
