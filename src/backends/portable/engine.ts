// over 400 lines: a connection is one object, and what is left here touches the same few fields.
import { Alert, type AlertName } from '../../alerts.ts'
import type { ClientBufferOptions } from '../../channel/context.ts'
import { agreedFacts, type ConnectionFacts, noFacts } from '../../channel/facts.ts'
import { earlyRecordBytes, outgoingLimitBytes } from '../../channel/limits.ts'
import type { PauseAnswer, PauseRequest } from '../../channel/pause.ts'
import { type ClientCertificateRequest, cannotRequest } from '../../channel/post-handshake.ts'
import type { ServerName } from '../../channel/server-name.ts'
import type { Waiting } from '../../channel/tls-buffer.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { RaggedEOFError, UsageError } from '../../errors.ts'
import { receiveAlert } from './alert.ts'
import { Conduct } from './conduct.ts'
import type { Connection, Established, Wipeable } from './connection.ts'
import { EarlyData } from './early-data.ts'
import { readEndPoint } from './end-point.ts'
import { alertFor, failureOf, keysWornOut } from './failure.ts'
import { fault } from './faults.ts'
import { KeyLog, type KeyLogLabel } from './key-log.ts'
import type { AnyState } from './machine.ts'
import { MessageAssembler } from './message-assembler.ts'
import { handshakeHeaderLength } from './messages/frame.ts'
import { handshakeName } from './messages/handshake-type.ts'
import { PauseDesk } from './pause-desk.ts'
import { ContentType, type RecordOpener, type RecordSealer } from './record/protection.ts'
import { RecordReader } from './record/reader.ts'
import { RecordWriter } from './record/writer.ts'
import { SessionTray } from './session-tray.ts'
import type { Setup } from './setup.ts'

/**
 * One connection: it drives the diagram's states with what the records bring, and frames what they send. A failure goes to the peer as
 * an alert once, and is thrown from then on.
 */
export class Engine<S extends Setup> implements Connection {
  readonly setup: S
  readonly serverName: ServerName | undefined
  readonly crypto: CryptoProvider
  readonly options: ClientBufferOptions
  readonly early: EarlyData = new EarlyData()
  readonly sessions: SessionTray = new SessionTray()

  readonly #reader = new RecordReader()
  readonly #writer: RecordWriter
  readonly #assembler = new MessageAssembler()
  readonly #isClient: boolean
  #start: (() => AnyState) | undefined
  #state: AnyState | undefined
  #successor: AnyState | undefined
  #version: NegotiatedVersion | undefined
  #sawMessage = false
  #established: Established | undefined
  #guarded: Wipeable[] = []
  #whenFailed: readonly (() => void)[] = []

  readonly #pauses = new PauseDesk()
  #failure: { readonly error: unknown } | undefined
  readonly #keyLog: KeyLog
  #plaintext: Uint8Array | undefined
  #owesKeyUpdate = false
  readonly #conduct = new Conduct()
  #facts: ConnectionFacts = noFacts
  #insistsOnHandshake = false

  peerClosed = false
  transportEnded = false
  sentCloseNotify = false

  /** @param start Makes the first state, on the first step. */
  constructor(
    setup: S,
    options: {
      readonly isClient: boolean
      readonly serverName: ServerName | undefined
      /** A client's. */
      readonly options?: ClientBufferOptions | undefined
      readonly start: (connection: Engine<S>) => AnyState
    },
  ) {
    this.setup = setup
    this.crypto = setup.crypto
    this.#writer = new RecordWriter(setup.crypto)
    this.#keyLog = new KeyLog(setup.configuration.keyLog)
    this.serverName = options.serverName
    this.options = options.options ?? {}
    this.#isClient = options.isClient
    this.#start = () => options.start(this)
  }

  // ── steps ──

  get isEstablished(): boolean {
    return this.#established !== undefined
  }

  get facts(): ConnectionFacts {
    return this.#facts
  }

  get pauseRequest(): PauseRequest | undefined {
    return this.#pauses.request
  }

  get incomingBytes(): number {
    return this.#reader.buffered
  }

  get outgoingBytes(): number {
    return this.#writer.bytes
  }

  /** The name of the state, for tests and diagnostics. */
  get stateName(): string {
    return this.#state?.name ?? 'START'
  }

