import type { ClientBufferOptions } from '../../channel/context.ts'
import { describeForeign } from '../../channel/foreign-peer.ts'
import { incomingLimitBytes, outgoingLimitBytes } from '../../channel/limits.ts'
import type { PauseRequest } from '../../channel/pause.ts'
import { encodePlainAlert } from '../../channel/plain-alert.ts'
import { nameText, type ServerName } from '../../channel/server-name.ts'
import type { Waiting } from '../../channel/tls-buffer.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { RaggedEOFError, UsageError } from '../../errors.ts'
import type { CertificateChoice } from './certificate-choice.ts'
import { Ciphertext } from './ciphertext.ts'
import { ConnectionSessions } from './connection-sessions.ts'
import { SSLError } from './constants.ts'
import { versionOf } from './facts.ts'
import { faultOf, type QueuedError, takeErrors } from './fault.ts'
import { LateRequests, type ProvenIdentity } from './late-requests.ts'
import type { Library } from './library.ts'
import { PeerVerification } from './peer-verification.ts'
import type { PreparedContext } from './prepared-context.ts'
import type { Pointer } from './prototypes.ts'
import type { StapledStatusCheck } from './stapling.ts'
import { StepAnswers } from './step-answers.ts'

/** One SSL of libssl with its bytes: runs native operations. What OpenSSL asks meanwhile, `StepAnswers` answers. */
export class Engine {
  readonly prepared: PreparedContext
  readonly library: Library
  readonly isServer: boolean
  readonly serverName: string | undefined
  /** Of the handshake; or of the request that is open. */
  verification: PeerVerification
  readonly sessions: ConnectionSessions
  /** `undefined` on a server, and on a client that does not ask for it. */
  readonly stapledStatus: StapledStatusCheck | undefined
  /** What a server has sent of them, on a client that asked. */
  timestamps: readonly Uint8Array[] | undefined
  /** On a server: what it asks for when the connection is in use. */
  readonly late: LateRequests | undefined
  /** On a client: what it answers. */
  readonly choice: CertificateChoice | undefined
  /** Who the client has turned out to be since this was last taken. */
  newIdentity: ProvenIdentity | undefined
  /** The handshake is done, the veto included. */
  isOpen = false
  peerClosed = false
  pause: PauseRequest | undefined
  #failure: { readonly error: unknown } | undefined
  readonly #answers = new StepAnswers(this)
  readonly #ciphertext: Ciphertext
  readonly #parsedName: ServerName | undefined
  /** The SSL; `undefined` once freed. */
  #ssl: Pointer | undefined
  #transportEnded = false
  /** Everything that was taken has been processed, and nothing of it is left to read. */
  #drained = false
  /** What came so far, as long as OpenSSL may have to begin anew with it, because a question has been answered. */
  #received: Uint8Array[] | undefined
  #startsOver = false
  #keyLines: string[] = []
  #deferred: (() => void)[] = []
  /** How the peer began, where that was no TLS record. */
  #foreign: string | undefined
  #sawFirstBytes = false

  constructor(prepared: PreparedContext, serverName: ServerName | undefined, options: ClientBufferOptions) {
    this.prepared = prepared
    this.library = prepared.library
    this.isServer = prepared.configuration instanceof TLSServerConfiguration
    this.#parsedName = serverName
    this.serverName = nameText(serverName)
    this.#ciphertext = new Ciphertext(this.library.conduit)
    this.verification = this.#newVerification()
    this.late = this.isServer ? new LateRequests(this) : undefined
    this.choice = prepared.certificateChoice()
    this.sessions = new ConnectionSessions(this, options)
    this.stapledStatus = prepared.stapledStatusCheck()
    if (prepared.mayAskDuringHello) this.#received = []
    this.#connect()
  }

  // ── bytes ──

  take(ciphertext: Uint8Array): number {
    if (!this.#sawFirstBytes && ciphertext.byteLength > 0) {
      this.#sawFirstBytes = true
      this.#foreign = startsRecord(ciphertext) ? undefined : describeForeign(ciphertext)
    }
    const taken = Math.min(ciphertext.byteLength, incomingLimitBytes - this.unreadBytes)
    if (taken > 0) {
      this.#drained = false
      // A copy, and not by `slice`, which for a Buffer is none: all sockets read into the same memory.
      this.#received?.push(new Uint8Array(ciphertext.subarray(0, taken)))
      this.#ciphertext.feed(taken === ciphertext.byteLength ? ciphertext : ciphertext.subarray(0, taken))
    }
    return taken
  }

  get transportEnded(): boolean {
    return this.#transportEnded
  }

  endIncoming(): void {
    this.#transportEnded = true
  }

  get unreadBytes(): number {
    return this.#drained ? 0 : this.#ciphertext.unreadBytes
  }

  get unsentBytes(): number {
    return this.#ciphertext.unsentBytes
  }

