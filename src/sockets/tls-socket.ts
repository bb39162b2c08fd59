import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ClientContext, ServerContext } from '../channel/context.ts'
import type { ConnectionFacts } from '../channel/facts.ts'
import type { TLSBuffer } from '../channel/tls-buffer.ts'
import { defaultHandshakeTimeoutMilliseconds } from '../config/common-options.ts'
import { HandshakeTimeoutError, RaggedEOFError, UsageError } from '../errors.ts'
import { answerPause } from './pause-driver.ts'
import { Pump, type PumpListener } from './pump.ts'
import { SocketMembers } from './socket-members.ts'
import type { TCPTransport } from './tcp.ts'
import { closeTransport, makeFresh } from './transport.ts'

/** How a socket behaves as a stream. */
export interface TLSSocketOptions {
  /** Keep the own direction open when the peer closes its own. Default: false, as sockets of `node:net`. */
  readonly allowHalfOpen?: boolean | undefined
  /** Destroys the socket when it is aborted, at any time. */
  readonly signal?: AbortSignal | undefined
}

/** How long each phase took, in milliseconds. */
export interface PhaseTimes {
  /** From the call until the transport was connected; 0 for a stream that was given. */
  readonly connect: number
  /** From then until the handshake was done, the veto included. */
  readonly handshake: number
}

/**
 * TLS over any stream, as a stream. It emits `secureConnect` when the handshake is done; what is written before is sent then.
 * Errors come as `error`, after everything that was received before them has been read.
 */
export class TLSSocket extends SocketMembers implements PumpListener {
  readonly context: ClientContext | ServerContext
  readonly #buffer: TLSBuffer
  readonly #pump: Pump
  #state: 'connecting' | 'handshaking' | 'open' | 'unwrapping' | 'unwrapped' = 'connecting'
  /** The stream machinery asked for data and got none yet. */
  #wantsData = false
  #peerClosed = false
  /** The transport is gone, perhaps with a reason. */
  #lost: { readonly error: Error | undefined } | undefined
  /** Nothing more can come from the transport, so that what the channel holds is all there is to wait for. */
  #noMore = false
  /** A write, or the end of writing, that waits for the handshake or for the transport. */
  #waiting: { readonly retry: () => void; readonly callback: WriteCallback } | undefined
  /** What ends the socket as soon as the program has read what came before it. */
  #endError: Error | undefined
  #unwrapping: { resolve(transport: Duplex): void; reject(error: Error): void } | undefined
  readonly #handshakeTimer: NodeJS.Timeout
  readonly #createdAt: number = performance.now()
  #connectedAt = 0
  #securedAt = 0
  #stopListening: (() => void) | undefined

  /**
   * Sockets come from `connect`, `upgrade` and `createServer`.
   * @internal
   */
  constructor(buffer: TLSBuffer, transport: Duplex | TCPTransport, options: TLSSocketOptions = {}) {
    super({ allowHalfOpen: options.allowHalfOpen ?? false })
    this.context = buffer.context
    this.#buffer = buffer
    this.#pump = new Pump(buffer, transport, this)
    const timeout = buffer.context.configuration.handshakeTimeoutMilliseconds ?? defaultHandshakeTimeoutMilliseconds
    this.#handshakeTimer = setTimeout(() => this.destroy(new HandshakeTimeoutError(timeout)), timeout)
    if (options.signal !== undefined) this.#listenTo(options.signal)
    if ((this.transport as Partial<Socket>).connecting === true) this.#awaitConnection(this.transport)
    else this.#startHandshake(this.#createdAt)
  }

  /** What was agreed; nothing before the handshake is done. Stays readable after the end. */
  get facts(): ConnectionFacts {
    return this.#buffer.facts
  }

