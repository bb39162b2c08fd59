import type { ClientContext, ServerContext } from '../../channel/context.ts'
import type { ConnectionFacts } from '../../channel/facts.ts'
import {
  type ChannelBindingType,
  exporterBinding,
  noEarlyData,
  noEndPointBinding,
  requireBindingType,
  requireExporterArguments,
} from '../../channel/key-material.ts'
import { incomingLimitBytes, outgoingLimitBytes } from '../../channel/limits.ts'
import { type PauseAnswer, type PauseRequest, requireAnswer } from '../../channel/pause.ts'
import type { ClientCertificateRequest } from '../../channel/post-handshake.ts'
import type { TLSBuffer, Waiting } from '../../channel/tls-buffer.ts'
import { PlainBuffer } from '../../channel/unsupported.ts'
import { optionalBoolean, requireObject } from '../../config/arguments.ts'
import type { Session } from '../../config/session.ts'
import { UsageError } from '../../errors.ts'
import type { Engine } from './engine.ts'
import type { Setup } from './setup.ts'

/** One connection of the portable stack, seen as an in-memory channel: the rules of the contract around an engine. */
export class PortableBuffer extends PlainBuffer implements TLSBuffer {
  readonly context: ClientContext | ServerContext
  readonly #engine: Engine<Setup>
  #disposed = false
  #handshakeDone = false

  constructor(context: ClientContext | ServerContext, engine: Engine<Setup>) {
    super()
    this.context = context
    this.#engine = engine
  }