  /** A peer that asks for answers and fetches none gets no further. What we write ourselves never reaches this mark. */
  get owesTooMuch(): boolean {
    return this.unsentBytes >= 2 * outgoingLimitBytes
  }

  takeUnsent(target: Uint8Array): number {
    return this.#ciphertext.takeUnsent(target)
  }

  releaseUnread(): Uint8Array {
    return this.#ciphertext.releaseUnread()
  }

  /** Reads data as long as records are there; stops behind a client's answer, which has to be judged first. */
  readInto(address: Pointer, capacity: number): number | Waiting {
    for (;;) {
      const settled = this.late?.settle()
      if (settled === 'paused') return 'paused'
      this.newIdentity = settled ?? this.newIdentity
      const read = this.#readOn(address, capacity)
      this.#doDeferred()
      if (read !== 'answered') return read
    }
  }

  #readOn(address: Pointer, capacity: number): number | Waiting | 'answered' {
    const ssl = this.live()
    if (this.#drained && !this.#transportEnded) return 'want-read'
    if (this.owesTooMuch) return 'want-write'
    const { native } = this.library
    let isAnswer = false
    const result = this.step(() => {
      // SSL_read answers at most one record at a time; one that it answers in part goes on with the next call.
      for (let length = 0; ; ) {
        const unread = this.late?.isOpen ? this.#ciphertext.unreadBytes : 0
        const read = native.SSL_read(ssl, length === 0 ? address : address + BigInt(length), capacity - length)
        if (read <= 0 && this.late?.isAnswered) {
          isAnswer = length === 0
          return length === 0 ? 1 : length
        }
        // A handshake message was read, and nothing else is amiss.
        const remaining = unread > 0 ? this.#ciphertext.unreadBytes : 0
        if (read <= 0 && remaining > 0 && remaining < unread && native.SSL_get_error(ssl, read) === SSLError.WANT_READ)
          continue
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
    if (isAnswer && typeof result === 'number') return 'answered'
    if (typeof result === 'number') this.choice?.noteData()
    // For a handshake message OpenSSL also makes a buffer for writing, of 16 KiB, which it would keep until something is written.
    else if (result === 'want-read' && this.library.canFreeBuffers) native.SSL_free_buffers(ssl)
    return result
  }

  // ── steps ──

  /** The SSL of a channel that can still make a step. */
  live(): Pointer {
    if (this.#ssl === undefined) throw new UsageError('this channel was disposed of', { code: 'ERR_TLS_DISPOSED' })
    if (this.failure !== undefined) throw this.failure.error
    return this.#ssl
  }

  /** `undefined` once freed. */
  get ssl(): Pointer | undefined {
    return this.#ssl
  }

  /**
   * Runs one native operation: bytes in before it, bytes and errors out after it. A result above zero is success; what it means
   * is the operation's business. `noted` is what OpenSSL left in its queue before, where it may have failed already.
   */
  step(operation: () => number, noted?: readonly QueuedError[]): number | Waiting {
    const { native, callbacks } = this.library
    // Also a client that is asked later gets tickets.
    if (!this.isOpen || this.late?.isOpen) this.prepared.readyTickets()
    this.#ciphertext.enter()
    callbacks.listener = this.#answers
    native.ERR_clear_error()
    const result = operation()
    callbacks.listener = undefined
    const failure = callbacks.takeFailure()
    if (failure !== undefined) this.fail(failure.thrown)
    if (this.#received !== undefined) {
      const question = this.sessions.takeQuestion()
      if (question !== undefined) return this.#pauseFor(question)
      if (this.unsentBytes > 0) this.#settle()
    }
    if (this.#keyLines.length > 0) this.#deliverKeyLines()
    return result > 0 ? result : this.#explain(result, noted)
  }

  /** What this channel threw, and throws from then on. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure
  }

  set failure(failure: { readonly error: unknown }) {
    // Behind the handshake an end without close_notify says nothing against the session.
    const isEnd = this.isOpen && failure.error instanceof RaggedEOFError
    if (this.#failure === undefined && !isEnd) this.sessions.failed()
    this.#failure = failure
  }

  fail(error: unknown): never {
    // What OpenSSL noted of it must not surface in somebody else's call.
    this.library.native.ERR_clear_error()
    this.failure = { error }
    throw error
  }

  /** There is no answer that one could go on with: the next step fails. A client that has heard nothing yet is told so, in clear. */
  giveUp(error: unknown): void {
    this.failure = { error }
    if (this.#startsOver) this.#ciphertext.add(Buffer.from(encodePlainAlert('internal_error')))
  }

  /** Whether OpenSSL is not in the middle of a flight behind the handshake, where it can do nothing else. */
  get isIdle(): boolean {
    if (this.choice === undefined && !this.late?.isOpen) return true
    return this.library.native.SSL_is_init_finished(this.live()) === 1
  }

  /** Does it now, or when OpenSSL can. */
  whenIdle(act: () => void): void {
    if (this.isIdle) act()
    else this.#deferred.push(act)
  }

  #doDeferred(): void {
    if (this.#deferred.length === 0 || this.failure !== undefined || !this.isIdle) return
    for (const act of this.#deferred.splice(0)) act()
  }

  /** The client is going to show a certificate once more. */
  verifyAnew(): void {
    this.verification = this.#newVerification()
  }

  #newVerification(): PeerVerification {
    const { configuration, skipsChainVerification } = this.prepared
    return new PeerVerification(this.library, {
      isServer: this.isServer,
      revocation: configuration.revocation,
      asksForVeto: configuration.verifyPeer !== undefined,
      skipsChain: skipsChainVerification,
      serverName: this.serverName,
    })
  }

  askForVeto(): 'paused' {
    this.pause = this.verification.request(this.live())
    return 'paused'
  }

  #explain(result: number, noted: readonly QueuedError[] = []): Waiting {
    const { native } = this.library
    const kind = native.SSL_get_error(this.live(), result)
    const errors = takeErrors(native)
    switch (kind) {
      case SSLError.WANT_READ:
        if (this.#transportEnded) return this.fail(new RaggedEOFError(this.isOpen ? 'data' : 'handshake'))
        return 'want-read'
      case SSLError.WANT_WRITE:
        return 'want-write'
      case SSLError.ZERO_RETURN:
        this.peerClosed = true
        return 'closed'
      case SSLError.WANT_RETRY_VERIFY:
        return this.askForVeto()
      case SSLError.WANT_X509_LOOKUP:
        this.pause = this.choice?.request(this.live(), this.isOpen)
        return 'paused'
      default:
        return this.fail(this.#reasonOf(errors.length === 0 ? noted : errors))
    }
  }

  /** What broke behind data that was still good: the next step throws it, because OpenSSL tells of it only once. */
  #rememberFault(ssl: Pointer, result: number): void {
    const kind = this.library.native.SSL_get_error(ssl, result)
    if (kind !== SSLError.SSL && kind !== SSLError.SYSCALL) return
    this.failure = { error: this.#reasonOf(takeErrors(this.library.native)) }
  }

  #reasonOf(errors: readonly QueuedError[]): Error {
    const refusal = this.verification.refusal ?? this.stapledStatus?.refusal
    if (refusal !== undefined) return refusal
    return faultOf(errors, {
      backend: this.prepared.backendName,
      during: this.isOpen ? 'data' : 'handshake',
      isServer: this.isServer,
      version: versionOf(this.library.native.SSL_version(this.live())),
      foreign: this.#foreign,
    })
  }

  /** A line of the key log, which waits for the end of the step: what the application does with it must not disturb OpenSSL. */
  keepKeyLine(line: string): void {
    this.#keyLines.push(line)
  }

  #deliverKeyLines(): void {
    const lines = this.#keyLines
    this.#keyLines = []
    try {
      for (const line of lines) this.prepared.configuration.keyLog?.(line)
    } catch (thrown) {
      this.fail(thrown)
    }
  }

  // ── questions for which OpenSSL cannot wait ──

  /** OpenSSL begins anew once there is an answer. The client has heard nothing yet. */
  #pauseFor(question: PauseRequest): 'paused' {
    this.library.native.ERR_clear_error()
    this.#keyLines = []
    // Whatever this attempt has written, an alert perhaps, is not for the client.
    this.#ciphertext.startOver(new Uint8Array(0))
    this.#startsOver = true
    this.pause = question
    return 'paused'
  }

  /** Goes back to the beginning where a question has been answered. */
  startOver(): void {
    if (!this.#startsOver) return
    this.#startsOver = false
    finalizer.unregister(this)
    this.library.native.SSL_free(this.live())
    this.#connect()
    this.#ciphertext.startOver(Buffer.concat(this.#received ?? []))
    this.sessions.startOver(this.live())
  }

  /** The client has been answered: from now on nothing can be asked any more. */
  #settle(): void {
    this.#received = undefined
    this.sessions.settle()
  }

  #connect(): void {
    this.#ssl = this.prepared.newConnection(this.#parsedName)
    finalizer.register(this, { library: this.library, ssl: this.#ssl }, this)
    this.library.conduit.attach(this.#ssl)
  }

  free(): void {
    const ssl = this.#ssl
    if (ssl === undefined) return
    this.#ssl = undefined
    finalizer.unregister(this)
    this.#ciphertext.leave()
    this.library.native.SSL_free(ssl)
  }
}

/** Frees the connection of a channel that was forgotten. */
const finalizer = new FinalizationRegistry<{ readonly library: Library; readonly ssl: Pointer }>(({ library, ssl }) => {
  library.native.SSL_free(ssl)
})

/** The types of records are 20 to 24: RFC 9846, Section 5.1; RFC 6520, Section 3. */
function startsRecord(bytes: Uint8Array): boolean {
  const type = bytes[0] ?? 0
  return type >= 20 && type <= 24
}
