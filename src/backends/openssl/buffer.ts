import type { ClientBufferOptions, ClientContext, ServerContext } from '../../channel/context.ts'
import { type ConnectionFacts, noFacts } from '../../channel/facts.ts'
import { type ChannelBindingType, noEndPointBinding, requireBindingType } from '../../channel/key-material.ts'
import { outgoingLimitBytes } from '../../channel/limits.ts'
import { type PauseAnswer, type PauseRequest, requireAnswer, unanswered } from '../../channel/pause.ts'
import { type ClientCertificateRequest, cannotRequest } from '../../channel/post-handshake.ts'
import type { ServerName } from '../../channel/server-name.ts'
import type { TLSBuffer, Waiting } from '../../channel/tls-buffer.ts'
import { PlainBuffer } from '../../channel/unsupported.ts'
import type { VetoAnswer } from '../../channel/veto.ts'
import { optionalBoolean, requireObject } from '../../config/arguments.ts'
import type { Session } from '../../config/session.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import { UsageError } from '../../errors.ts'
import { EarlyDataStatus, KeyUpdateType, Shutdown } from './constants.ts'
import { Engine } from './engine.ts'
import { readFacts, readSignatureScheme, versionOf } from './facts.ts'
import { Handshake, sendTickets } from './handshake.ts'
import {
  endPointOf,
  endPointOfPeer,
  exportEarlyKeyingMaterial,
  exporterBindingOf,
  exportKeyingMaterial,
} from './key-material.ts'
import { type Library, scratch } from './library.ts'
import type { PreparedContext } from './prepared-context.ts'
import type { Pointer } from './prototypes.ts'

/** One connection of libssl, seen as an in-memory channel. */
export class OpenSSLBuffer extends PlainBuffer implements TLSBuffer {
  readonly context: ClientContext | ServerContext
  readonly #library: Library
  readonly #engine: Engine
  readonly #handshake: Handshake
  #sentCloseNotify = false
  #recordsWritten = 0
  #facts: ConnectionFacts | undefined

  constructor(
    context: ClientContext | ServerContext,
    prepared: PreparedContext,
    serverName?: ServerName,
    options: ClientBufferOptions = {},
  ) {
    super()
    this.context = context
    this.#library = prepared.library
    this.#engine = new Engine(prepared, serverName, options)
    this.#handshake = new Handshake(this.#engine)
  }

  handshake(): 'done' | Waiting {
    const engine = this.#engine
    engine.live()
    if (engine.isOpen) return 'done'
    if (engine.peerClosed) return 'closed'
    if (engine.pause !== undefined) return 'paused'
    const waiting = this.#handshake.advance()
    if (waiting !== undefined) return waiting
    this.#keepSessions(false)
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
    const { isIdle, pause } = this.#engine
    if (!isIdle && pause !== undefined) return 'paused'
    if (isIdle) this.#wearKeys(ssl, Math.min(data.byteLength, room))
    return this.#engine.step(() => this.#library.native.SSL_write(ssl, data, Math.min(data.byteLength, room)))
  }

