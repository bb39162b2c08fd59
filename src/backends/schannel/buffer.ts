import type { ClientContext, ServerContext } from '../../channel/context.ts'
import { type ConnectionFacts, noFacts } from '../../channel/facts.ts'
import { incomingLimitBytes, outgoingLimitBytes } from '../../channel/limits.ts'
import type { PauseAnswer, PauseRequest } from '../../channel/pause.ts'
import { nameText, type ServerName } from '../../channel/server-name.ts'
import type { TLSBuffer, Waiting } from '../../channel/tls-buffer.ts'
import { PlainBuffer } from '../../channel/unsupported.ts'
import { accepted, type VetoAnswer, vetoed } from '../../channel/veto.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { RaggedEOFError, UsageError } from '../../errors.ts'
import { ByteQueue } from './byte-queue.ts'
import type { PreparedContext } from './context.ts'
import { Decryption } from './decryption.ts'
import { readFacts } from './facts.ts'
import { Handshake } from './handshake.ts'
import { Session } from './session.ts'
import { Status } from './status.ts'

/** One connection of Schannel, seen as an in-memory channel. */
export class SchannelBuffer extends PlainBuffer implements TLSBuffer {
  readonly context: ClientContext | ServerContext
  readonly #prepared: PreparedContext
  readonly #isServer: boolean
  readonly #serverName: ServerName | undefined
  readonly #session: Session
  readonly #handshake: Handshake
  readonly #decryption: Decryption
  readonly #incoming = new ByteQueue()
  readonly #outgoing = new ByteQueue()

  #stage: 'negotiating' | 'authenticating' | 'done' = 'negotiating'
  #disposed = false
  #sentCloseNotify = false
  #transportEnded = false
  /** What this channel threw, and throws from then on. */
  #failure: { readonly error: unknown } | undefined
  #pause: PauseRequest | undefined
  #verdict: VetoAnswer | undefined
  #facts: ConnectionFacts | undefined

