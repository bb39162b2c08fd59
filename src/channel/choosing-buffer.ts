import type { AlertName } from '../alerts.ts'
import { readClientHello } from '../codec/client-hello.ts'
import { DecodeError } from '../codec/decode-error.ts'
import { FirstMessage } from '../codec/first-message.ts'
import type { ClientHello, ContextChoice } from '../config/client-hello.ts'
import type { Session } from '../config/session.ts'
import { BackendError, NegotiationError, UsageError } from '../errors.ts'
import type { ServerContext } from './context.ts'
import { type ConnectionFacts, noFacts } from './facts.ts'
import type { ChannelBindingType } from './key-material.ts'
import { incomingLimitBytes } from './limits.ts'
import { type ChooseContextRequest, type PauseAnswer, requireAnswer, unanswered } from './pause.ts'
import { encodePlainAlert } from './plain-alert.ts'
import type { ClientCertificateRequest } from './post-handshake.ts'
import type { TLSBuffer, Waiting } from './tls-buffer.ts'

/** A server's channel: one that asks `chooseContext` first, where the configuration has that. */
export function openServerBuffer(context: ServerContext, open: () => TLSBuffer): TLSBuffer {
  return context.configuration.chooseContext === undefined ? open() : new ChoosingBuffer(context, open)
}

/**
 * A server's channel that looks at the ClientHello before any backend does, asks with which context to go on, and is a channel of that
 * one from then on, which gets every byte as it came. What is no ClientHello is for the context that the connection began with: it knows
 * how to refuse it.
 */
class ChoosingBuffer implements TLSBuffer {
  readonly #first: ServerContext
  readonly #openFirst: () => TLSBuffer
  #hello = new FirstMessage()
  /** The channel of the context that was chosen. */
  #chosen: TLSBuffer | undefined
  #pause: ChooseContextRequest | undefined
  #failure: unknown
  /** What the client is told where it is refused. */
  #alert: Uint8Array = new Uint8Array(0)
  #hasEnded = false
  #isDisposed = false

  constructor(first: ServerContext, openFirst: () => TLSBuffer) {
    this.#first = first
    this.#openFirst = openFirst
  }

  get context(): TLSBuffer['context'] {
    return this.#chosen?.context ?? this.#first
  }

  handshake(): 'done' | Waiting {
    this.#requireAlive()
    if (this.#chosen === undefined) {
      if (this.#pause !== undefined) return 'paused'
      const hello = this.#hello.read(clientHelloType, incomingLimitBytes)
      if (hello === 'incomplete' && !this.#hasEnded && this.incomingBytesBuffered < incomingLimitBytes)
        return 'want-read'
      const clientHello = typeof hello === 'string' ? undefined : decoded(hello)
      if (clientHello !== undefined) {
        this.#pause = Object.freeze({ kind: 'choose-context', clientHello })
        return 'paused'
      }
      this.#goOn(this.#openFirst())
    }
    return this.#ready('handshake').handshake()
  }

  resume(answer: PauseAnswer): void {
    this.#requireAlive()
    if (this.#chosen !== undefined) {
      this.#chosen.resume(answer)
      return
    }
    const request = this.#pause
    if (request === undefined) throw new UsageError('resume: the channel is not paused')
    requireAnswer(request, answer)
    this.#pause = undefined
    if (typeof answer === 'object' && 'failed' in answer) {
      this.#refuse(unanswered(this.#first.backend.name, request, answer.failed), 'internal_error')
    } else this.#choose(answer as ContextChoice)
  }

  #choose(choice: ContextChoice): void {
    if (choice !== undefined && 'refuse' in choice) {
      const { refuse, alert = 'handshake_failure' } = choice
      const message = `the application refuses the client by its ClientHello: ${refuse}`
      this.#refuse(new NegotiationError('client-hello', message, { alert }), alert)
      return
    }
    let channel: TLSBuffer
    try {
      channel = this.#open(choice as ServerContext | undefined)
    } catch (cause) {
      const error = new BackendError(this.#first.backend.name, 'the context that was chosen makes no channel', {
        cause,
      })
      this.#refuse(error, 'internal_error')
      return
    }
    this.#goOn(channel)
  }

