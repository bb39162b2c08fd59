import type { ClientContext, ServerContext } from '../../channel/context.ts'
import { type ConnectionFacts, noFacts } from '../../channel/facts.ts'
import type { ChannelBindingType } from '../../channel/key-material.ts'
import { incomingLimitBytes, outgoingLimitBytes } from '../../channel/limits.ts'
import { type PauseAnswer, type PauseRequest, requireAnswer } from '../../channel/pause.ts'
import { nameText, type ServerName } from '../../channel/server-name.ts'
import type { TLSBuffer, Waiting } from '../../channel/tls-buffer.ts'
import { PlainBuffer } from '../../channel/unsupported.ts'
import type { VetoAnswer } from '../../channel/veto.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { RaggedEOFError, UsageError } from '../../errors.ts'
import type { StepListener } from './callbacks.ts'
import { Ciphertext } from './ciphertext.ts'
import { CallbackAnswer, Shutdown, SSLError } from './constants.ts'
import type { PreparedContext } from './context.ts'
import { readFacts, versionOf } from './facts.ts'
import { describeForeign, faultOf, takeErrors } from './fault.ts'
import { channelBinding, exportKeyingMaterial } from './key-material.ts'
import { type Library, scratch } from './library.ts'
import { PeerVerification } from './peer-verification.ts'
import type { Pointer } from './prototypes.ts'

/** One connection of libssl, seen as an in-memory channel. */
export class OpenSSLBuffer extends PlainBuffer implements TLSBuffer, StepListener {
  readonly context: ClientContext | ServerContext
  readonly #prepared: PreparedContext
  readonly #library: Library
  readonly #isServer: boolean
  readonly #serverName: ServerName | undefined
  readonly #ciphertext: Ciphertext
  readonly #verification: PeerVerification
  /** The SSL; `undefined` once freed. */
  #ssl: Pointer | undefined

  #handshakeDone = false
  #sentCloseNotify = false
  #peerClosed = false
  #transportEnded = false
  /** What this channel threw, and throws from then on. */
  #failure: { readonly error: unknown } | undefined

  /** Everything that was taken has been processed, and nothing of it is left to read. */
  #drained = false

  #pause: PauseRequest | undefined
  #keyLines: string[] = []
  /** How the peer began, where that was no TLS record. */
  #foreign: string | undefined
  #sawFirstBytes = false
  #facts: ConnectionFacts | undefined