  shutdown(): 'done' | Waiting {
    const ssl = this.#established('shutdown')
    const { native } = this.#library
    // What has been asked is answered first: nothing may follow close_notify. An answer has to be there as a whole.
    if (this.#engine.pause !== undefined) return 'paused'
    if (!this.#sentCloseNotify && !this.#engine.isIdle) {
      const step = this.#engine.step(() => native.SSL_do_handshake(ssl))
      if (typeof step === 'string') return step
    }
    if (!this.#sentCloseNotify) {
      this.#sentCloseNotify = true
      // Zero says that close_notify was sent and the peer's has not come; that is no error. SSL_shutdown(3).
      this.#engine.step(() => native.SSL_shutdown(ssl) + 1)
    }
    if (!this.#engine.peerClosed && (native.SSL_get_shutdown(ssl) & Shutdown.RECEIVED) === 0) {
      if (this.#engine.owesTooMuch) return 'want-write'
      const peeked = this.#engine.step(() => native.SSL_peek(ssl, this.#library.scratchAddress, 1))
      if (peeked !== 'closed') return 'want-read'
    }
    this.#engine.peerClosed = true
    return 'done'
  }

  processIncoming(ciphertext: Uint8Array): number {
    this.#engine.live()
    if (!(ciphertext instanceof Uint8Array)) throw new TypeError('processIncoming: expected a Uint8Array')
    if (this.#engine.transportEnded) throw new UsageError('processIncoming: the transport was said to have ended')
    if (this.#engine.peerClosed) return 0
    return this.#engine.take(ciphertext)
  }

  endIncoming(): void {
    this.#engine.endIncoming()
  }

  get incomingBytesBuffered(): number {
    return this.#engine.unreadBytes
  }

  releaseIncoming(): Uint8Array {
    this.#engine.live()
    return this.#engine.peerClosed ? this.#engine.releaseUnread() : new Uint8Array(0)
  }

  processOutgoing(maxBytes: number = Number.POSITIVE_INFINITY): Uint8Array {
    if (!(maxBytes >= 1)) throw new TypeError(`processOutgoing: expected a positive number of bytes, got ${maxBytes}`)
    const ciphertext = Buffer.allocUnsafe(Math.min(maxBytes, this.outgoingBytesBuffered))
    this.#engine.takeUnsent(ciphertext)
    return ciphertext
  }

  processOutgoingInto(target: Uint8Array): number {
    if (!(target instanceof Uint8Array)) throw new TypeError('processOutgoingInto: expected a Uint8Array')
    return this.#engine.takeUnsent(target)
  }

  get outgoingBytesBuffered(): number {
    return this.#engine.unsentBytes
  }

  get pause(): PauseRequest | undefined {
    return this.#engine.pause
  }

  resume(answer: PauseAnswer): void {
    const engine = this.#engine
    engine.live()
    const request = engine.pause
    if (request === undefined) throw new UsageError('resume: the channel is not paused')
    requireAnswer(request, answer)
    engine.pause = undefined
    if (request.kind === 'verify-peer') engine.verification.answer(answer as VetoAnswer)
    else if (typeof answer === 'object' && 'failed' in answer) {
      const error = unanswered(engine.prepared.backendName, request, answer.failed)
      if (request.kind === 'choose-certificate') engine.choice?.fail(error)
      else engine.giveUp(error)
    } else if (request.kind === 'choose-certificate') engine.choice?.answer(answer as SigningChain | undefined)
    else {
      try {
        engine.sessions.answer(request, answer)
      } catch (unusable) {
        engine.giveUp(unusable)
      }
    }
  }

  get facts(): ConnectionFacts {
    if (this.#facts !== undefined) return this.#facts
    const engine = this.#engine
    const { isOpen, ssl, isServer, serverName, prepared, verification, sessions, stapledStatus, timestamps } = engine
    if (ssl === undefined || !isOpen) return noFacts
    this.#facts = readFacts(this.#library, ssl, {
      isServer,
      serverName,
      verified: verification.chainVerified,
      sessions: sessions.facts(ssl),
      ocspResponse: stapledStatus?.response,
      signedCertificateTimestamps: timestamps,
      hasInnerProtocols: prepared.configuration.innerProtocols !== undefined,
    })
    return this.#facts
  }

  override takeSessions(): readonly Session[] {
    return this.#engine.sessions.client?.take() ?? []
  }

  override sendTicket(): void {
    const ssl = this.#established('sendTicket')
    if (!this.#engine.isServer || versionOf(this.#library.native.SSL_version(ssl)) !== 'TLSv1.3')
      throw new UsageError('sendTicket: only a server does so, and in TLS 1.3')
    if (this.#engine.sessions.server === undefined) throw new UsageError('sendTicket: sessions are off')
    if (this.#sentCloseNotify) throw new UsageError('sendTicket: close_notify has been sent')
    this.#engine.whenIdle(() => sendTickets(this.#engine, 1))
  }

  override requestClientCertificate(): ClientCertificateRequest {
    this.#established('requestClientCertificate')
    const { late } = this.#engine
    if (late === undefined) throw cannotRequest('client')
    // Read now, for OpenSSL forgets it with the next answer.
    const { resumed, peerChain, verified } = this.facts
    return late.ask(resumed ? undefined : { peerChain, verified })
  }

  override updateKeys(options: { readonly requestPeer?: boolean } = {}): void {
    requireObject('updateKeys', options)
    const { requestPeer = false } = options
    optionalBoolean('requestPeer', requestPeer)
    const ssl = this.#established('updateKeys')
    const { native } = this.#library
    if (versionOf(native.SSL_version(ssl)) !== 'TLSv1.3') throw new UsageError('updateKeys: there is none in TLS 1.2')
    if (this.#sentCloseNotify) throw new UsageError('updateKeys: close_notify has been sent')
    const kind = requestPeer ? KeyUpdateType.REQUESTED : KeyUpdateType.NOT_REQUESTED
    // The second call sends it.
    this.#engine.whenIdle(() => {
      this.#engine.step(() => (native.SSL_key_update(ssl, kind) === 1 ? native.SSL_do_handshake(ssl) : 0))
      this.#recordsWritten = 0
    })
  }

  override readEarlyData(maxBytes: number): Uint8Array | Waiting {
    if (!Number.isInteger(maxBytes) || maxBytes < 1)
      throw new TypeError(`readEarlyData: expected a positive number of bytes, got ${maxBytes}`)
    const { earlyData } = this.#engine.sessions
    const bytes = earlyData?.take(maxBytes)
    if (bytes !== undefined) return bytes
    this.#engine.live()
    return earlyData === undefined || earlyData.isOver ? 'closed' : 'want-read'
  }

  override writeEarlyData(data: Uint8Array): number | Waiting {
    const ssl = this.#engine.live()
    const { native } = this.#library
    if (this.#engine.isOpen) return this.write(data)
    if (!(data instanceof Uint8Array)) throw new TypeError('writeEarlyData: expected a Uint8Array')
    if (
      this.#engine.sessions.earlyData === undefined ||
      native.SSL_get_early_data_status(ssl) !== EarlyDataStatus.ACCEPTED
    )
      throw new UsageError('writeEarlyData: no early data was accepted')
    if (data.byteLength === 0) return 0
    const room = outgoingLimitBytes - this.outgoingBytesBuffered
    if (room <= 0) return 'want-write'
    const written = new BigUint64Array(1)
    const result = this.#engine.step(() =>
      native.SSL_write_early_data(ssl, data, Math.min(data.byteLength, room), written),
    )
    return typeof result === 'string' ? result : Number(written[0])
  }

  override exportKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array {
    return exportKeyingMaterial(
      this.#engine.prepared,
      this.#established('exportKeyingMaterial'),
      label,
      length,
      context,
    )
  }

  override exportEarlyKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array {
    const { prepared, isServer } = this.#engine
    return exportEarlyKeyingMaterial(prepared, this.#engine.live(), isServer, label, length, context)
  }

  override channelBinding(type: ChannelBindingType): Uint8Array {
    const ssl = this.#established('channelBinding')
    requireBindingType(type)
    if (type === 'tls-exporter') return exporterBindingOf(this.#engine.prepared, ssl)
    const endPoint = this.#endPoint(ssl)
    if (endPoint === undefined) throw noEndPointBinding()
    return endPoint
  }

  [Symbol.dispose](): void {
    if (this.#engine.ssl === undefined) return
    this.#facts = this.facts
    this.#engine.free()
  }

  /** What binds to the certificate that the server has shown, here or where the session began. */
  #endPoint(ssl: Pointer): Uint8Array | undefined {
    const { isServer, sessions } = this.#engine
    if (!isServer) return endPointOfPeer(this.#library, this.facts.peerChain)
    switch (sessions.foundation.kind) {
      case 'certificates':
        return endPointOf(this.#library, this.#library.native.SSL_get_certificate(ssl))
      case 'session':
        return sessions.server?.endPoint
      case 'pre-shared-key':
        return undefined
    }
  }

  #readInto(address: Pointer, capacity: number): number | Waiting {
    this.#established('read')
    if (capacity === 0) return 0
    if (this.#engine.peerClosed) return 'closed'
    if (this.#engine.pause !== undefined) return 'paused'
    const read = this.#engine.readInto(address, capacity)
    // What was read stays read: that a session cannot be kept is for the next step to say.
    this.#keepSessions(typeof read === 'number')
    this.#noteIdentity()
    return read
  }

  /** From now on the client is who it has proved to be. */
  #noteIdentity(): void {
    const { newIdentity, ssl } = this.#engine
    if (newIdentity === undefined || ssl === undefined) return
    this.#engine.newIdentity = undefined
    const { peerChain, verified } = newIdentity
    const signatureScheme = readSignatureScheme(this.#library, ssl, true)
    this.#facts = Object.freeze({ ...this.facts, peerChain, peerCertificate: peerChain[0], verified, signatureScheme })
  }

  /** Puts what came where it is kept. Not while OpenSSL runs: the cache may be the application's. */
  #keepSessions(failsLater: boolean): void {
    const { client } = this.#engine.sessions
    if (!client?.hasArrivals) return
    try {
      client.keep(this.facts)
    } catch (error) {
      this.#engine.failure = { error }
      if (!failsLater) throw error
    }
  }

  /** OpenSSL does not change the keys by itself. RFC 9846, Section 5.5. */
  #wearKeys(ssl: Pointer, bytes: number): void {
    this.#recordsWritten += Math.ceil(bytes / maxRecordBytes)
    if (this.#recordsWritten < this.#engine.prepared.recordsPerKey) return
    if (versionOf(this.#library.native.SSL_version(ssl)) === 'TLSv1.3') this.updateKeys()
  }

  /** The SSL of a channel whose handshake is done. */
  #established(call: string): Pointer {
    const ssl = this.#engine.live()
    if (!this.#engine.isOpen) throw new UsageError(`${call}: the handshake is not done`)
    return ssl
  }
}

/** RFC 9846, Section 5.1. */
const maxRecordBytes = 16_384
