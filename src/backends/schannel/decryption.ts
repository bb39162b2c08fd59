import type { AlertName } from '../../alerts.ts'
import { incomingLimitBytes, outgoingLimitBytes } from '../../channel/limits.ts'
import type { TLSError } from '../../errors.ts'
import type { CredentialStructure } from './abilities.ts'
import { type ByteQueue, nextRecord, wholeRecordsBytes } from './byte-queue.ts'
import { faultOf, recordTooLong, renegotiation, unknownRecord } from './fault.ts'
import type { Session } from './session.ts'
import { isError, Status } from './status.ts'

export interface DecryptionOptions {
  readonly isServer: boolean
  readonly credentialStructure: CredentialStructure
  readonly isTLS12: () => boolean
}

/** The receiving side of a connection whose handshake is done: records into plaintext, and what the peer says between them. */
export class Decryption {
  readonly #session: Session
  readonly #incoming: ByteQueue
  readonly #outgoing: ByteQueue
  readonly #options: DecryptionOptions
  #plaintext: Uint8Array = nothing
  /** So many bytes of whole records were not enough for Schannel. */
  #tooFewBytes = 0
  /**
   * What of a message of the handshake has come and waits for the rest; undefined while none is under way. In TLS 1.3 new keys and tickets
   * come as such.
   */
  #message: Buffer | undefined
  /** Whether the peer has said its close_notify. */
  peerClosed = false

  constructor(session: Session, incoming: ByteQueue, outgoing: ByteQueue, options: DecryptionOptions) {
    this.#session = session
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#options = options
  }

  /**
   * Goes on until there is plaintext to take, or nothing more can be done.
   * @throws ProtocolError, AlertReceivedError, BackendError; what the peer is told of it is in the outgoing queue.
   */
  advance(): 'data' | 'want-read' | 'want-write' | 'closed' {
    while (this.#plaintext.byteLength === 0) {
      if (this.peerClosed) return 'closed'
      // A peer that asks for answers and fetches none gets no further.
      if (this.#outgoing.byteLength >= 2 * outgoingLimitBytes) return 'want-write'
      const records = this.#nextRecords()
      if (records === undefined) return 'want-read'
      if (this.#message === undefined) this.#decrypt(records)
      else {
        this.#incoming.drop(records.byteLength)
        this.#tooFewBytes = 0
        this.#exchange(Buffer.concat([this.#message, records]))
      }
    }
    return 'data'
  }

  /** At most so many bytes of what was decrypted. */
  take(maxBytes: number): Uint8Array {
    const taken = this.#plaintext.subarray(0, maxBytes)
    this.#plaintext = this.#plaintext.subarray(taken.byteLength)
    return taken
  }

  /** The next record; more than one where Schannel said that one was too few. */
  #nextRecords(): Buffer | undefined {
    const next = nextRecord(this.#incoming)
    if (next.kind === 'foreign') return this.#refuse(unknownRecord())
    if (next.kind === 'too-long') return this.#refuse(recordTooLong())
    if (next.kind === 'unknown' || !next.isWhole) return undefined
    if (next.byteLength > this.#tooFewBytes) return this.#incoming.peek(next.byteLength)
    const length = wholeRecordsBytes(this.#incoming, this.#tooFewBytes)
    return length > this.#tooFewBytes ? this.#incoming.peek(length) : undefined
  }

  #decrypt(records: Buffer): void {
    const { status, data, extra } = this.#session.decrypt(records)
    switch (status) {
      case Status.SEC_E_OK:
        this.#plaintext = new Uint8Array(data)
        // In TLS 1.2 an alert can be told from data. That Schannel does not call it an error says that it is the peer's close_notify.
        this.peerClosed = records[0] === alertRecord
        this.#consume(records.byteLength - extra.byteLength)
        return
      case Status.SEC_E_INCOMPLETE_MESSAGE:
        this.#tooFewBytes = records.byteLength
        return
      case Status.SEC_I_CONTEXT_EXPIRED:
        this.peerClosed = true
        this.#consume(records.byteLength - extra.byteLength)
        return
      case Status.SEC_I_RENEGOTIATE: {
        // In TLS 1.2 it is what it says. It is refused, as by every backend: what was agreed and verified stays as it is.
        if (this.#options.isTLS12()) this.#refuse(renegotiation())
        const message = Buffer.from(extra)
        this.#consume(records.byteLength)
        this.#exchange(message)
        return
      }
      default:
        this.#failed(status, Buffer.from(records), nothing)
    }
  }

  /** Gives Schannel a message of the handshake that came after it, with whatever stood behind. */
  #exchange(message: Buffer): void {
    const { status, token, extraBytes } = this.#session.exchange(message)
    switch (status) {
      case Status.SEC_E_OK:
        this.#message = undefined
        this.#outgoing.push(token)
        this.#incoming.putBack(message.subarray(message.byteLength - extraBytes))
        return
      case Status.SEC_I_CONTINUE_NEEDED:
        this.#message = Buffer.from(message.subarray(message.byteLength - extraBytes))
        this.#outgoing.push(token)
        return
      case Status.SEC_E_INCOMPLETE_MESSAGE:
        if (message.byteLength > incomingLimitBytes) this.#refuse(recordTooLong())
        this.#message = message
        return
      default:
        this.#outgoing.push(token)
        this.#failed(status, message, token)
    }
  }

  #consume(bytes: number): void {
    this.#tooFewBytes = 0
    this.#incoming.drop(bytes)
  }

  #failed(status: number, records: Uint8Array, answer: Uint8Array): never {
    const { isServer, credentialStructure } = this.#options
    const scene = { during: 'data', encrypted: true, isServer, credentialStructure, answer, records } as const
    const error = faultOf(status, scene)
    if (error.name === 'ProtocolError' && answer.byteLength === 0 && isError(status)) this.#refuse(error)
    throw error
  }

  /** Tells the peer, where Schannel can, and fails. */
  #refuse(error: TLSError): never {
    if (error.alert !== undefined) this.#outgoing.push(this.#session.alert(error.alert as AlertName))
    throw error
  }
}

/** The type of records that hold an alert. RFC 5246, Section 6.2.1. */
const alertRecord = 21

const nothing: Uint8Array = new Uint8Array(0)
