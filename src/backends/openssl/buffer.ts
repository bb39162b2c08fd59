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
import type { Library } from './library.ts'
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

  /** Ciphertext that was fed to the conduit and had to make room there. */
  #evicted: Buffer | undefined
  #outgoing: Buffer[] = []
  #outgoingBytes = 0

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
    const waiting = this.incomingBytesBuffered
    // What comes out is a little less than what went in. Small reads go through memory that is shared, and get a copy that fits.
    if (waiting <= scratch.byteLength && maxBytes <= scratch.byteLength) {
      const length = this.readInto(scratch.subarray(0, maxBytes))
      return typeof length === 'string' ? length : Buffer.from(scratch.subarray(0, length))
    }
    const target = Buffer.allocUnsafeSlow(Math.min(maxBytes, Math.max(waiting, scratch.byteLength)))
    const length = this.readInto(target)
    return typeof length === 'string' ? length : target.subarray(0, length)
  }

  readInto(target: Uint8Array): number | Waiting {
    const ssl = this.#live()
    this.#requireHandshake('read')
    if (!(target instanceof Uint8Array)) throw new TypeError('readInto: expected a Uint8Array')
    if (target.byteLength === 0) return 0
    if (this.#peerClosed) return 'closed'
    const { native, koffi } = this.#library
    const start = koffi.address(target)
    let length = 0
    const result = this.#step(() => {
      // SSL_read answers one record at a time.
      for (;;) {
        const read = native.SSL_read(ssl, start + BigInt(length), target.byteLength - length)
        if (read <= 0) return length > 0 ? length : read
        length += read
        if (length === target.byteLength) return length
      }
    })
    return result
  }

  write(data: Uint8Array): number | Waiting {
    const ssl = this.#live()
    this.#requireHandshake('write')
    if (!(data instanceof Uint8Array)) throw new TypeError('write: expected a Uint8Array')
    if (this.#sentCloseNotify) throw new UsageError('write: close_notify has been sent')
    if (data.byteLength === 0) return 0
    const room = outgoingLimitBytes - this.#outgoingBytes
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
      const peeked = this.#step(() => native.SSL_peek(ssl, scratch, 1))
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
      this.#enter()
      this.#library.conduit.feed(taken === ciphertext.byteLength ? ciphertext : ciphertext.subarray(0, taken))
    }
    return taken
  }

  endIncoming(): void {
    this.#transportEnded = true
  }

  get incomingBytesBuffered(): number {
    return this.#library.conduit.unread(this) + (this.#evicted?.byteLength ?? 0)
  }

  releaseIncoming(): Uint8Array {
    this.#live()
    if (!this.#peerClosed) return new Uint8Array(0)
    const evicted = this.#evicted
    this.#evicted = undefined
    return evicted ?? this.#library.conduit.takeUnread(this)
  }

  processOutgoing(maxBytes: number = Number.POSITIVE_INFINITY): Uint8Array {
    if (!(maxBytes >= 1)) throw new TypeError(`processOutgoing: expected a positive number of bytes, got ${maxBytes}`)
    const chunks = this.#outgoing
    const all = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
    if (all.byteLength <= maxBytes) {
      this.#outgoing = []
      this.#outgoingBytes = 0
      return all
    }
    this.#outgoing = [all.subarray(maxBytes)]
    this.#outgoingBytes = all.byteLength - maxBytes
    return all.subarray(0, maxBytes)
  }

  get outgoingBytesBuffered(): number {
    return this.#outgoingBytes
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
    this.#library.conduit.leave(this)
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

  takeBack(unread: Buffer): void {
    this.#evicted = unread
  }

  // ── steps ──

  /**
   * Runs one native operation: bytes in before it, bytes and errors out after it. A result above zero is success; what it means
   * is the operation's business.
   */
  #step(operation: () => number): number | Waiting {
    const { native, conduit, callbacks } = this.#library
    this.#enter()
    callbacks.listener = this
    native.ERR_clear_error()
    const result = operation()
    callbacks.listener = undefined
    const written = conduit.takeWritten()
    if (written.byteLength > 0) {
      this.#outgoing.push(written)
      this.#outgoingBytes += written.byteLength
    }
    const failure = callbacks.takeFailure()
    if (failure !== undefined) this.#fail(failure.thrown)
    if (this.#keyLines.length > 0) this.#deliverKeyLines()
    return result > 0 ? result : this.#explain(result)
  }

  #enter(): void {
    const { conduit } = this.#library
    conduit.enter(this)
    if (this.#evicted !== undefined) {
      conduit.feed(this.#evicted)
      this.#evicted = undefined
    }
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

/** Where small reads land before they are copied. No step reads while another one does. */
const scratch: Buffer = Buffer.allocUnsafeSlow(32 * 1024)

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