  /** That it is a server's context, `requireAnswer` has seen. It serves as it is: what it would choose itself is not asked. */
  #open(context: ServerContext | undefined): TLSBuffer {
    const chosen = context?.createBuffer()
    if (chosen === undefined) return this.#openFirst()
    return chosen instanceof ChoosingBuffer ? chosen.#openFirst() : chosen
  }

  #goOn(channel: TLSBuffer): void {
    this.#chosen = channel
    channel.processIncoming(this.#hello.received)
    this.#hello = handedOver
    if (this.#hasEnded) channel.endIncoming()
  }

  #refuse(error: Error, alert: AlertName): void {
    this.#failure = error
    this.#alert = encodePlainAlert(alert)
  }

  #requireAlive(): void {
    if (this.#isDisposed) throw new UsageError('this channel was disposed of', { code: 'ERR_TLS_DISPOSED' })
    if (this.#failure !== undefined) throw this.#failure
  }

  #ready(call: string): TLSBuffer {
    this.#requireAlive()
    if (this.#chosen === undefined) throw new UsageError(`${call}: the handshake is not done`)
    return this.#chosen
  }

  // ── bytes ──

  processIncoming(ciphertext: Uint8Array): number {
    this.#requireAlive()
    if (this.#chosen !== undefined) return this.#chosen.processIncoming(ciphertext)
    if (!(ciphertext instanceof Uint8Array)) throw new TypeError('processIncoming: expected a Uint8Array')
    if (this.#hasEnded) throw new UsageError('processIncoming: the transport was said to have ended')
    const taken = Math.min(ciphertext.byteLength, incomingLimitBytes - this.incomingBytesBuffered)
    this.#hello.add(ciphertext.subarray(0, taken))
    return taken
  }

  endIncoming(): void {
    this.#hasEnded = true
    this.#chosen?.endIncoming()
  }

  get incomingBytesBuffered(): number {
    return this.#chosen?.incomingBytesBuffered ?? this.#hello.received.byteLength
  }

  releaseIncoming(): Uint8Array {
    this.#requireAlive()
    return this.#chosen?.releaseIncoming() ?? new Uint8Array(0)
  }

  processOutgoing(maxBytes: number = Number.POSITIVE_INFINITY): Uint8Array {
    if (this.#chosen !== undefined) return this.#chosen.processOutgoing(maxBytes)
    if (!(maxBytes >= 1)) throw new TypeError(`processOutgoing: expected a positive number of bytes, got ${maxBytes}`)
    const taken = this.#alert.slice(0, maxBytes)
    this.#alert = this.#alert.subarray(taken.byteLength)
    return taken
  }

  processOutgoingInto(target: Uint8Array): number {
    if (this.#chosen !== undefined) return this.#chosen.processOutgoingInto(target)
    if (!(target instanceof Uint8Array)) throw new TypeError('processOutgoingInto: expected a Uint8Array')
    if (target.byteLength === 0) return 0
    const taken = this.processOutgoing(target.byteLength)
    target.set(taken)
    return taken.byteLength
  }

  get outgoingBytesBuffered(): number {
    return this.#chosen?.outgoingBytesBuffered ?? this.#alert.byteLength
  }

  // ── what the chosen channel answers ──

  get pause(): TLSBuffer['pause'] {
    return this.#chosen === undefined ? this.#pause : this.#chosen.pause
  }

  get facts(): ConnectionFacts {
    return this.#chosen?.facts ?? noFacts
  }

  read(maxBytes: number): Uint8Array | Waiting {
    return this.#ready('read').read(maxBytes)
  }

  readInto(target: Uint8Array): number | Waiting {
    return this.#ready('readInto').readInto(target)
  }

  write(data: Uint8Array): number | Waiting {
    return this.#ready('write').write(data)
  }

  shutdown(): 'done' | Waiting {
    return this.#ready('shutdown').shutdown()
  }

  takeSessions(): readonly Session[] {
    return []
  }

  sendTicket(): void {
    this.#ready('sendTicket').sendTicket()
  }

  requestClientCertificate(): ClientCertificateRequest {
    return this.#ready('requestClientCertificate').requestClientCertificate()
  }

  updateKeys(options?: { readonly requestPeer?: boolean }): void {
    this.#ready('updateKeys').updateKeys(options)
  }

  readEarlyData(maxBytes: number): Uint8Array | Waiting {
    this.#requireAlive()
    return this.#chosen?.readEarlyData(maxBytes) ?? 'want-read'
  }

  writeEarlyData(data: Uint8Array): number | Waiting {
    return this.#ready('writeEarlyData').writeEarlyData(data)
  }

  exportKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array {
    return this.#ready('exportKeyingMaterial').exportKeyingMaterial(label, length, context)
  }

  exportEarlyKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array {
    return this.#ready('exportEarlyKeyingMaterial').exportEarlyKeyingMaterial(label, length, context)
  }

  channelBinding(type: ChannelBindingType): Uint8Array {
    return this.#ready('channelBinding').channelBinding(type)
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true
    this.#chosen?.[Symbol.dispose]()
  }
}

/** `undefined` where it cannot be read: why, the handshake will say. */
function decoded(message: Uint8Array): ClientHello | undefined {
  try {
    return readClientHello(message)
  } catch (thrown) {
    if (thrown instanceof DecodeError) return undefined
    throw thrown
  }
}

/** What is left of a hello once a channel has it. Nothing is added to it. */
const handedOver = new FirstMessage()

/** RFC 9846, Section 4. */
const clientHelloType = 1
