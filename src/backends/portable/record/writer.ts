import { concatBytes } from '../../../crypto/bytes.ts'
import type { CryptoProvider } from '../../../crypto/provider.ts'
import { ContentType, maxContentLength, type RecordSealer, recordHeaderLength } from './protection.ts'

/**
 * Puts what we send into records and keeps them until they are fetched. Handshake messages wait until the end of the flight, so that
 * they share records.
 */
export class RecordWriter {
  readonly #allocate: (length: number) => Uint8Array
  #sealer: RecordSealer | undefined
  #contentLimit = maxContentLength
  #flight: Uint8Array[] = []
  #chunks: Uint8Array[] = []
  #bytes = 0
  /** RFC 9846, Section 5.1: the first ClientHello says TLS 1.0, for the sake of old servers. */
  #version = 0x0301

  constructor({ allocate = zeros }: Pick<CryptoProvider, 'allocate'>) {
    this.#allocate = allocate
  }

  /** Bytes that wait to be fetched. */
  get bytes(): number {
    return this.#bytes
  }

  /** How many records the keys in use may still protect. */
  get recordsLeft(): number {
    return this.#sealer?.recordsLeft ?? Number.POSITIVE_INFINITY
  }

  /** `undefined`: in clear, as it was in the beginning. */
  protect(sealer: RecordSealer | undefined): void {
    this.flush()
    this.#sealer?.wipe()
    this.#sealer = sealer
  }

  /** Gives the keys up. Nothing can be sent any more; what waits still can be fetched. */
  wipe(): void {
    this.#sealer?.wipe()
  }

  /** The version is agreed on: from here on the header of records in clear says so. RFC 5246, Appendix E.1; RFC 9846, Section 5.1. */
  leaveFirstVersion(): void {
    this.flush()
    this.#version = 0x0303
  }

  limitContent(bytes: number): void {
    this.#contentLimit = Math.min(bytes, maxContentLength)
  }

  handshake(message: Uint8Array): void {
    this.#flight.push(message)
  }

  /** Always in clear: TLS 1.2 sends it before its keys change, TLS 1.3 for the sake of middleboxes. */
  changeCipherSpec(): void {
    this.flush()
    this.#push(Uint8Array.of(ContentType.change_cipher_spec, 3, 3, 0, 1, 1))
  }

  alert(level: number, code: number): void {
    this.flush()
    this.#records(ContentType.alert, Uint8Array.of(level, code))
  }

  data(content: Uint8Array): void {
    this.flush()
    this.#records(ContentType.application_data, content)
  }

  /** How many records so much content makes. */
  recordsFor(contentLength: number): number {
    return Math.ceil(contentLength / this.#contentLimit)
  }

  /** Seals the handshake messages that wait. */
  flush(): void {
    const flight = this.#flight
    if (flight.length === 0) return
    this.#flight = []
    this.#records(ContentType.handshake, flight.length === 1 ? (flight[0] as Uint8Array) : concatBytes(flight))
    this.#version = 0x0303
  }

  /** At most `maxBytes` of what waits. The memory is the caller's. */
  take(maxBytes: number): Uint8Array {
    const chunks = this.#chunks
    const all = chunks.length === 1 ? (chunks[0] as Uint8Array) : concatBytes(chunks)
    if (all.length <= maxBytes) {
      this.#chunks = []
      this.#bytes = 0
      return all
    }
    this.#chunks = [all.subarray(maxBytes)]
    this.#bytes = all.length - maxBytes
    return all.subarray(0, maxBytes)
  }

  /** Like `take`, into the caller's memory. */
  takeInto(target: Uint8Array): number {
    let length = 0
    while (this.#chunks.length > 0 && length < target.length) {
      const chunk = this.#chunks[0] as Uint8Array
      const taken = chunk.subarray(0, target.length - length)
      target.set(taken, length)
      length += taken.length
      if (taken.length === chunk.length) this.#chunks.shift()
      else this.#chunks[0] = chunk.subarray(taken.length)
    }
    this.#bytes -= length
    return length
  }

  /** All records of one content go into one chunk. */
  #records(type: ContentType, content: Uint8Array): void {
    const limit = this.#contentLimit
    if (content.length <= limit) {
      const chunk = this.#allocate(this.#sealedLength(content.length))
      this.#seal(type, content, chunk, 0)
      this.#push(chunk)
      return
    }
    const last = content.length % limit
    const full = (content.length - last) / limit
    const chunk = this.#allocate(full * this.#sealedLength(limit) + (last === 0 ? 0 : this.#sealedLength(last)))
    let at = 0
    for (let from = 0; from < content.length; from += limit) {
      at += this.#seal(type, content.subarray(from, from + limit), chunk, at)
    }
    this.#push(chunk)
  }

  #sealedLength(contentLength: number): number {
    return this.#sealer?.sealedLength(contentLength) ?? recordHeaderLength + contentLength
  }

  #seal(type: ContentType, content: Uint8Array, target: Uint8Array, offset: number): number {
    if (this.#sealer !== undefined) return this.#sealer.seal(type, content, target, offset)
    target[offset] = type
    target[offset + 1] = this.#version >> 8
    target[offset + 2] = this.#version
    target[offset + 3] = content.length >> 8
    target[offset + 4] = content.length
    target.set(content, offset + recordHeaderLength)
    return recordHeaderLength + content.length
  }

  #push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }
}

function zeros(length: number): Uint8Array {
  return new Uint8Array(length)
}
