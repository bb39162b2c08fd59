// over 400 lines: one class around one native object; every part of it needs the same private state
import type { ClientContext, ServerContext } from '../../channel/context.ts'
import { type ConnectionFacts, noFacts } from '../../channel/facts.ts'
import { incomingLimitBytes, outgoingLimitBytes } from '../../channel/limits.ts'
import type { PauseAnswer, PauseRequest } from '../../channel/pause.ts'
import type { ServerName } from '../../channel/server-name.ts'
import type { TLSBuffer, Waiting } from '../../channel/tls-buffer.ts'
import type { Verdict } from '../../config/peer-identity.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { BackendError, CertificateError, ConfigurationError, RaggedEOFError, UsageError } from '../../errors.ts'
import type { StepListener } from './callbacks.ts'
import type { ConduitUser } from './conduit.ts'
import { CallbackAnswer, Ctrl, Shutdown, SSLError } from './constants.ts'
import type { PreparedContext } from './context.ts'
import { readFacts, readPeerChain } from './facts.ts'
import { faultOf, takeErrors } from './fault.ts'
import { type Library, scratch } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { certificateErrorOf, readVerifyFailure, type VerifyFailure } from './verify-result.ts'

/** One connection of libssl, seen as an in-memory channel. */
export class OpenSSLBuffer implements TLSBuffer, StepListener, ConduitUser {
  readonly context: ClientContext | ServerContext
  readonly #prepared: PreparedContext
  readonly #library: Library
  readonly #isServer: boolean
  readonly #serverName: ServerName | undefined
  /** The SSL; `undefined` once freed. */
  #ssl: Pointer | undefined

  #handshakeDone = false
  #sentCloseNotify = false
  #peerClosed = false
  #transportEnded = false
  /** What this channel threw, and throws from then on. */
  #failure: { readonly error: unknown } | undefined

  /** Ciphertext that had to make room in the conduit for another channel: not read yet, and not sent yet. */
  #unread: Buffer | undefined
  #unsent: Buffer | undefined
  /** Everything that was taken has been processed, and nothing of it is left to read. */
  #drained = false

  #pause: PauseRequest | undefined
  #chainVerified = false
  #verifyFailure: VerifyFailure | undefined
  #verdict: Verdict | { readonly failed: unknown } | undefined
  #keyLines: string[] = []
  #foreign: string | undefined
  #sawFirstBytes = false
  #facts: ConnectionFacts | undefined

