import * as net from 'node:net'
import type { ServerContext } from '../channel/context.ts'
import { TCPTransport } from './tcp.ts'
import { TLSSocket } from './tls-socket.ts'

/** What a server allows its connections. */
export interface TLSServerOptions {
  /** How many handshakes may run at once; further connections wait their turn, within their handshake timeout. Default: 256. */
  readonly maxConcurrentHandshakes?: number | undefined
  /** Keep the own direction of a connection open when the client closes its own. Default: false. */
  readonly allowHalfOpen?: boolean | undefined
}

/** What a server emits beside the events of `net.Server`. */
export interface TLSServerEvents {
  /** A client whose handshake is done. */
  secureConnection: [socket: TLSSocket]
  /** A client whose handshake or connection failed; others are not disturbed by it, and nobody has to listen. */
  tlsClientError: [error: Error, socket: TLSSocket]
}

/** A TCP server whose connections speak TLS. Everything of `net.Server` is there; `listen` starts it. */
export class TLSServer extends net.Server {
  #context: ServerContext
  readonly #options: TLSServerOptions
  readonly #sockets = new Set<TLSSocket>()
  readonly #waiting: net.Socket[] = []
  #handshakes = 0

  /** Servers come from `createServer`. @internal */
  constructor(context: ServerContext, options: TLSServerOptions, onSecureConnection?: (socket: TLSSocket) => void) {
    // The TLS socket decides about half-open connections; the transport must not end before close_notify is sent.
    super({ allowHalfOpen: true, noDelay: true })
    this.#context = context
    this.#options = options
    this.on('connection', (transport: net.Socket) => this.#accept(transport))
    if (onSecureConnection !== undefined) this.on('secureConnection', onSecureConnection)
  }

  get context(): ServerContext {
    return this.#context
  }

  /** Serves new connections with other certificates, or a whole other configuration. Those that are open go on as they are. */
  setContext(context: ServerContext): void {
    this.#context = context
  }

  /**
   * Stops accepting, says close_notify to every client, and resolves when all are gone; those that linger for longer than
   * `timeoutMilliseconds` (default: 5,000) are cut off.
   */
  async shutdown({ timeoutMilliseconds = 5_000 }: { readonly timeoutMilliseconds?: number } = {}): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.listening) this.close(() => resolve())
      else resolve()
    })
    for (const transport of this.#waiting.splice(0)) transport.destroy()
    for (const socket of this.#sockets) {
      if (socket.connecting) socket.destroy()
      else socket.end()
    }
    const cutOff = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, timeoutMilliseconds)
    await closed
    clearTimeout(cutOff)
  }

  /** As `shutdown`: for `await using`. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }

  #accept(transport: net.Socket): void {
    if (this.#handshakes >= (this.#options.maxConcurrentHandshakes ?? defaultMaxConcurrentHandshakes)) {
      this.#enqueue(transport)
      return
    }
    this.#handshakes++
    const socket = new TLSSocket(this.#context.createBuffer(), TCPTransport.adopt(transport) ?? transport, {
      allowHalfOpen: this.#options.allowHalfOpen,
    })
    this.#sockets.add(socket)
    const settle = (error?: Error): void => {
      socket.off('secureConnect', settle)
      socket.off('error', settle)
      socket.off('close', settle)
      this.#handshakes--
      if (error !== undefined) this.emit('tlsClientError', error, socket)
      else if (!socket.destroyed) this.emit('secureConnection', socket)
      this.#acceptNext()
    }
    socket.on('secureConnect', settle)
    socket.on('error', settle)
    socket.on('close', settle)
    socket.once('close', () => this.#sockets.delete(socket))
    // A connection that breaks later must not take the process along only because nobody listens to it.
    socket.on('error', (error) => {
      if (socket.times !== undefined) this.emit('tlsClientError', error, socket)
    })
  }

  #enqueue(transport: net.Socket): void {
    this.#waiting.push(transport)
    const forget = (): void => {
      const index = this.#waiting.indexOf(transport)
      if (index >= 0) this.#waiting.splice(index, 1)
    }
    transport.on('error', () => {})
    transport.once('close', forget)
    const timeout = this.#context.configuration.handshakeTimeoutMilliseconds ?? 30_000
    transport.setTimeout(timeout, () => transport.destroy())
  }

  #acceptNext(): void {
    const transport = this.#waiting.shift()
    if (transport === undefined) return
    transport.setTimeout(0)
    if (transport.destroyed) this.#acceptNext()
    else this.#accept(transport)
  }
}

const defaultMaxConcurrentHandshakes = 256