  constructor(context: ClientContext | ServerContext, prepared: PreparedContext, serverName: ServerName | undefined) {
    super()
    const { configuration, native } = prepared
    this.context = context
    this.#prepared = prepared
    this.#isServer = configuration instanceof TLSServerConfiguration
    this.#serverName = serverName
    this.#session = new Session({
      native,
      isServer: this.#isServer,
      // RFC 6066, Section 3: addresses are not sent.
      targetName: serverName?.kind === 'dns' ? serverName.name : undefined,
      innerProtocols: configuration.innerProtocols,
      asksForCertificate:
        configuration instanceof TLSServerConfiguration && (configuration.clientAuthentication ?? 'none') !== 'none',
    })
    this.#handshake = new Handshake(prepared, this.#session, serverName, this.#incoming, this.#outgoing)
    this.#decryption = new Decryption(this.#session, this.#incoming, this.#outgoing, {
      isServer: this.#isServer,
      credentialStructure: prepared.settings.credentialStructure,
      isTLS12: () => this.#handshake.version === 'TLSv1.2',
    })
  }

  // ── the contract ──

  handshake(): 'done' | Waiting {
    this.#requireLive()
    if (this.#stage === 'done') return 'done'
    if (this.#pause !== undefined) return 'paused'
    if (this.#stage === 'negotiating') {
      if (this.#attempt(() => this.#handshake.advance()) === 'want-read') return this.#waitForMore()
      this.#stage = 'authenticating'
      this.#attempt(() => this.#handshake.authenticate())
      if (this.context.configuration.verifyPeer !== undefined) return this.#askForVeto()
    }
    const verdict = this.#verdict
    if (verdict !== undefined && !accepted(verdict)) {
      this.#fail(vetoed(verdict, this.#handshake.refuse('bad_certificate') as 'bad_certificate' | undefined))
    }
    this.#handshake.accept()
    this.#stage = 'done'
    return 'done'
  }

  read(maxBytes: number): Uint8Array | Waiting {
    if (!Number.isInteger(maxBytes) || maxBytes < 1)
      throw new TypeError(`read: expected a positive number of bytes, got ${maxBytes}`)
    this.#requireHandshake('read')
    const waiting = this.#decrypt()
    return waiting ?? this.#decryption.take(maxBytes)
  }

  readInto(target: Uint8Array): number | Waiting {
    if (!(target instanceof Uint8Array)) throw new TypeError('readInto: expected a Uint8Array')
    this.#requireHandshake('readInto')
    if (target.byteLength === 0) return 0
    const waiting = this.#decrypt()
    if (waiting !== undefined) return waiting
    const plaintext = this.#decryption.take(target.byteLength)
    target.set(plaintext)
    return plaintext.byteLength
  }

  write(data: Uint8Array): number | Waiting {
    this.#requireHandshake('write')
    if (!(data instanceof Uint8Array)) throw new TypeError('write: expected a Uint8Array')
    if (this.#sentCloseNotify) throw new UsageError('write: close_notify has been sent')
    if (data.byteLength === 0) return 0
    const room = outgoingLimitBytes - this.#outgoing.byteLength
    if (room <= 0) return 'want-write'
    const end = Math.min(data.byteLength, room)
    for (let start = 0; start < end; start += this.#session.maximumMessageBytes) {
      this.#encrypt(data.subarray(start, Math.min(end, start + this.#session.maximumMessageBytes)))
    }
    return end
  }

  shutdown(): 'done' | Waiting {
    this.#requireHandshake('shutdown')
    if (!this.#sentCloseNotify) {
      this.#sentCloseNotify = true
      this.#attempt(() => this.#outgoing.push(this.#session.closeNotify()))
    }
    const waiting = this.#decrypt()
    if (waiting === 'closed') return 'done'
    return waiting ?? 'want-read'
  }

  processIncoming(ciphertext: Uint8Array): number {
    this.#requireLive()
    if (!(ciphertext instanceof Uint8Array)) throw new TypeError('processIncoming: expected a Uint8Array')
    if (this.#transportEnded) throw new UsageError('processIncoming: the transport was said to have ended')
    if (this.#decryption.peerClosed) return 0
    const taken = Math.min(ciphertext.byteLength, incomingLimitBytes - this.#incoming.byteLength)
    if (taken <= 0) return 0
    const own = Buffer.from(ciphertext.subarray(0, taken))
    this.#incoming.push(own)
    if (this.#stage === 'negotiating') this.#handshake.follow(own)
    return taken
  }

  endIncoming(): void {
    this.#transportEnded = true
  }

  get incomingBytesBuffered(): number {
    return this.#incoming.byteLength
  }

  releaseIncoming(): Uint8Array {
    this.#requireLive()
    const released = new Uint8Array(this.#decryption.peerClosed ? this.#incoming.byteLength : 0)
    this.#incoming.takeInto(released)
    return released
  }

  processOutgoing(maxBytes: number = Number.POSITIVE_INFINITY): Uint8Array {
    if (!(maxBytes >= 1)) throw new TypeError(`processOutgoing: expected a positive number of bytes, got ${maxBytes}`)
    const ciphertext = Buffer.allocUnsafe(Math.min(maxBytes, this.#outgoing.byteLength))
    this.#outgoing.takeInto(ciphertext)
    return ciphertext
  }

  processOutgoingInto(target: Uint8Array): number {
    if (!(target instanceof Uint8Array)) throw new TypeError('processOutgoingInto: expected a Uint8Array')
    return this.#outgoing.takeInto(target)
  }

  get outgoingBytesBuffered(): number {
    return this.#outgoing.byteLength
  }

  get pause(): PauseRequest | undefined {
    return this.#pause
  }

  resume(answer: PauseAnswer): void {
    this.#requireLive()
    if (this.#pause === undefined) throw new UsageError('resume: the channel is not paused')
    const isVerdict = typeof answer === 'object' && answer !== null && ('accept' in answer || 'failed' in answer)
    if (!isVerdict) throw new TypeError('resume: expected { accept: true }, { accept: false, reason } or { failed }')
    this.#verdict = answer
    this.#pause = undefined
  }

  get facts(): ConnectionFacts {
    if (this.#facts !== undefined) return this.#facts
    if (this.#disposed || this.#stage !== 'done') return noFacts
    const { seen, peerChain, verified } = this.#handshake
    this.#facts = readFacts(this.#session, seen, {
      isServer: this.#isServer,
      serverName: nameText(this.#serverName),
      peerChain,
      verified,
      credentialStructure: this.#prepared.settings.credentialStructure,
    })
    return this.#facts
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return
    this.#facts = this.facts
    this.#disposed = true
    this.#incoming.clear()
    this.#session.free()
  }

  // ── steps ──

  /** Decrypts until there is something to read; answers what stands in the way, if anything does. */
  #decrypt(): Waiting | undefined {
    const progress = this.#attempt(() => this.#decryption.advance())
    if (progress === 'data') return undefined
    return progress === 'want-read' ? this.#waitForMore() : progress
  }

  #encrypt(data: Uint8Array): void {
    const { status, ciphertext } = this.#attempt(() => this.#session.encrypt(data))
    if (status !== Status.SEC_E_OK) this.#fail(this.#session.failed('a record cannot be encrypted', status))
    this.#outgoing.push(Buffer.from(ciphertext))
  }

  #askForVeto(): 'paused' {
    const serverName = this.#isServer ? undefined : nameText(this.#serverName)
    const { peerChain } = this.#handshake
    this.#pause = Object.freeze({ kind: 'verify-peer', peer: Object.freeze({ chain: peerChain, serverName }) })
    return 'paused'
  }

  #waitForMore(): 'want-read' {
    if (this.#transportEnded) this.#fail(new RaggedEOFError(this.#stage === 'done' ? 'data' : 'handshake'))
    return 'want-read'
  }

  /** Runs a part of a step; whatever it throws is what this channel fails with. */
  #attempt<T>(part: () => T): T {
    try {
      return part()
    } catch (thrown) {
      return this.#fail(thrown)
    }
  }

  #fail(error: unknown): never {
    this.#failure = { error }
    throw error
  }

  #requireLive(): void {
    if (this.#disposed) throw new UsageError('this channel was disposed of', { code: 'ERR_TLS_DISPOSED' })
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #requireHandshake(call: string): void {
    this.#requireLive()
    if (this.#stage !== 'done') throw new UsageError(`${call}: the handshake is not done`)
  }
}
