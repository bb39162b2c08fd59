import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import type { ServerContext } from '../channel/context.ts'
import { requireServerContext } from '../channel/given-context.ts'
import { optionalBoolean, optionalFunction, optionalWhole, requireObject } from '../config/arguments.ts'
import { defaultHandshakeTimeoutMilliseconds } from '../config/common-options.ts'
import { HandshakeTimeoutError } from '../errors.ts'
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
  /**
   * A client whose early data was accepted, while its handshake goes on: the socket emits `earlyData` for what it says, and `writeEarly`
   * answers. `secureConnection` follows. Only where the configuration has `maxEarlyDataBytes`.
   */
  earlyConnection: [socket: TLSSocket]
  /** A client whose handshake or connection failed; others are not disturbed by it, and nobody has to listen. */
  tlsClientError: [error: Error, socket: TLSSocket]
}

/** A TCP server whose connections speak TLS. Everything of `net.Server` is there; `listen` starts it. */
export class TLSServer extends net.Server {
  #context: ServerContext
  readonly #options: TLSServerOptions
  readonly #sockets = new Set<TLSSocket>()
  readonly #waiting = new Map<Duplex | TCPTransport, NodeJS.Timeout>()
  #handshakes = 0

  /** Servers come from `createServer`. @internal */
  constructor(context: ServerContext, options: TLSServerOptions, onSecureConnection?: (socket: TLSSocket) => void) {
    // The TLS socket decides about half-open connections; the transport must not end before close_notify is sent.
    super({ allowHalfOpen: true, noDelay: true })
    const { maxConcurrentHandshakes, allowHalfOpen } = options
    optionalWhole('maxConcurrentHandshakes', maxConcurrentHandshakes, { from: 1 })
    optionalBoolean('allowHalfOpen', allowHalfOpen)
    optionalFunction('onSecureConnection', onSecureConnection)
    this.#context = context
    this.#options = options
    this.on('connection', (transport: net.Socket) => this.#accept(transport))
    if (onSecureConnection !== undefined) this.on('secureConnection', onSecureConnection)
  }

  get context(): ServerContext {
    return this.#context
  }

  /**
   * Serves new connections with other certificates, or a whole other configuration. Those that are open go on as they are. Only the
   * certificates change with `backend.serverContext(server.context.configuration.with({ certificateChain }))`.
   * @throws TypeError for what is no server's context.
   */
  setContext(context: ServerContext): void {
    this.#context = requireServerContext('setContext', context)
  }

  /**
   * Stops accepting, says close_notify to every client, and resolves when all are gone; those that linger for longer than
   * `timeoutMilliseconds` (default: 5,000) are cut off.
   */
  async shutdown(options: { readonly timeoutMilliseconds?: number } = {}): Promise<void> {
    requireObject('shutdown', options)
    const { timeoutMilliseconds = 5_000 } = options
    optionalWhole('timeoutMilliseconds', timeoutMilliseconds, { from: 0 })
    const closed = Promise.all([
      new Promise<void>((resolve) => {
        // Also where it does not listen any more: then it waits for the connections alone.
        this.close(() => resolve())
      }),
      ...[...this.#sockets].map(
        (socket) => socket.closed || new Promise<void>((resolve) => socket.once('close', resolve)),
      ),
    ])
    for (const transport of this.#waiting.keys()) this.#forget(transport).destroy()
    for (const socket of this.#sockets) {
      if (socket.secureConnecting) socket.destroy()
      else socket.end()
    }
    const cutOff = setTimeout(() => {
      for (const socket of this.#sockets) socket.resetAndDestroy()
    }, timeoutMilliseconds)
    await closed
    clearTimeout(cutOff)
  }

  /** As `shutdown`: for `await using`. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }

  #accept(accepted: net.Socket): void {
    const transport = TCPTransport.adopt(accepted) ?? accepted
    if (this.#handshakes < (this.#options.maxConcurrentHandshakes ?? defaultMaxConcurrentHandshakes)) {
      this.#serve(transport)
    } else this.#enqueue(transport)
  }

  #serve(transport: Duplex | TCPTransport): TLSSocket {
    this.#handshakes++
    const socket = new TLSSocket(this.#context.createBuffer(), transport, {
      allowHalfOpen: this.#options.allowHalfOpen,
    })
    this.#sockets.add(socket)
    const early = (): void => {
      this.emit('earlyConnection', socket)
    }
    const settle = (error?: Error): void => {
      socket.off('early', early)
      socket.off('secureConnect', settle)
      socket.off('error', settle)
      socket.off('close', settle)
      this.#handshakes--
      if (error !== undefined) this.emit('tlsClientError', error, socket)
      else if (!socket.destroyed) this.emit('secureConnection', socket)
      this.#acceptNext()
    }
    socket.on('early', early)
    socket.on('secureConnect', settle)
    socket.on('error', settle)
    socket.on('close', settle)
    socket.on('close', () => {
      // What was unwrapped lives on, and is a connection of this server still.
      const stream = streamOf(transport)
      if (stream.destroyed) this.#sockets.delete(socket)
      else stream.once('close', () => this.#sockets.delete(socket))
    })
    // A connection that breaks later must not take the process along only because nobody listens to it.
    socket.on('error', (error) => {
      if (socket.times !== undefined) this.emit('tlsClientError', error, socket)
    })
    return socket
  }

  /** What the client sends meanwhile stays with the kernel. */
  #enqueue(transport: Duplex | TCPTransport): void {
    const stream = streamOf(transport)
    stream.pause()
    stream.on('error', ignore)
    const timeout = this.#context.configuration.handshakeTimeoutMilliseconds ?? defaultHandshakeTimeoutMilliseconds
    const tooLate = setTimeout(() => {
      this.#forget(transport)
      this.#serve(transport).destroy(new HandshakeTimeoutError(timeout))
    }, timeout)
    this.#waiting.set(transport, tooLate)
  }

  #forget(transport: Duplex | TCPTransport): Duplex {
    clearTimeout(this.#waiting.get(transport))
    this.#waiting.delete(transport)
    return streamOf(transport).off('error', ignore)
  }

  #acceptNext(): void {
    for (const transport of this.#waiting.keys()) {
      if (this.#forget(transport).destroyed) continue
      this.#serve(transport)
      return
    }
  }
}

function streamOf(transport: Duplex | TCPTransport): Duplex {
  return transport instanceof TCPTransport ? transport.socket : transport
}

function ignore(): void {}

const defaultMaxConcurrentHandshakes = 256