  /** `undefined` until the handshake is done. */
  get times(): PhaseTimes | undefined {
    if (this.#securedAt === 0) return undefined
    return { connect: this.#connectedAt - this.#createdAt, handshake: this.#securedAt - this.#connectedAt }
  }

  /** Bytes of ciphertext that came from the transport. */
  get bytesRead(): number {
    return this.#pump.bytesRead
  }
  /** Bytes of ciphertext that were handed to the transport. */
  get bytesWritten(): number {
    return this.#pump.bytesWritten
  }

  protected get transport(): Duplex {
    return this.#pump.transport
  }

  /** Resolves when the handshake is done; rejects with what went wrong before. */
  secured(): Promise<this> {
    if (this.#securedAt !== 0) return Promise.resolve(this)
    const closedEarly = (): Error =>
      this.errored ?? new UsageError('the socket was closed before its handshake was done')
    if (this.destroyed) return Promise.reject(closedEarly())
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.off('secureConnect', settle)
        this.off('error', settle)
        this.off('close', settle)
        if (this.#securedAt !== 0) resolve(this)
        else reject(closedEarly())
      }
      this.on('secureConnect', settle)
      this.on('error', settle)
      this.on('close', settle)
    })
  }

  /**
   * Ends TLS and gives the stream below back, to go on in plain text. Waits for what was written, says close_notify, and waits for
   * the peer's. What the peer sends before its own close_notify is read from this socket as ever; what comes behind it is read from
   * the stream. The side that waits for the other to begin needs `allowHalfOpen`, or it answers close_notify by closing.
   */
  unwrap(): Promise<Duplex> {
    if (this.#state !== 'open' || this.writableEnded || this.destroyed) {
      return Promise.reject(new UsageError('unwrap: the socket is not open'))
    }
    return new Promise((resolve, reject) => {
      // Behind everything that was written before.
      this.write(Buffer.alloc(0), (error) => {
        if (error) {
          reject(error)
          return
        }
        this.#state = 'unwrapping'
        this.#unwrapping = { resolve, reject }
        this.#advance()
      })
    })
  }

  // ── the stream ──

  override _read(): void {
    this.#wantsData = true
    if (this.#state === 'open' || this.#state === 'unwrapping') this.#advance()
  }

  override read(size?: number): ReturnType<Duplex['read']> {
    const chunk = super.read(size)
    if (this.#endError !== undefined && this.readableLength === 0) this.#endAfterReading(this.#endError)
    return chunk
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.#send(chunk, 0, callback)
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: WriteCallback): void {
    // Small pieces share a record.
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), 0, callback)
  }

  override _final(callback: WriteCallback): void {
    if (this.#state === 'unwrapping' || this.#state === 'unwrapped') callback()
    else if (this.#state !== 'open') this.#waiting = { retry: () => this._final(callback), callback }
    else {
      this.#attempt(() => {
        this.#buffer.shutdown()
        this.#pump.flush()
        // Nothing may follow close_notify, so this direction of the transport ends as well.
        this.transport.end()
        callback()
      }, callback)
    }
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#handshakeTimer)
    this.stopIdleTimer()
    if (error !== null) this.rememberPeer()
    this.#stopListening?.()
    const closed = error ?? new UsageError('the socket was closed')
    this.#unwrapping?.reject(closed)
    this.#waiting?.callback(closed)
    this.#waiting = undefined
    if (this.#state === 'unwrapped') {
      this.#buffer[Symbol.dispose]()
      callback(error)
      return
    }
    // An alert may be waiting there.
    this.#pump.flush()
    this.#pump.detach()
    this.#buffer[Symbol.dispose]()
    closeTransport(this.transport, () => callback(error))
  }

  /** Closes gracefully, and is done when everything is closed. */
  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return
    await new Promise<void>((resolve) => {
      this.once('close', resolve)
      // Nobody is there any more for what may still come or go wrong.
      this.on('error', () => {})
      this.resume()
      this.end()
    })
  }

  // ── what the pump tells ──