  /** Throws what the connection failed with, if it has. */
  checkAlive(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  feed(ciphertext: Uint8Array): void {
    this.#reader.feed(ciphertext)
  }

  handshake(): 'done' | Waiting {
    return this.#step(() => {
      if (this.#start !== undefined) {
        this.#state = this.#start()
        this.#start = undefined
      }
      this.#takeAnswer()
      for (;;) {
        if (this.#established !== undefined) return 'done'
        if (this.peerClosed) return 'closed'
        if (this.#pauses.request !== undefined) return 'paused'
        if (!this.#progress()) return this.#wantRead('handshake')
      }
    })
  }

  /** What the peer sent, one record at a time. What is not taken with `consume` is given again. */
  receive(): Uint8Array | Waiting {
    if (this.#plaintext !== undefined) return this.#plaintext
    if (this.peerClosed) return 'closed'
    return this.#step(() => {
      this.#takeAnswer()
      for (;;) {
        if (this.#plaintext !== undefined) return this.#plaintext
        if (this.peerClosed) return 'closed'
        if (this.#pauses.request !== undefined) return 'paused'
        // Who asks for answers and fetches none gets no further.
        if (this.#writer.bytes >= 2 * outgoingLimitBytes) return 'want-write'
        if (!this.#progress()) return this.#wantRead('data')
      }
    })
  }

  /** What follows directly; `undefined` where nothing does, or where it is something else, which the next step will tell. */
  receiveMore(): Uint8Array | undefined {
    try {
      const more = this.receive()
      return typeof more === 'string' ? undefined : more
    } catch {
      // The failure is kept, and thrown by the next step.
      return undefined
    }
  }

  consume(length: number): void {
    const rest = this.#plaintext
    this.#plaintext = rest === undefined || rest.length === length ? undefined : rest.subarray(length)
  }

  /** @throws UsageError where the keys are worn out and cannot be changed; the connection can still be closed. */
  transmit(data: Uint8Array): void {
    // RFC 9846, Section 5.5: keys are changed before they are worn out.
    const wearsOut = this.#writer.recordsLeft <= this.#writer.recordsFor(data.length) + spareRecords
    if (wearsOut && this.#established?.keys === undefined) {
      this.checkAlive()
      throw keysWornOut()
    }
    this.#step(() => {
      this.#payKeyUpdate()
      if (wearsOut) this.#established?.keys?.sendUpdate(false)
      this.#writer.data(data)
    })
  }

  close(): void {
    this.#step(() => {
      this.sentCloseNotify = true
      this.#writer.alert(1, Alert.close_notify)
    })
  }

  resume(answer: PauseAnswer): void {
    this.#pauses.answer(answer)
  }

  takeOutgoing(maxBytes: number): Uint8Array {
    return this.#writer.take(maxBytes)
  }

  takeOutgoingInto(target: Uint8Array): number {
    return this.#writer.takeInto(target)
  }

  /** Early data, as far as it has come; `closed` where no more will. */
  receiveEarlyData(maxBytes: number): Uint8Array | 'want-read' | 'closed' {
    const early = this.early.take(maxBytes)
    if (early !== undefined) return early
    const mayCome = this.#established === undefined && (this.early.isOpen || !this.#sawMessage)
    return mayCome ? 'want-read' : 'closed'
  }

  /** @throws UsageError where there are none. */
  sendTicket(): void {
    const tickets = this.#established?.tickets
    if (tickets === undefined) throw new UsageError('sendTicket: this connection has no tickets to give')
    this.#step(() => tickets.send())
  }

  /** @throws UsageError in TLS 1.2. */
  updateKeys(requestPeer: boolean): void {
    const keys = this.#established?.keys
    if (keys === undefined) throw new UsageError('updateKeys: TLS 1.2 cannot change its keys')
    this.#step(() => keys.sendUpdate(requestPeer))
  }

  /** @throws UsageError, ConfigurationError where it cannot be asked for. */
  requestClientCertificate(): ClientCertificateRequest {
    const requests = this.#established?.certificateRequests ?? 'version'
    const obstacle = typeof requests === 'string' ? requests : requests.obstacle
    if (typeof requests === 'string' || obstacle !== undefined) throw cannotRequest(obstacle ?? 'version')
    if (this.sentCloseNotify || this.peerClosed) throw cannotRequest('closed')
    return this.#step(() => requests.ask())
  }

  releaseIncoming(): Uint8Array {
    return this.#reader.release()
  }

  /** RFC 5929, Section 4. */
  get endPoint(): Uint8Array | undefined {
    return readEndPoint(this.crypto, this.#established?.endPoint)
  }

  /** Only once the connection is established. */
  exportKeyingMaterial(label: string, context: Uint8Array | undefined, length: number): Uint8Array {
    return (this.#established as Established).exporter.export(label, context, length)
  }

  /** Overwrites the secrets that are left. */
  dispose(): void {
    const { exporter, keys, resumption } = this.#established ?? {}
    const own = [exporter, keys, resumption, this.early.exporter, this.#reader, this.#writer, ...this.#guarded]
    for (const secrets of own) secrets?.wipe()
  }

  // ── what handlers ask for ──

  agreeOn(version: NegotiatedVersion): void {
    this.#version = version
    this.#writer.leaveFirstVersion()
  }

  send(message: Uint8Array): void {
    this.#writer.handshake(message)
  }

  sendChangeCipherSpec(): void {
    this.#writer.changeCipherSpec()
  }

  sendWarning(alert: AlertName): void {
    this.#writer.alert(1, Alert[alert])
  }

  protectOutgoing(sealer: RecordSealer): void {
    this.#writer.protect(sealer)
  }

  protectIncoming(opener: RecordOpener): void {
    if (!this.#assembler.isEmpty) throw fault('message-over-key-change')
    this.#reader.protect(opener)
  }

  limitOutgoingContent(bytes: number): void {
    this.#writer.limitContent(bytes)
  }

  pause(request: PauseRequest): void {
    this.#pauses.ask(request)
  }

  guard(...secrets: readonly Wipeable[]): void {
    this.#guarded.push(...secrets)
  }

  whenFailed(act: () => void): void {
    this.#whenFailed = [...this.#whenFailed, act]
  }

  logSecret(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): void {
    this.#keyLog.note(label, clientRandom, secret)
  }

  handOver(state: AnyState): void {
    this.#successor = state
  }

  establish(established: Established): void {
    this.#established = established
    const { exporter, keys } = established
    for (const secret of this.#guarded) if (secret !== exporter && secret !== keys) secret.wipe()
    this.#guarded = []
    this.#facts = established.facts
    this.#reader.openAtOnce()
  }

  changeFacts(facts: Partial<ConnectionFacts>): void {
    this.#facts = agreedFacts({ ...this.#facts, ...facts })
  }

  insistOnHandshake(insists: boolean): void {
    this.#insistsOnHandshake = insists
  }

  answerKeyUpdate(): void {
    // One answer for however many requests goes out before the next data: so a peer that asks and does not read piles up nothing.
    this.#owesKeyUpdate = true
  }

  skipEarlyData(allowedBytes: number): void {
    // What a ticket of ours would have allowed, with what its records add.
    this.#reader.skipEarlyData(maxSkippedBytes + 2 * allowedBytes)
  }

  sendEarlyData(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += earlyRecordBytes)
      this.#writer.data(bytes.subarray(at, at + earlyRecordBytes))
  }

  sendInClear(): void {
    this.#writer.protect(undefined)
  }

  // ── driving ──

  /** Runs one step: failures become alerts, and everything that waits to be sent or logged goes out. */
  #step<T>(operation: () => T): T {
    this.checkAlive()
    let result: T
    try {
      result = operation()
      // A flight that waits for an answer in its middle stays together.
      if (this.#pauses.request === undefined || this.#established !== undefined) this.#writer.flush()
    } catch (cause) {
      const error = this.#fail(failureOf(cause))
      this.#deliverKeyLines()
      throw error
    }
    this.#deliverKeyLines()
    return result
  }

  #fail(error: unknown): unknown {
    const isEnd = error instanceof RaggedEOFError && this.#established !== undefined
    if (this.#failure === undefined && !isEnd) for (const act of this.#whenFailed) act()
    this.#failure ??= { error }
    const alert = alertFor(error)
    if (alert !== undefined && !this.sentCloseNotify) this.#writer.alert(2, Alert[alert])
    this.dispose()
    return error
  }

  #deliverKeyLines(): void {
    try {
      this.#keyLog.deliver()
    } catch (thrown) {
      // The application's own error stays as it is.
      if (this.#failure === undefined) throw this.#fail(thrown)
    }
  }

  #wantRead(during: 'handshake' | 'data'): 'want-read' {
    if (this.transportEnded) throw new RaggedEOFError(during)
    return 'want-read'
  }

  /** Goes on with what the driver has found out. */
  #takeAnswer(): void {
    const answer = this.#pauses.takeAnswer()
    if (answer !== undefined) this.#input(answer.input, answer.value)
  }

  /** Handles one message or record; false where more bytes are needed. */
  #progress(): boolean {
    const message = this.#assembler.next()
    if (message !== undefined) {
      this.#message(message)
      return true
    }
    const record = this.#reader.next()
    if (record === undefined) return false
    this.#content(record.type, record.content)
    return true
  }

  #content(type: ContentType, content: Uint8Array): void {
    if (type !== ContentType.handshake && !this.#assembler.isEmpty) throw fault('interleaved-handshake')
    if (type === ContentType.handshake) {
      if (content.length === 0) throw fault('empty-fragment')
      this.#conduct.noteHandshakeRecord()
      this.#assembler.add(content)
    } else if (type === ContentType.application_data) this.#applicationData(content)
    else if (type === ContentType.change_cipher_spec) this.#changeCipherSpec(content)
    else if (type !== ContentType.alert) throw fault('unknown-content-type', `type ${type}`)
    else if (receiveAlert(content, this.#version, this.#conduct) === 'close_notify') this.peerClosed = true
  }

  #message(raw: Uint8Array): void {
    this.#sawMessage = true
    const name = handshakeName(raw[0] as number)
    // A flight that was asked for is no chatter: that there are as many as requests, its states see to.
    if (this.#established !== undefined && !solicited.has(name)) {
      if (name === 'new_session_ticket') this.#conduct.noteTicket()
      else this.#conduct.noteMessage()
    }
    this.#input(name, { body: raw.subarray(handshakeHeaderLength), raw })
  }

  #input(name: string, value: unknown): void {
    const { on, name: stateName } = this.#state as AnyState
    const handle = Object.hasOwn(on, name) ? on[name] : undefined
    if (handle === undefined) throw fault('unexpected-message', `${name} in the state ${stateName}`)
    // The name of the input decides its type: `Inputs`.
    const next = handle(value as never)
    this.#state = this.#successor ?? next
    this.#successor = undefined
  }

  #applicationData(content: Uint8Array): void {
    const isEarly = this.#established === undefined
    if (isEarly && !this.early.isOpen) throw fault('unexpected-record', 'application data before the handshake is done')
    if (this.#insistsOnHandshake) throw fault('unexpected-record', 'data in the middle of a flight')
    if (content.length === 0) {
      this.#conduct.noteEmptyRecord()
      return
    }
    if (isEarly) {
      this.early.add(content)
      return
    }
    this.#conduct.noteData()
    this.#plaintext = content
  }

  #changeCipherSpec(content: Uint8Array): void {
    if (content.length !== 1 || content[0] !== 1) throw fault('malformed-change-cipher-spec')
    if (this.#version === 'TLSv1.2') {
      this.#input('change_cipher_spec', true)
      return
    }
    // RFC 9846, Section 5: dropped between the first ClientHello and the peer's Finished.
    const expected = this.#isClient || this.#sawMessage
    const speaks13 = this.setup.settings.versions.includes('TLSv1.3')
    if (this.#established !== undefined || !expected || !speaks13)
      throw fault('unexpected-record', 'change_cipher_spec')
    this.#conduct.noteEmptyRecord()
  }

  #payKeyUpdate(): void {
    if (!this.#owesKeyUpdate) return
    this.#owesKeyUpdate = false
    if (!this.sentCloseNotify) this.#established?.keys?.sendUpdate(false)
  }
}

const solicited: ReadonlySet<string> = new Set(['certificate', 'certificate_verify', 'finished'])

/** Early data that is passed over although no ticket of ours allowed any: one record and a half. */
const maxSkippedBytes = 24 * 1024
/** Records that the keys must still allow for alerts and a KeyUpdate. */
const spareRecords = 16