  handshake(): 'done' | Waiting {
    const engine = this.#live()
    if (this.#handshakeDone) return 'done'
    const result = engine.handshake()
    if (result === 'done') this.#handshakeDone = true
    return result
  }

  read(maxBytes: number): Uint8Array | Waiting {
    if (!Number.isInteger(maxBytes) || maxBytes < 1)
      throw new TypeError(`read: expected a positive number of bytes, got ${maxBytes}`)
    const engine = this.#ready('read')
    const plaintext = engine.receive()
    if (typeof plaintext === 'string') return plaintext
    // What a record held is the reader's own memory: it is handed over as it is.
    const taken = plaintext.length <= maxBytes ? plaintext : plaintext.slice(0, maxBytes)
    engine.consume(taken.length)
    return taken
  }

  readInto(target: Uint8Array): number | Waiting {
    if (!(target instanceof Uint8Array)) throw new TypeError('readInto: expected a Uint8Array')
    const engine = this.#ready('readInto')
    if (target.byteLength === 0) return 0
    let length = 0
    while (length < target.byteLength) {
      // What was read before stays read: what comes behind it, be it an end or a failure, waits for the next call.
      const plaintext = length === 0 ? engine.receive() : engine.receiveMore()
      if (plaintext === undefined) break
      if (typeof plaintext === 'string') return plaintext
      const taken = plaintext.subarray(0, target.byteLength - length)
      target.set(taken, length)
      engine.consume(taken.length)
      length += taken.length
    }
    return length
  }

  write(data: Uint8Array): number | Waiting {
    return transmit(this.#ready('write'), 'write', data)
  }

  shutdown(): 'done' | Waiting {
    const engine = this.#ready('shutdown')
    // What has been asked of us is answered first: nothing may follow close_notify.
    if (engine.pauseRequest !== undefined) return 'paused'
    if (!engine.sentCloseNotify) engine.close()
    const received = engine.receive()
    if (received === 'closed') return 'done'
    return received === 'paused' ? 'paused' : 'want-read'
  }

  processIncoming(ciphertext: Uint8Array): number {
    const engine = this.#live()
    if (!(ciphertext instanceof Uint8Array)) throw new TypeError('processIncoming: expected a Uint8Array')
    if (engine.transportEnded) throw new UsageError('processIncoming: the transport was said to have ended')
    if (engine.peerClosed) return 0
    const taken = Math.min(ciphertext.byteLength, incomingLimitBytes - engine.incomingBytes)
    if (taken > 0) engine.feed(taken === ciphertext.byteLength ? ciphertext : ciphertext.subarray(0, taken))
    return taken
  }

  endIncoming(): void {
    this.#engine.transportEnded = true
  }

  get incomingBytesBuffered(): number {
    return this.#engine.incomingBytes
  }

  releaseIncoming(): Uint8Array {
    const engine = this.#live()
    return engine.peerClosed ? engine.releaseIncoming() : new Uint8Array(0)
  }

  processOutgoing(maxBytes: number = Number.POSITIVE_INFINITY): Uint8Array {
    if (!(maxBytes >= 1)) throw new TypeError(`processOutgoing: expected a positive number of bytes, got ${maxBytes}`)
    return this.#engine.takeOutgoing(maxBytes)
  }

  processOutgoingInto(target: Uint8Array): number {
    return this.#engine.takeOutgoingInto(target)
  }

  get outgoingBytesBuffered(): number {
    return this.#engine.outgoingBytes
  }

  get pause(): PauseRequest | undefined {
    return this.#engine.pauseRequest
  }

  resume(answer: PauseAnswer): void {
    const engine = this.#live()
    const request = engine.pauseRequest
    if (request === undefined) throw new UsageError('resume: the channel is not paused')
    requireAnswer(request, answer)
    engine.resume(answer)
  }

  get facts(): ConnectionFacts {
    return this.#engine.facts
  }

  override takeSessions(): readonly Session[] {
    return this.#engine.sessions.takeAll()
  }

  override sendTicket(): void {
    const engine = this.#ready('sendTicket')
    if (engine.sentCloseNotify) throw new UsageError('sendTicket: close_notify has been sent')
    engine.sendTicket()
  }

  override requestClientCertificate(): ClientCertificateRequest {
    return this.#ready('requestClientCertificate').requestClientCertificate()
  }

  override updateKeys(options: { readonly requestPeer?: boolean } = {}): void {
    requireObject('updateKeys', options)
    const { requestPeer = false } = options
    optionalBoolean('requestPeer', requestPeer)
    const engine = this.#ready('updateKeys')
    if (engine.sentCloseNotify) throw new UsageError('updateKeys: close_notify has been sent')
    engine.updateKeys(requestPeer)
  }

  override readEarlyData(maxBytes: number): Uint8Array | Waiting {
    if (!Number.isInteger(maxBytes) || maxBytes < 1)
      throw new TypeError(`readEarlyData: expected a positive number of bytes, got ${maxBytes}`)
    return this.#live().receiveEarlyData(maxBytes)
  }

  override writeEarlyData(data: Uint8Array): number | Waiting {
    const engine = this.#live()
    if (!engine.early.wasAccepted) throw new UsageError('writeEarlyData: no early data was accepted')
    return transmit(engine, 'writeEarlyData', data)
  }

  override exportEarlyKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array {
    const engine = this.#live()
    requireExporterArguments(label, length, context)
    const { exporter } = engine.early
    if (exporter === undefined) throw noEarlyData()
    return exporter.export(label, context, length)
  }

  override exportKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array {
    const engine = this.#ready('exportKeyingMaterial')
    requireExporterArguments(label, length, context)
    return engine.exportKeyingMaterial(label, context, length)
  }

  override channelBinding(type: ChannelBindingType): Uint8Array {
    const engine = this.#ready('channelBinding')
    requireBindingType(type)
    const { label, length, context } = exporterBinding
    // extended_master_secret is required of every peer of TLS 1.2.
    if (type === 'tls-exporter') return engine.exportKeyingMaterial(label, context, length)
    const { endPoint } = engine
    if (endPoint === undefined) throw noEndPointBinding()
    return endPoint
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#engine.dispose()
  }

  #live(): Engine<Setup> {
    if (this.#disposed) throw new UsageError('this channel was disposed of', { code: 'ERR_TLS_DISPOSED' })
    this.#engine.checkAlive()
    return this.#engine
  }

  #ready(call: string): Engine<Setup> {
    const engine = this.#live()
    if (!this.#handshakeDone) throw new UsageError(`${call}: the handshake is not done`)
    return engine
  }
}

/** Takes as much as there is room for. */
function transmit(engine: Engine<Setup>, call: string, data: Uint8Array): number | Waiting {
  if (!(data instanceof Uint8Array)) throw new TypeError(`${call}: expected a Uint8Array`)
  if (engine.sentCloseNotify) throw new UsageError(`${call}: close_notify has been sent`)
  if (data.byteLength === 0) return 0
  const room = outgoingLimitBytes - engine.outgoingBytes
  if (room <= 0) return 'want-write'
  const taken = data.byteLength <= room ? data : data.subarray(0, room)
  engine.transmit(taken)
  return taken.byteLength
}
