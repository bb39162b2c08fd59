// over 400 lines: the states of a socket and the steps between them are one thing, read side by side.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { PauseRequest } from '../channel/pause.ts'
import type { TLSBuffer, Waiting } from '../channel/tls-buffer.ts'
import { RaggedEOFError, UsageError } from '../errors.ts'
import { onAbort } from './abort.ts'
import { answerPause } from './pause-driver.ts'
import { Pump, type PumpListener } from './pump.ts'
import { SessionMembers } from './session-members.ts'
import { closeGracefully, HandshakeClock, type PhaseTimes, secured, whenHeard } from './socket-phases.ts'
import type { TCPTransport } from './tcp.ts'
import { awaitConnection, closeTransport, makeFresh } from './transport.ts'

/** How a socket behaves as a stream. */
export interface TLSSocketOptions {
  /** Keep the own direction open when the peer closes its own. Default: false, as sockets of `node:net`. */
  readonly allowHalfOpen?: boolean | undefined
  /** Destroys the socket when it is aborted, at any time. */
  readonly signal?: AbortSignal | undefined
}

/**
 * TLS over any stream, as a stream. It emits `secureConnect` when the handshake is done; what is written before is sent then.
 * Errors come as `error`, after everything that was received before them has been read.
 */
export class TLSSocket extends SessionMembers implements PumpListener {
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
  /** A step has to wait until the transport takes more. */
  #isBlocked = false
  /** What waits, waits for the channel and not for the transport. */
  #awaitsChannel = false
  /** A write, or the end of writing, that waits for the handshake or for the transport. */
  #waiting: { readonly retry: () => void; readonly callback: WriteCallback } | undefined
  /** What ends the socket as soon as the program has read what came before it. */
  #endError: Error | undefined
  #acceptsAbruptEnd = false
  /** The pause that somebody has been asked to answer. */
  #asked: PauseRequest | undefined
  #unwrapping: { resolve(transport: Duplex): void; reject(error: Error): void } | undefined
  readonly #clock: HandshakeClock
  readonly #stopListening: (() => void) | undefined

  /**
   * Sockets come from `connect`, `upgrade` and `createServer`.
   * @internal
   */
  constructor(buffer: TLSBuffer, transport: Duplex | TCPTransport, options: TLSSocketOptions = {}) {
    super(buffer, { allowHalfOpen: options.allowHalfOpen ?? false })
    this.#buffer = buffer
    this.#pump = new Pump(buffer, transport, this)
    this.#clock = new HandshakeClock(buffer.context.configuration, (error) => this.destroy(error))
    this.#stopListening = options.signal && onAbort(options.signal, (error) => this.destroy(error))
    if ((this.transport as Partial<Socket>).connecting === true) {
      awaitConnection(this.transport, {
        failed: (error) => this.destroy(error ?? new RaggedEOFError('handshake')),
        connected: () => this.#connected(),
      })
    } else this.#startHandshake()
  }

  /** `undefined` until the handshake is done. */
  get times(): PhaseTimes | undefined {
    return this.#clock.times
  }

  /** Bytes of ciphertext that came from the transport. */
  get bytesRead(): number {
    return this.#pump.bytesRead
  }
  /** Bytes of ciphertext that were handed to the transport. */
  get bytesWritten(): number {
    return this.#pump.bytesWritten
  }

  get connecting(): boolean {
    return this.#state === 'connecting' && !this.destroyed
  }

  protected get transport(): Duplex {
    return this.#pump.transport
  }
  protected flushChannel(): boolean {
    return this.#pump.flush()
  }

  /**
   * Takes it for an end where the peer closes without close_notify after we have said ours. For protocols whose messages tell where they
   * end, spoken by libraries that would report an error of a connection that they have ended. @internal
   */
  acceptAbruptEnd(): this {
    this.#acceptsAbruptEnd = true
    return this
  }