  transportAdvanced(): void {
    this.touch()
    if (this.#state === 'handshaking') this.#handshake()
    else this.#advance()
  }

  transportDrained(): void {
    const waiting = this.#waiting
    if (waiting === undefined || this.#state === 'handshaking') return
    this.#waiting = undefined
    waiting.retry()
  }

  transportEnded(): void {
    this.#noMore = true
    this.#buffer.endIncoming()
    this.transportAdvanced()
  }

  transportLost(error: Error | undefined): void {
    if (this.destroyed || this.#lost !== undefined) return
    this.#lost = { error }
    this.transportEnded()
    this.transportDrained()
  }

  // ── steps ──

  #awaitConnection(transport: Duplex): void {
    const failed = (error: Error): void => {
      this.destroy(error)
    }
    transport.once('error', failed)
    transport.once('connect', () => {
      transport.off('error', failed)
      if (this.destroyed) return
      this.emit('connect')
      this.#startHandshake(performance.now())
    })
  }

  #startHandshake(connectedAt: number): void {
    this.#connectedAt = connectedAt
    this.#state = 'handshaking'
    this.#pump.attach()
    this.#handshake()
  }

  #handshake(): void {
    if (this.destroyed) return
    this.#attempt(() => {
      const step = this.#buffer.handshake()
      this.#pump.flush()
      this.#pump.refill()
      if (step === 'done') this.#opened()
      else if (step === 'paused') answerPause(this.#buffer, () => this.#handshake())
      else if (step === 'closed') throw new RaggedEOFError('handshake')
    })
  }

  #opened(): void {
    clearTimeout(this.#handshakeTimer)
    this.#state = 'open'
    this.#securedAt = performance.now()
    this.emit('secureConnect')
    this.transportDrained()
    // Like a plain socket, it reads a little ahead, so that the end is noticed also where nobody reads.
    this.read(0)
    this.#advance()
  }

  /** Reads what there is for as long as it is wanted; all of it when no more can come. */
  #advance(): void {
    if (this.destroyed || this.#state === 'unwrapped') return
    this.#attempt(() => {
      while ((this.#wantsData || this.#noMore) && !this.#peerClosed) {
        const chunk = this.#buffer.read(readBytes)
        if (chunk === 'closed') {
          this.#peerClosed = true
          this.push(null)
          // Has the stream notice its end although nobody may be reading.
          this.read(0)
        } else if (chunk === 'want-write') this.#pump.flush()
        else if (typeof chunk === 'string') break
        else {
          this.#wantsData = this.push(chunk)
          this.#pump.refill()
        }
      }
      if (this.#state === 'unwrapping') this.#continueUnwrapping()
      this.#pump.flush()
    })
  }

  #continueUnwrapping(): void {
    let step = this.#buffer.shutdown()
    while (this.#pump.flush() && step === 'want-write') step = this.#buffer.shutdown()
    if (step !== 'done') return
    this.#state = 'unwrapped'
    this.#pump.detach()
    const behind = Buffer.concat([this.#buffer.releaseIncoming(), this.#pump.takeHeld()])
    const unwrapping = this.#unwrapping
    this.#unwrapping = undefined
    if (!this.#peerClosed) this.push(null)
    this.#peerClosed = true
    this.end()
    makeFresh(this.transport, behind, () => unwrapping?.resolve(this.transport))
  }

  #send(chunk: Uint8Array, sent: number, callback: WriteCallback): void {
    if (this.#state === 'connecting' || this.#state === 'handshaking') {
      this.#waiting = { retry: () => this.#send(chunk, sent, callback), callback }
      return
    }
    this.touch()
    this.#attempt(() => {
      if (this.#lost !== undefined) throw this.#lost.error ?? new RaggedEOFError('data')
      let offset = sent
      while (offset < chunk.byteLength) {
        const taken = this.#buffer.write(offset === 0 ? chunk : chunk.subarray(offset))
        if (typeof taken === 'number') offset += taken
        if (this.#pump.flush()) continue
        this.#waiting = { retry: () => this.#send(chunk, offset, callback), callback }
        return
      }
      callback()
    }, callback)
  }

  /** Runs a step. What it throws ends the socket: through the callback of a write, or as `error`. */
  #attempt(step: () => void, callback?: WriteCallback): void {
    try {
      step()
    } catch (thrown) {
      // That the connection ended is the smaller part of the truth where the transport said why.
      const error = thrown instanceof RaggedEOFError ? (this.#lost?.error ?? thrown) : (thrown as Error)
      if (callback !== undefined) callback(error)
      else this.#endWith(error)
    }
  }

  /** Ends with an error, but not before the program has read what was received, if it reads at all. */
  #endWith(error: Error): void {
    const isRead = this.readableFlowing !== null || this.listenerCount('readable') > 0
    if (this.readableLength === 0 || !isRead) {
      this.destroy(error)
      return
    }
    this.#lost ??= { error }
    this.#endError = error
    this.#pump.flush()
    this.#pump.detach()
    this.transport.destroy()
  }

  #endAfterReading(error: Error): void {
    this.#endError = undefined
    // Behind the listeners of the last data.
    process.nextTick(() => this.destroy(error))
  }

  #listenTo(signal: AbortSignal): void {
    const abort = (): void => {
      this.destroy(
        signal.reason instanceof Error
          ? signal.reason
          : new Error('the operation was aborted', { cause: signal.reason }),
      )
    }
    if (signal.aborted) {
      process.nextTick(abort)
      return
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#stopListening = () => signal.removeEventListener('abort', abort)
  }
}

type WriteCallback = (error?: Error | null) => void

/** How much plaintext is taken from the channel at once. */
const readBytes = 128 * 1024