  constructor(context: ClientContext | ServerContext, prepared: PreparedContext, serverName: ServerName | undefined) {
    this.context = context
    this.#prepared = prepared
    this.#library = prepared.library
    this.#isServer = prepared.configuration instanceof TLSServerConfiguration
    this.#serverName = serverName
    const { native, conduit } = this.#library
    const ssl = native.SSL_new(prepared.first)
    if (ssl === null) throw new BackendError(prepared.backendName, 'SSL_new failed: the machine may be out of memory')
    this.#ssl = ssl
    finalizer.register(this, { library: this.#library, ssl }, this)
    conduit.attach(ssl)
    if (this.#isServer) native.SSL_set_accept_state(ssl)
    else native.SSL_set_connect_state(ssl)
    if (serverName !== undefined) this.#expect(ssl, serverName)
    if (prepared.now !== undefined) {
      native.X509_VERIFY_PARAM_set_time(native.SSL_get0_param(ssl), BigInt(Math.floor(prepared.now() / 1000)))
    }
  }

  // ── the contract ──

  handshake(): 'done' | Waiting {
    const ssl = this.#live()
    if (this.#handshakeDone) return 'done'
    if (this.#peerClosed) return 'closed'
    if (this.#pause !== undefined) return 'paused'
    const { native } = this.#library
    if (this.#isServer && this.#verdict !== undefined) return this.#finishVeto(this.#verdict)
    const result = this.#step(() => native.SSL_do_handshake(ssl))
    if (typeof result === 'string') return result
    if (this.#isServer && this.context.configuration.verifyPeer !== undefined) return this.#askForVeto(ssl)
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
    const ssl = this.#live()
    this.#requireHandshake('write')
    if (!(data instanceof Uint8Array)) throw new TypeError('write: expected a Uint8Array')
    if (this.#sentCloseNotify) throw new UsageError('write: close_notify has been sent')
    if (data.byteLength === 0) return 0
    const room = outgoingLimitBytes - this.outgoingBytesBuffered
    if (room <= 0) return 'want-write'
    return this.#step(() => this.#library.native.SSL_write(ssl, data, Math.min(data.byteLength, room)))
  }

  shutdown(): 'done' | Waiting {
    const ssl = this.#live()
    this.#requireHandshake('shutdown')
    const { native } = this.#library
    if (!this.#sentCloseNotify) {
      this.#sentCloseNotify = true
      // Zero says that close_notify was sent and the peer's has not come; that is no error. SSL_shutdown(3).
      this.#step(() => native.SSL_shutdown(ssl) + 1)
    }
    if (!this.#peerClosed && (native.SSL_get_shutdown(ssl) & Shutdown.RECEIVED) === 0) {
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
    if (!this.#sawFirstBytes && ciphertext.byteLength > 0) this.#lookAtFirstBytes(ciphertext)
    const taken = Math.min(ciphertext.byteLength, incomingLimitBytes - this.incomingBytesBuffered)
    if (taken > 0) {
      this.#drained = false
      this.#enter()
      this.#library.conduit.feed(taken === ciphertext.byteLength ? ciphertext : ciphertext.subarray(0, taken))
    }
    return taken
  }

  endIncoming(): void {
    this.#transportEnded = true
  }

  get incomingBytesBuffered(): number {
    return this.#drained ? 0 : this.#library.conduit.unread(this) + (this.#unread?.byteLength ?? 0)
  }

  releaseIncoming(): Uint8Array {
    this.#live()
    if (!this.#peerClosed) return new Uint8Array(0)
    const unread = this.#unread
    this.#unread = undefined
    return unread ?? this.#library.conduit.takeUnread(this)
  }

  processOutgoing(maxBytes: number = Number.POSITIVE_INFINITY): Uint8Array {
    if (!(maxBytes >= 1)) throw new TypeError(`processOutgoing: expected a positive number of bytes, got ${maxBytes}`)
    const ciphertext = Buffer.allocUnsafe(Math.min(maxBytes, this.outgoingBytesBuffered))
    this.processOutgoingInto(ciphertext)
    return ciphertext
  }

  processOutgoingInto(target: Uint8Array): number {
    // What had to make room is older than what has been written since.
    const unsent = this.#unsent
    if (unsent === undefined) return this.#ssl === undefined ? 0 : this.#takeUnsent(target)
    const length = unsent.copy(target)
    this.#unsent = length < unsent.byteLength ? unsent.subarray(length) : undefined
    return length + (length < target.byteLength ? this.#takeUnsent(target.subarray(length)) : 0)
  }

  get outgoingBytesBuffered(): number {
    return this.#library.conduit.unsent(this) + (this.#unsent?.byteLength ?? 0)
  }

  get pause(): PauseRequest | undefined {
    return this.#pause
  }

  resume(answer: PauseAnswer): void {
    this.#live()
    if (this.#pause === undefined) throw new UsageError('resume: the channel is not paused')
    const isVerdict = typeof answer === 'object' && answer !== null && ('accept' in answer || 'failed' in answer)
    if (!isVerdict) throw new TypeError('resume: expected { accept: true }, { accept: false, reason } or { failed }')
    this.#pause = undefined
    this.#verdict = answer
  }

  get facts(): ConnectionFacts {
    if (this.#facts !== undefined) return this.#facts
    if (this.#ssl === undefined || !this.#handshakeDone) return noFacts
    const name = this.#serverName?.kind === 'dns' ? this.#serverName.name : this.#serverName?.address
    this.#facts = readFacts(this.#library, this.#ssl, this.#isServer, name, this.#chainVerified)
    return this.#facts
  }

  [Symbol.dispose](): void {
    const ssl = this.#ssl
    if (ssl === undefined) return
    this.#facts = this.facts
    this.#ssl = undefined
    finalizer.unregister(this)
    // The last alert can still be fetched.
    const unsent = this.#library.conduit.leave(this)
    if (unsent.byteLength > 0)
      this.#unsent = this.#unsent === undefined ? unsent : Buffer.concat([this.#unsent, unsent])
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
    const { native } = this.#library
    if (!this.#prepared.skipsChainVerification && !this.#chainVerified) {
      if (native.X509_verify_cert(storeContext) <= 0) {
        this.#verifyFailure = readVerifyFailure(this.#library, storeContext)
        return 0
      }
      this.#chainVerified = true
    }
    if (this.#isServer || this.context.configuration.verifyPeer === undefined) return 1
    // A client can stop here, before it has shown anything of itself. OpenSSL will ask again.
    if (this.#verdict === undefined) native.SSL_ctrl(this.#live(), Ctrl.SET_RETRY_VERIFY, 0, null)
    else if (!accepted(this.#verdict)) {
      native.X509_STORE_CTX_set_error(storeContext, certificateRejected)
      return 0
    }
    return 1
  }

  takeBack(unread: Buffer, unsent: Buffer): void {
    if (unread.byteLength > 0) this.#unread = unread
    if (unsent.byteLength > 0)
      this.#unsent = this.#unsent === undefined ? unsent : Buffer.concat([this.#unsent, unsent])
  }

  // ── steps ──

  #readInto(address: Pointer, capacity: number): number | Waiting {
    const ssl = this.#live()
    this.#requireHandshake('read')
    if (capacity === 0) return 0
    if (this.#peerClosed) return 'closed'
    if (this.#drained && !this.#transportEnded) return 'want-read'
    const { native, conduit } = this.#library
    return this.#step(() => {
      // SSL_read answers at most one record at a time; one that it answers in part goes on with the next call.
      for (let length = 0; ; ) {
        const read = native.SSL_read(ssl, length === 0 ? address : address + BigInt(length), capacity - length)
        if (read <= 0) return length > 0 ? length : read
        length += read
        if (length === capacity) return length
        if (conduit.unread(this) === 0) {
          this.#drained = true
          return length
        }
      }
    })
  }

  /**
   * Runs one native operation: bytes in before it, bytes and errors out after it. A result above zero is success; what it means
   * is the operation's business.
   */
  #step(operation: () => number): number | Waiting {
    const { native, callbacks } = this.#library
    this.#enter()
    callbacks.listener = this
    native.ERR_clear_error()
    const result = operation()
    callbacks.listener = undefined
    const failure = callbacks.takeFailure()
    if (failure !== undefined) this.#fail(failure.thrown)
    if (this.#keyLines.length > 0) this.#deliverKeyLines()
    return result > 0 ? result : this.#explain(result)
  }

  #enter(): void {
    const { conduit } = this.#library
    conduit.enter(this)
    if (this.#unread !== undefined) {
      conduit.feed(this.#unread)
      this.#unread = undefined
    }
  }

  #takeUnsent(target: Uint8Array): number {
    const { conduit } = this.#library
    return conduit.unsent(this) > 0 ? conduit.takeUnsent(target) : 0
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

  #reasonOf(errors: ReturnType<typeof takeErrors>): Error {
    if (this.#verdict !== undefined && !accepted(this.#verdict)) return vetoed(this.#verdict)
    if (this.#verifyFailure !== undefined) {
      return certificateErrorOf(this.#library, this.#verifyFailure, nameText(this.#serverName))
    }
    return faultOf(errors, {
      backend: this.#prepared.backendName,
      during: this.#handshakeDone ? 'data' : 'handshake',
      foreign: this.#foreign,
    })
  }

  #askForVeto(ssl: Pointer): 'paused' {
    const chain = readPeerChain(this.#library, ssl, this.#isServer)
    this.#pause = Object.freeze({
      kind: 'verify-peer',
      peer: Object.freeze({ chain, serverName: this.#isServer ? undefined : nameText(this.#serverName) }),
    })
    return 'paused'
  }

  /**
   * A server learns of the client's certificate with the client's last message, and OpenSSL cannot stop there: its own handshake
   * is over. A refusal can therefore not be an alert; the client sees the connection being closed.
   */
  #finishVeto(verdict: Verdict | { readonly failed: unknown }): 'done' {
    if (!accepted(verdict)) {
      this.#step(() => this.#library.native.SSL_shutdown(this.#live()) + 1)
      return this.#fail(vetoed(verdict))
    }
    this.#handshakeDone = true
    return 'done'
  }

  #deliverKeyLines(): void {
    const lines = this.#keyLines
    this.#keyLines = []
    for (const line of lines) this.context.configuration.keyLog?.(line)
  }

  #fail(error: unknown): never {
    this.#failure = { error }
    throw error
  }

  /** The SSL of a channel that can still make a step. */
  #live(): Pointer {
    if (this.#ssl === undefined) throw new UsageError('this channel was disposed of', { code: 'ERR_TLS_DISPOSED' })
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#ssl
  }

  #requireHandshake(call: string): void {
    if (!this.#handshakeDone) throw new UsageError(`${call}: the handshake is not done`)
  }

  #expect(ssl: Pointer, serverName: ServerName): void {
    const { native } = this.#library
    const parameters = native.SSL_get0_param(ssl)
    const checks = !this.#prepared.skipsHostNameCheck
    if (serverName.kind === 'dns') {
      native.SSL_ctrl(ssl, Ctrl.SET_TLSEXT_HOSTNAME, 0, Buffer.from(`${serverName.name}\0`))
      if (checks) native.X509_VERIFY_PARAM_set1_host(parameters, serverName.name, serverName.name.length)
    } else if (checks && native.X509_VERIFY_PARAM_set1_ip_asc(parameters, serverName.address) !== 1) {
      throw new ConfigurationError('serverName', `OpenSSL cannot read the address ${serverName.address}`)
    }
  }

  /** Remembers how a peer begins that does not speak TLS, for the error that will follow. RFC 9846, Section 5.1: types 20 to 24. */
  #lookAtFirstBytes(bytes: Uint8Array): void {
    this.#sawFirstBytes = true
    const first = bytes[0] ?? 0
    if (first >= 20 && first <= 24) return
    const text = Buffer.from(bytes.subarray(0, 8)).toString('latin1')
    if (/^HTTP\//.test(text)) this.#foreign = 'an HTTP response'
    else if (/^[\x20-\x7e\r\n]+$/.test(text)) this.#foreign = `text that begins with ${JSON.stringify(text)}`
    else this.#foreign = 'bytes that are no TLS record'
  }
}

/** X509_V_ERR_CERT_REJECTED: OpenSSL answers it with the alert bad_certificate. */
const certificateRejected = 28

function accepted(verdict: Verdict | { readonly failed: unknown }): boolean {
  return 'accept' in verdict && verdict.accept === true
}

function vetoed(verdict: Verdict | { readonly failed: unknown }): CertificateError {
  if ('failed' in verdict) {
    return new CertificateError('vetoed', 'verifyPeer failed', {
      alert: 'bad_certificate',
      depth: 0,
      cause: verdict.failed,
    })
  }
  const reason = 'reason' in verdict ? String(verdict.reason) : 'no reason given'
  return new CertificateError('vetoed', `the application refused the peer: ${reason}`, {
    alert: 'bad_certificate',
    depth: 0,
  })
}

function nameText(serverName: ServerName | undefined): string | undefined {
  return serverName?.kind === 'dns' ? serverName.name : serverName?.address
}

/** Frees the connection of a channel that was forgotten. */
const finalizer = new FinalizationRegistry<{ readonly library: Library; readonly ssl: Pointer }>(({ library, ssl }) => {
  library.native.SSL_free(ssl)
})
