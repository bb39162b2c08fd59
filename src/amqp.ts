/**
 * AMQP 1.0 over any backend: connections and servers of `rhea`, whose transport is a TLS socket of this library. `rhea` has to be
 * installed beside it (`npm install rhea`).
 */
import rhea, { type Connection, type Container, type ConnectionOptions as RheaOptions } from 'rhea'
import { type BrokerClosed, VersionDemand } from './amqp/version-demand.ts'
import { backends } from './backends.ts'
import type { ClientContext } from './channel/context.ts'
import { optionalObject, requireFunction, requireObject, requirePort, requireText } from './config/arguments.ts'
import { type CreateServerOptions, createServer } from './connections.ts'
import type { ProxyOptions } from './proxies.ts'
import { type ClientSetup, clientContextOf } from './setups.ts'
import type { Destination } from './sockets/connect.ts'
import type { TLSServer } from './sockets/tls-server.ts'
import type { TLSSocket } from './sockets/tls-socket.ts'
import { Way } from './ways.ts'

export { VersionDemandedError } from './amqp/version-demand.ts'

/** What of rhea's own options is no matter of the transport: see rhea. Durations are in milliseconds. */
export type AMQPSettings = Pick<
  RheaOptions,
  | 'all_errors_non_fatal'
  | 'channel_max'
  | 'container_id'
  | 'desired_capabilities'
  | 'hostname'
  | 'id'
  | 'idle_time_out'
  | 'incoming_locales'
  | 'initial_reconnect_delay'
  | 'max_frame_size'
  | 'max_reconnect_delay'
  | 'non_fatal_errors'
  | 'offered_capabilities'
  | 'outgoing_locales'
  | 'password'
  | 'properties'
  | 'receiver_options'
  | 'reconnect'
  | 'reconnect_limit'
  | 'sasl_init_hostname'
  | 'sender_options'
  | 'session_buffer_size'
  | 'username'
>

/** AMQP inside a WebSocket, for brokers behind what lets only HTTP pass. OASIS, AMQP WebSocket Binding, Section 2. */
export interface WebSocketOptions {
  /** The class of the package `ws`, or another that takes its option `createConnection`. */
  readonly implementation: new (
    url: string,
    protocols?: string | string[],
    options?: never,
  ) => object
  /** Where on the host. Default: `/`. */
  readonly path?: string | undefined
}

/** Where a broker is, and how to speak with it. */
export type AMQPConnectionOptions = ClientSetup &
  Pick<Destination, 'host' | 'serverName' | 'transport' | 'service'> & {
    /** Default: 5671; 443 for a WebSocket. */
    readonly port?: number | undefined
    /** A proxy to connect through, each time; it connects by TCP alone, so that `transport` is not for it. Default: none. */
    readonly proxy?: ProxyOptions | undefined
    readonly amqp?: AMQPSettings | undefined
    readonly webSocket?: WebSocketOptions | undefined
    /** Default: the one of the package `rhea` itself. */
    readonly container?: Container | undefined
  }

/**
 * Connects to a broker, and answers rhea's connection, which tells by its events how that goes on. It connects again as rhea does, and all
 * of the configuration holds each time: the context is made once, and its sessions are resumed.
 *
 * A client certificate also serves for SASL EXTERNAL, unless `amqp` names a user. What fails in TLS is the `error` of rhea's event
 * `disconnected`. Where a broker turns us away because it demands TLS 1.3, a {@link VersionDemandedError} says so, there or in
 * `connection_error`.
 * @throws TypeError and ConfigurationError at once.
 */
export function amqpConnection(options: AMQPConnectionOptions): Connection {
  requireObject('amqpConnection', options)
  const {
    amqp = {},
    webSocket,
    container = ownContainer,
    host,
    serverName,
    transport,
    service,
    proxy,
    ...rest
  } = options
  const { port = webSocket === undefined ? 5671 : 443, ...setup } = rest
  const context = clientContextOf(setup)
  requireText('host', host)
  requirePort('port', port)
  requireRhea(amqp, container)
  optionalObject('webSocket', webSocket)
  if (webSocket !== undefined) requireFunction('webSocket.implementation', webSocket.implementation)
  const way = new Way(context, { proxy, transport })
  let latest: TLSSocket | undefined
  // What goes wrong before that, at a proxy perhaps, the broker has not done.
  let isReached = false
  const open = (): TLSSocket => {
    isReached = false
    latest = way.socket({ host, port, serverName, service }).once('connect', () => {
      isReached = true
    })
    return latest
  }
  const connect = webSocket === undefined ? overTCP(open) : overWebSocket(open, { host, port }, webSocket, container)
  const connection = container.create_connection({
    ...amqp,
    ...externalMechanism(context, amqp, container),
    host,
    port,
    connection_details: () => ({ host, port, connect }),
  } as RheaOptions)
  const demand = new VersionDemand(context, backends)
  explainErrors(connection, {
    lost: (error) => (isReached ? demand.explainLost(error) : error),
    closed: (error) => demand.explainClosed(error, latest?.facts.version),
  })
  return connection.connect()
}