  /** Resolves when the handshake is done; rejects with what went wrong before. */
  secured(): Promise<this> {
    return secured(this)
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
      this.#unwrapping = { resolve, reject }
      // Behind everything that was written before; `_final` goes on.
      this.end()
    })
  }

  override ref(): this {
    this.#clock.ref()
    return super.ref()
  }
  override unref(): this {
    this.#clock.unref()
    return super.unref()
  }

  // ── the stream ──

  override _read(): void {
    this.#wantsData = true
    if (this.#state === 'open' || this.#state === 'unwrapping') this.#advance()
  }

  override read(size?: number): ReturnType<Duplex['read']> {
    const chunk = super.read(size)
    // Behind the listeners of the last data.
    if (this.#endError !== undefined && this.readableLength === 0) process.nextTick(() => this.destroy(this.#endError))
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
    if (this.#state === 'connecting' || this.#state === 'handshaking' || this.#endError !== undefined) {
      this.#waiting = { retry: () => this._final(callback), callback }
      return
    }
    if (this.#unwrapping !== undefined) {
      this.#state = 'unwrapping'
      this.#waiting = { retry: () => {}, callback }
      this.#advance()
      return
    }
    try {
      if (!this.#saidCloseNotify(() => this._final(callback), callback)) return
    } catch (thrown) {
      callback(this.#reasonOf(thrown))
      return
    }
    this.#pump.flush()
    // Nothing may follow close_notify, so this direction of the transport ends as well.
    this.transport.end()
    callback()
  }

  /** False where the channel has to do something else before; then it tries again later. */
  #saidCloseNotify(retry: () => void, callback: WriteCallback): boolean {
    this.#pump.flush()
    for (let isSaid = false; ; this.#pump.flush()) {
      const step = this.#buffer.shutdown()
      isSaid ||= step === 'done' || this.#buffer.outgoingBytesBuffered > 0
      if (step === 'want-write') continue
      if (!isSaid) this.#awaitChannel(step, retry, callback)
      return isSaid
    }
  }

  /** The channel takes nothing now: it asks something, or is in the middle of what the peer says. */
  #awaitChannel(step: 'done' | Waiting, retry: () => void, callback: WriteCallback): void {
    this.#waiting = { retry, callback }
    this.#awaitsChannel = true
    if (step === 'paused') this.#answer(() => this.#advance())
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#clock.stop()
    this.stopIdleTimer()
    if (error !== null) this.rememberPeer()
    this.#stopListening?.()
    // Mostly nobody waits, and an error that nobody sees is dear: it remembers the stack.
    const closed = (): Error => error ?? new UsageError('the socket was closed')
    this.#unwrapping?.reject(closed())
    this.certificateRequests.fail(closed)
    this.#waiting?.callback(closed())
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
    const awaitsEnd = error === null && this.writableFinished && !this.#peerClosed
    closeTransport(this.transport, { awaitsEnd }, () => callback(error))
  }

  /** Closes gracefully, and is done when everything is closed. A peer that does not close its side is cut off after 5 seconds. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await closeGracefully(this)
  }

  // ── what the pump tells ──

  transportAdvanced(): void {
    this.touch()
    if (this.#state === 'handshaking') this.#handshake()
    else this.#advance()
  }

  transportDrained(): void {
    this.touch()
    this.#retry()
    if (!this.#isBlocked) return
    this.#isBlocked = false
    this.transportAdvanced()
  }

  #retry(): void {
    const waiting = this.#waiting
    if (waiting === undefined || this.#state !== 'open') return
    this.#waiting = undefined
    waiting.retry()
  }

  transportEnded(): void {
    this.#noMore = true
    this.#pump.end()
    this.transportAdvanced()
  }

  transportLost(error: Error | undefined): void {
    if (this.destroyed || this.#lost !== undefined) return
    this.#lost = { error }
    this.transportEnded()
    // Whoever is asked about the peer may take long, and the answer matters no more.
    if (this.#state === 'handshaking' && this.#buffer.pause !== undefined) {
      this.destroy(error ?? new RaggedEOFError('handshake'))
    } else if (this.#buffer.pause !== undefined) this.#endWith(error ?? new RaggedEOFError('data'))
    this.transportDrained()
  }

  // ── steps ──

  #connected(): void {
    if (this.destroyed) return
    this.#clock.connected()
    this.#startHandshake()
    this.emit('connect')
    this.emit('ready')
  }

  #startHandshake(): void {
    this.#state = 'handshaking'
    this.#pump.attach()
    this.#handshake()
  }

  #handshake(): void {
    if (this.destroyed) return
    const step = this.#advanced(() => this.#buffer.handshake())
    if (step === undefined) return
    if (step === 'closed') {
      this.#endWith(this.#reasonOf(new RaggedEOFError('handshake')))
      return
    }
    this.#pump.flush()
    this.#pump.refill()
    this.deliverEarlyData()
    if (this.destroyed) return
    if (step === 'done') this.#opened()
    else if (step === 'paused') this.#answer(() => this.#handshake())
  }

  #answer(resumed: () => void): void {
    if (this.#buffer.pause === this.#asked) return
    this.#asked = this.#buffer.pause
    answerPause(this.#buffer, { isWanted: () => !this.destroyed, resumed })
  }

  #opened(): void {
    this.#clock.secured()
    this.#state = 'open'
    this.emit('secureConnect')
    this.transportDrained()
    if (this.destroyed) return
    // Like a plain socket, it reads a little ahead, so that the end is noticed also where nobody reads.
    this.read(0)
    this.#advance()
  }

  /** Reads what there is for as long as it is wanted; all of it when no more can come. */
  #advance(): void {
    if (this.destroyed || this.#state === 'unwrapped' || this.#endError !== undefined) return
    while ((this.#wantsData || this.#noMore) && !this.#peerClosed) {
      let chunk: Uint8Array | Waiting
      try {
        chunk = this.#buffer.read(readBytes)
      } catch (thrown) {
        const isEnd = thrown instanceof RaggedEOFError && this.#acceptsAbruptEnd && this.writableFinished
        if (!isEnd || this.#lost?.error !== undefined) {
          this.#endWith(this.#reasonOf(thrown))
          return
        }
        chunk = 'closed'
      }
      if (chunk === 'closed') {
        this.#peerClosed = true
        this.#pump.stopReading()
        this.certificateRequests.deliver()
        this.certificateRequests.fail(() => new UsageError('the client closed the connection before it had answered'))
        this.push(null)
        // Has the stream notice its end although nobody may be reading.
        this.read(0)
      } else if (chunk === 'want-write') {
        if (!this.#flushed()) break
      } else if (typeof chunk === 'string') {
        if (chunk === 'paused') this.#answer(() => this.#advance())
        break
      } else {
        this.#wantsData = this.push(chunk)
        // A listener may have ended it.
        if (this.destroyed) return
        this.#pump.refill()
      }
    }
    if (this.#state === 'unwrapping') this.#continueUnwrapping()
    else this.#pump.flush()
    this.certificateRequests.deliver()
    this.deliverSessions()
    if (!this.#awaitsChannel || this.destroyed) return
    this.#awaitsChannel = false
    this.#retry()
  }

  #continueUnwrapping(): void {
    const step = this.#advanced(() => this.#buffer.shutdown())
    if (step !== undefined) this.#pump.flush()
    if (step === 'paused') this.#answer(() => this.#advance())
    if (step !== 'done') return
    this.#state = 'unwrapped'
    this.#stopListening?.()
    this.#pump.detach()
    const behind = Buffer.concat([this.#buffer.releaseIncoming(), this.#pump.takeHeld()])
    if (!this.#peerClosed) this.push(null)
    this.#peerClosed = true
    const { transport } = this
    const unwrapping = this.#unwrapping
    const finished = this.#waiting
    this.#unwrapping = undefined
    this.#waiting = undefined
    makeFresh(transport, behind, () => unwrapping?.resolve(transport))
    finished?.callback()
  }

  #send(chunk: Uint8Array, sent: number, callback: WriteCallback): void {
    // Behind an error that waits for the reader, writing waits as well: to fail would end the socket at once.
    if (this.#state === 'connecting' || this.#state === 'handshaking' || this.#endError !== undefined) {
      this.#waiting = { retry: () => this.#send(chunk, sent, callback), callback }
      return
    }
    this.touch()
    let offset = sent
    while (offset < chunk.byteLength) {
      try {
        if (this.#lost !== undefined) throw this.#lost.error ?? new RaggedEOFError('data')
        const taken = this.#buffer.write(offset === 0 ? chunk : chunk.subarray(offset))
        if (typeof taken === 'number') offset += taken
        else if (taken !== 'want-write') {
          this.#awaitChannel(taken, () => this.#send(chunk, offset, callback), callback)
          return
        }
      } catch (thrown) {
        callback(this.#reasonOf(thrown))
        return
      }
      if (this.#pump.flush()) continue
      this.#waiting = { retry: () => this.#send(chunk, offset, callback), callback }
      return
    }
    callback()
  }

  /** Hands on what the channel owes the peer; answers whether it may owe more. Where not, the steps go on when the transport drains. */
  #flushed(): boolean {
    // Nobody is left to be bothered by more.
    if (this.#pump.flush() || this.#lost !== undefined) return true
    this.#isBlocked = true
    return false
  }

  /** That the connection ended is the smaller part of the truth where the transport said why. */
  #reasonOf(thrown: unknown): Error {
    return thrown instanceof RaggedEOFError ? (this.#lost?.error ?? thrown) : (thrown as Error)
  }

  /** Repeats a step for as long as the transport takes what comes of it; `undefined` where it failed. */
  #advanced(step: () => 'done' | Waiting): 'done' | Waiting | undefined {
    try {
      for (;;) {
        const answer = step()
        if (answer !== 'want-write' || !this.#flushed()) return answer
      }
    } catch (thrown) {
      this.#endWith(this.#reasonOf(thrown))
      return undefined
    }
  }

  #endWith(error: Error): void {
    whenHeard(this, () => this.#endNow(error))
  }

  /** Ends with an error, but not before the program has read what was received, if it reads at all. */
  #endNow(error: Error): void {
    if (this.destroyed || this.#endError !== undefined) return
    const isRead = this.readableFlowing !== null || this.listenerCount('readable') > 0
    if (this.readableLength === 0 || !isRead) {
      this.destroy(error)
      return
    }
    this.#lost ??= { error }
    this.#endError = error
    this.#pump.flush()
    this.#pump.detach()
    closeTransport(this.transport, { awaitsEnd: false }, () => {})
  }
}

type WriteCallback = (error?: Error | null) => void

/** How much plaintext is taken from the channel at once. */
const readBytes = 128 * 1024
