import { type Duplex, PassThrough } from 'node:stream'
import type { PeerCertificate } from 'node:tls'
import type { ConnectionFacts } from '../channel/facts.ts'
import { UsageError } from '../errors.ts'
import { RelayStream } from './relay-stream.ts'
import { TLSSocket } from './tls-socket.ts'

/**
 * A socket for a library that wants one before there is any: while a proxy is asked, or a dialogue is held in plain text. What is written
 * waits. It emits `connect` when it is there, and then `secureConnect` where it is encrypted.
 */
export class PromisedSocket extends RelayStream {
  #opened: Duplex | undefined
  /** A write, or the end of writing, that waits for the socket. */
  #waiting: { readonly retry: () => void; readonly callback: (error: Error) => void } | undefined
  readonly #givenUp = new AbortController()

  constructor() {
    super(new PassThrough({ allowHalfOpen: false }))
  }

  /** Waits for what `open` gives; `signal` is aborted when nobody wants it any more. */
  open(open: (signal: AbortSignal) => Promise<Duplex>): this {
    open(this.#givenUp.signal).then(
      (socket) => this.#follow(socket),
      (error: Error) => this.destroy(error),
    )
    return this
  }

  override get connecting(): boolean {
    return this.#opened === undefined && !this.destroyed
  }
  get secureConnecting(): boolean {
    return this.connecting
  }
  get encrypted(): boolean {
    return this.#tls !== undefined
  }
  /** What was agreed; `undefined` before there is a socket, and in plain text. */
  get facts(): ConnectionFacts | undefined {
    return this.#tls?.facts
  }
  get authorized(): boolean {
    return this.#tls?.authorized ?? false
  }
  get alpnProtocol(): string | false | null {
    return this.#tls?.alpnProtocol ?? null
  }
  get servername(): string | false | null {
    return this.#tls?.servername ?? null
  }
  getProtocol(): string | null {
    return this.#tls?.getProtocol() ?? null
  }
  getCipher(): ReturnType<TLSSocket['getCipher']> {
    return this.#tls?.getCipher()
  }
  getPeerCertificate(detailed?: boolean): PeerCertificate | Record<string, never> {
    return this.#tls?.getPeerCertificate(detailed) ?? {}
  }

  get #tls(): TLSSocket | undefined {
    return this.#opened instanceof TLSSocket ? this.#opened : undefined
  }

  #follow(socket: Duplex): void {
    if (this.destroyed) {
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    if (socket.destroyed) {
      // It broke between those who opened it and us.
      this.destroy(socket.errored ?? undefined)
      return
    }
    this.#opened = socket
    this.attach(socket)
    this.emit('connect')
    this.emit('ready')
    if (this.#tls !== undefined) this.emit('secureConnect')
    this.#waiting?.retry()
    this.#waiting = undefined
  }

  override _write(chunk: Uint8Array, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#opened !== undefined) super._write(chunk, encoding, callback)
    else this.#waiting = { retry: () => super._write(chunk, encoding, callback), callback }
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#opened !== undefined) super._final(callback)
    else this.#waiting = { retry: () => super._final(callback), callback }
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const closed = error ?? new UsageError('the socket was closed')
    this.#givenUp.abort(closed)
    this.#waiting?.callback(closed)
    this.#waiting = undefined
    super._destroy(error, callback)
  }
}