/** How to serve AMQP. */
export type AMQPServerOptions = CreateServerOptions & {
  readonly amqp?: Pick<AMQPSettings, keyof AMQPSettings & keyof RheaOptions> | undefined
  /** Whose events tell of clients, and whose `sasl_server_mechanisms` let them in. Default: the one of the package `rhea` itself. */
  readonly container?: Container | undefined
}

/**
 * A server whose clients speak AMQP with rhea; `listen` starts it. A client whose certificate was verified may say who it is by SASL
 * EXTERNAL. Clients whose handshake fails are told of by `tlsClientError`.
 */
export function amqpServer(given: AMQPServerOptions): TLSServer {
  requireObject('amqpServer', given)
  const { amqp = {}, container = ownContainer, ...options } = given
  requireRhea(amqp, container)
  const verifies = options.context?.configuration ?? options
  const asksClients = 'clientAuthentication' in verifies && (verifies.clientAuthentication ?? 'none') !== 'none'
  return createServer(options, (socket) => {
    const settings = { ...amqp, ...(asksClients && { enable_sasl_external: true }) }
    ;(container.create_connection(settings as RheaOptions) as unknown as Accepting).accept(socket)
  })
}

/** @throws TypeError for settings and containers that are none. */
function requireRhea(amqp: unknown, container: Container): void {
  requireObject('amqp', amqp)
  requireObject('container', container)
  requireFunction('container.create_connection', container.create_connection)
}

interface Accepting {
  accept(socket: TLSSocket): void
}

const ownContainer = rhea as unknown as Container

/** As rhea calls `tls.connect`. */
type Connect = (port: number, host: string, options: unknown, connected: () => void) => object

function overTCP(open: () => TLSSocket): Connect {
  return (_port, _host, _options, connected) => open().once('secureConnect', connected)
}

function overWebSocket(
  open: () => TLSSocket,
  { host, port }: { readonly host: string; readonly port: number },
  { implementation, path = '/' }: WebSocketOptions,
  container: Container,
): Connect {
  const url = new URL(path, `wss://${host.includes(':') ? `[${host}]` : host}:${port}`)
  const make = container.websocket_connect(implementation as never)(url.href, ['amqp'], { createConnection: open })
  return make().connect as Connect
}

/** SASL EXTERNAL, where we show who we are by a certificate and nothing else is configured. */
function externalMechanism(
  { configuration: { certificateChain, chooseCertificate } }: ClientContext,
  { username }: AMQPSettings,
  container: Container,
): { readonly sasl_mechanisms?: object } {
  if (username !== undefined || (certificateChain === undefined && chooseCertificate === undefined)) return {}
  const mechanisms = (container as unknown as WithMechanisms).sasl.client_mechanisms()
  mechanisms.enable_external()
  return { sasl_mechanisms: mechanisms }
}

interface WithMechanisms {
  readonly sasl: { client_mechanisms(): { enable_external(): void } }
}

/** rhea asks these two of itself, for what its events tell. */
interface Telling {
  on_error(error?: unknown): void
  get_error(): BrokerClosed | undefined
}

function explainErrors(
  connection: Connection,
  explain: { readonly lost: (error: Error) => Error; readonly closed: (error: BrokerClosed) => Error },
): void {
  const telling = connection as unknown as Telling
  const { on_error: onError, get_error: getError } = telling
  telling.on_error = function (this: Telling, told) {
    // A WebSocket tells of errors by events.
    const error = (told as { readonly error?: unknown } | undefined)?.error ?? told
    onError.call(this, error instanceof Error ? explain.lost(error) : error)
  }
  telling.get_error = function (this: Telling) {
    const error = getError.call(this)
    return error && explain.closed(error)
  }
}