  constructor(context: ClientContext | ServerContext, prepared: PreparedContext, serverName: ServerName | undefined) {
    super()
    this.context = context
    this.#prepared = prepared
    this.#library = prepared.library
    this.#isServer = prepared.configuration instanceof TLSServerConfiguration
    this.#serverName = serverName
    const { conduit } = this.#library
    this.#ciphertext = new Ciphertext(conduit)
    this.#verification = new PeerVerification(this.#library, {
      isServer: this.#isServer,
      revocation: prepared.configuration.revocation,
      asksForVeto: prepared.configuration.verifyPeer !== undefined,
      skipsChain: prepared.skipsChainVerification,
      serverName: nameText(serverName),
    })
    this.#ssl = prepared.newConnection(serverName)
    finalizer.register(this, { library: this.#library, ssl: this.#ssl }, this)
    conduit.attach(this.#ssl)
  }

  // ── the contract ──

  handshake(): 'done' | Waiting {
    const ssl = this.#live()
    if (this.#handshakeDone) return 'done'
    if (this.#peerClosed) return 'closed'
    if (this.#pause !== undefined) return 'paused'
    const { native } = this.#library
    // A server is asked for the veto when OpenSSL's own handshake is over.
    if (!(this.#isServer && this.#verification.answered)) {
      const result = this.#step(() => native.SSL_do_handshake(ssl))
      if (typeof result === 'string') return result
      native.ERR_clear_error()
      if (this.#isServer && this.context.configuration.verifyPeer !== undefined) return this.#askForVeto(ssl)
    } else if (this.#verification.refusal !== undefined) return this.#refuseClient(ssl)
    this.#handshakeDone = true
    return 'done'
  }

  read(maxBytes: number): Uint8Array | Waiting {
    if (!Number.isInteger(maxBytes) || maxBytes < 1)
      throw new TypeError(`read: expected a positive number of bytes, got ${maxBytes}`)
    // What comes out is a little less than what went in. Little goes through memory that is shared, and gets a copy that fits.
    const waiting = this.incomingBytesBuffered
    if (waiting > scratch.byteLength) {
      const target = Buffer.allocUnsafeSlow(Math.min(maxBytes, waiting))
      const length = this.#readInto(this.#library.koffi.address(target), target.byteLength)
      return typeof length === 'string' ? length : target.subarray(0, length)
    }
    const length = this.#readInto(this.#library.scratchAddress, Math.min(maxBytes, scratch.byteLength))
    if (typeof length === 'string') return length
    const plaintext = Buffer.allocUnsafe(length)
    scratch.copy(plaintext, 0, 0, length)
    return plaintext
  }

  readInto(target: Uint8Array): number | Waiting {
    if (!(target instanceof Uint8Array)) throw new TypeError('readInto: expected a Uint8Array')
    return this.#readInto(this.#library.koffi.address(target), target.byteLength)
  }

  write(data: Uint8Array): number | Waiting {
    const ssl = this.#established('write')
    if (!(data instanceof Uint8Array)) throw new TypeError('write: expected a Uint8Array')
    if (this.#sentCloseNotify) throw new UsageError('write: close_notify has been sent')
    if (data.byteLength === 0) return 0
    const room = outgoingLimitBytes - this.outgoingBytesBuffered
    if (room <= 0) return 'want-write'
    return this.#step(() => this.#library.native.SSL_write(ssl, data, Math.min(data.byteLength, room)))
  }

  shutdown(): 'done' | Waiting {
    const ssl = this.#established('shutdown')
    const { native } = this.#library
    if (!this.#sentCloseNotify) {
      this.#sentCloseNotify = true
      // Zero says that close_notify was sent and the peer's has not come; that is no error. SSL_shutdown(3).
      this.#step(() => native.SSL_shutdown(ssl) + 1)
    }
    if (!this.#peerClosed && (native.SSL_get_shutdown(ssl) & Shutdown.RECEIVED) === 0) {
      if (this.#owesTooMuch()) return 'want-write'
      const peeked = this.#step(() => native.SSL_peek(ssl, this.#library.scratchAddress, 1))
      if (peeked !== 'closed') return 'want-read'
    }
    this.#peerClosed = true
    return 'done'
  }

  processIncoming(ciphertext: Uint8Array): number {
    this.#live()
    if (!(ciphertext instanceof Uint8Array)) throw new TypeError('processIncoming: expected a Uint8Array')
    if (this.#transportEnded) throw new UsageError('processIncoming: the transport was said to have ended')
    if (this.#peerClosed) return 0
    if (!this.#sawFirstBytes && ciphertext.byteLength > 0) {
      this.#sawFirstBytes = true
      this.#foreign = describeForeign(ciphertext)
    }
    const taken = Math.min(ciphertext.byteLength, incomingLimitBytes - this.incomingBytesBuffered)
    if (taken > 0) {
      this.#drained = false
      this.#ciphertext.feed(taken === ciphertext.byteLength ? ciphertext : ciphertext.subarray(0, taken))
    }
    return taken
  }

  endIncoming(): void {
    this.#transportEnded = true
  }

  get incomingBytesBuffered(): number {
    return this.#drained ? 0 : this.#ciphertext.unreadBytes
  }

  releaseIncoming(): Uint8Array {
    this.#live()
    return this.#peerClosed ? this.#ciphertext.releaseUnread() : new Uint8Array(0)
  }

  processOutgoing(maxBytes: number = Number.POSITIVE_INFINITY): Uint8Array {
    if (!(maxBytes >= 1)) throw new TypeError(`processOutgoing: expected a positive number of bytes, got ${maxBytes}`)
    const ciphertext = Buffer.allocUnsafe(Math.min(maxBytes, this.outgoingBytesBuffered))
    this.#ciphertext.takeUnsent(ciphertext)
    return ciphertext
  }

  processOutgoingInto(target: Uint8Array): number {
    if (!(target instanceof Uint8Array)) throw new TypeError('processOutgoingInto: expected a Uint8Array')
    return this.#ciphertext.takeUnsent(target)
  }

  get outgoingBytesBuffered(): number {
    return this.#ciphertext.unsentBytes
  }

  get pause(): PauseRequest | undefined {
    return this.#pause
  }

  resume(answer: PauseAnswer): void {
    this.#live()
    if (this.#pause === undefined) throw new UsageError('resume: the channel is not paused')
    requireAnswer(this.#pause, answer)
    this.#verification.answer(answer as VetoAnswer)
    this.#pause = undefined
  }

  get facts(): ConnectionFacts {
    if (this.#facts !== undefined) return this.#facts
    if (this.#ssl === undefined || !this.#handshakeDone) return noFacts
    const { chainVerified } = this.#verification
    this.#facts = readFacts(this.#library, this.#ssl, this.#isServer, nameText(this.#serverName), chainVerified)
    return this.#facts
  }

  override exportKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array {
    return exportKeyingMaterial(this.#prepared, this.#established('exportKeyingMaterial'), label, length, context)
  }

  override channelBinding(type: ChannelBindingType): Uint8Array {
    return channelBinding(this.#prepared, this.#established('channelBinding'), type)
  }

  [Symbol.dispose](): void {
    const ssl = this.#ssl
    if (ssl === undefined) return
    this.#facts = this.facts
    this.#ssl = undefined
    finalizer.unregister(this)
    this.#ciphertext.leave()
    this.#library.native.SSL_free(ssl)
  }

  // ── what OpenSSL asks during a step ──

  selectProtocol(
    offered: Uint8Array,
  ): { readonly offset: number; readonly length: number } | { readonly answer: number } {
    const places = new Map<string, number>()
    for (let at = 0; at < offered.byteLength; at += 1 + (offered[at] ?? 0)) {
      places.set(Buffer.from(offered.subarray(at + 1, at + 1 + (offered[at] ?? 0))).toString('latin1'), at)
    }
    for (const name of this.context.configuration.innerProtocols ?? []) {
      const place = places.get(Buffer.from(name, 'utf8').toString('latin1'))
      if (place !== undefined) return { offset: place + 1, length: offered[place] ?? 0 }
    }
    // RFC 7301, Section 3.2: a server that shares no protocol with the client refuses it.
    return { answer: CallbackAnswer.ALERT_FATAL }
  }

  chooseByServerName(): number {
    const { native } = this.#library
    const ssl = this.#live()
    const group = this.#prepared.chains?.choose(native.SSL_get_servername(ssl, 0) ?? undefined)
    const context = group && this.#prepared.contextFor(group)
    if (context !== undefined) native.SSL_set_SSL_CTX(ssl, context)
    return CallbackAnswer.OK
  }

  logKey(line: string): void {
    this.#keyLines.push(line)
  }

  verifyChain(storeContext: Pointer): number {
    return this.#verification.verifyChain(this.#live(), storeContext)
  }

  judge(found: number, storeContext: Pointer): number {
    return this.#verification.judge(found, storeContext)
  }

  // ── steps ──

  #readInto(address: Pointer, capacity: number): number | Waiting {
    const ssl = this.#established('read')
    if (capacity === 0) return 0
    if (this.#peerClosed) return 'closed'
    if (this.#drained && !this.#transportEnded) return 'want-read'
    if (this.#owesTooMuch()) return 'want-write'
    const { native } = this.#library
    return this.#step(() => {
      // SSL_read answers at most one record at a time; one that it answers in part goes on with the next call.
      for (let length = 0; ; ) {
        const read = native.SSL_read(ssl, length === 0 ? address : address + BigInt(length), capacity - length)
        if (read <= 0 && length > 0) this.#rememberFault(ssl, read)
        if (read <= 0) return length > 0 ? length : read
        length += read
        if (length === capacity) return length
        if (this.#ciphertext.unreadBytes === 0) {
          this.#drained = true
          return length
        }
      }
    })
  }

  /** A peer that asks for answers and fetches none gets no further. What we write ourselves never reaches this mark. */
  #owesTooMuch(): boolean {
    return this.outgoingBytesBuffered >= 2 * outgoingLimitBytes
  }

  /**
   * Runs one native operation: bytes in before it, bytes and errors out after it. A result above zero is success; what it means
   * is the operation's business.
   */
  #step(operation: () => number): number | Waiting {
    const { native, callbacks } = this.#library
    this.#ciphertext.enter()
    callbacks.listener = this
    native.ERR_clear_error()
    const result = operation()
    callbacks.listener = undefined
    const failure = callbacks.takeFailure()
    if (failure !== undefined) this.#fail(failure.thrown)
    if (this.#keyLines.length > 0) this.#deliverKeyLines()
    return result > 0 ? result : this.#explain(result)
  }

  #explain(result: number): Waiting {
    const { native } = this.#library
    const ssl = this.#live()
    const kind = native.SSL_get_error(ssl, result)
    const errors = takeErrors(native)
    switch (kind) {
      case SSLError.WANT_READ:
        if (this.#transportEnded) return this.#fail(new RaggedEOFError(this.#handshakeDone ? 'data' : 'handshake'))
        return 'want-read'
      case SSLError.WANT_WRITE:
        return 'want-write'
      case SSLError.ZERO_RETURN:
        this.#peerClosed = true
        return 'closed'
      case SSLError.WANT_RETRY_VERIFY:
        return this.#askForVeto(ssl)
      default:
        return this.#fail(this.#reasonOf(errors))
    }
  }

  /** What broke behind data that was still good: the next step throws it, because OpenSSL tells of it only once. */
  #rememberFault(ssl: Pointer, result: number): void {
    const kind = this.#library.native.SSL_get_error(ssl, result)
    if (kind !== SSLError.SSL && kind !== SSLError.SYSCALL) return
    this.#failure = { error: this.#reasonOf(takeErrors(this.#library.native)) }
  }

  #reasonOf(errors: ReturnType<typeof takeErrors>): Error {
    const { refusal } = this.#verification
    if (refusal !== undefined) return refusal
    return faultOf(errors, {
      backend: this.#prepared.backendName,
      during: this.#handshakeDone ? 'data' : 'handshake',
      isServer: this.#isServer,
      version: versionOf(this.#library.native.SSL_version(this.#live())),
      foreign: this.#foreign,
    })
  }

  #askForVeto(ssl: Pointer): 'paused' {
    this.#pause = this.#verification.request(ssl)
    return 'paused'
  }

  /**
   * A server learns of the client's certificate with the client's last message, and OpenSSL cannot stop there: its own handshake
   * is over. A refusal can therefore not be an alert; the client sees the connection being closed.
   */
  #refuseClient(ssl: Pointer): never {
    // See `shutdown` for the 1.
    this.#step(() => this.#library.native.SSL_shutdown(ssl) + 1)
    return this.#fail(this.#verification.refusal)
  }

  #deliverKeyLines(): void {
    const lines = this.#keyLines
    this.#keyLines = []
    try {
      for (const line of lines) this.context.configuration.keyLog?.(line)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #fail(error: unknown): never {
    // What OpenSSL noted of it must not surface in somebody else's call.
    this.#library.native.ERR_clear_error()
    this.#failure = { error }
    throw error
  }

  /** The SSL of a channel that can still make a step. */
  #live(): Pointer {
    if (this.#ssl === undefined) throw new UsageError('this channel was disposed of', { code: 'ERR_TLS_DISPOSED' })
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#ssl
  }

  /** The same once the handshake is done. */
  #established(call: string): Pointer {
    const ssl = this.#live()
    if (!this.#handshakeDone) throw new UsageError(`${call}: the handshake is not done`)
    return ssl
  }
}

/** Frees the connection of a channel that was forgotten. */
const finalizer = new FinalizationRegistry<{ readonly library: Library; readonly ssl: Pointer }>(({ library, ssl }) => {
  library.native.SSL_free(ssl)
})
