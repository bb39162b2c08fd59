import { type AeadAlgorithm, aeadNonceLength } from '../../../crypto/algorithms.ts'
import type { Aead } from '../../../crypto/provider.ts'
import { fault } from '../faults.ts'
import {
  ContentType,
  maxContentLength,
  type RecordOpener,
  type RecordSealer,
  recordHeaderLength,
} from './protection.ts'

/** How many bytes of IV the key block has for an AEAD: GCM and CCM send the rest with every record. RFC 5288, 6655, 7905. */
export function fixedIvLength(algorithm: AeadAlgorithm): number {
  return aeadNonceLength - explicitNonceLength(algorithm)
}

/** TLS 1.2's protection of what we send: RFC 5246, Section 6.2.3.3. */
export class Sealer12 implements RecordSealer {
  readonly #aead: Aead
  readonly #numbers: RecordNumbers
  readonly #explicitLength: number
  readonly #pieces: [Uint8Array] = [nothing]
  #blocksLeft: number

  /** `blockLimit`: how many blocks the key may encrypt, by default as many as is safe. */
  constructor(aead: Aead, iv: Uint8Array, blockLimit: number = blockLimits[aead.algorithm]) {
    this.#aead = aead
    this.#numbers = new RecordNumbers(aead.algorithm, iv)
    this.#explicitLength = explicitNonceLength(aead.algorithm)
    this.#blocksLeft = blockLimit
  }

  /**
   * Full records, of which each takes the most. TLS 1.2 has no KeyUpdate, so what counts are blocks, and a connection of short records
   * may have more of them. Each record takes some, so that the number of a record stays below 2^48.
   */
  get recordsLeft(): number {
    return Math.max(0, Math.floor(this.#blocksLeft / blocksOf(maxContentLength)))
  }

  sealedLength(contentLength: number): number {
    return recordHeaderLength + this.#explicitLength + contentLength + this.#aead.tagLength
  }

  seal(type: number, content: Uint8Array, target: Uint8Array, offset: number): number {
    const explicitLength = this.#explicitLength
    const fragmentLength = explicitLength + content.length + this.#aead.tagLength
    target[offset] = type
    target[offset + 1] = 3
    target[offset + 2] = 3
    target[offset + 3] = fragmentLength >> 8
    target[offset + 4] = fragmentLength
    const at = offset + recordHeaderLength
    const numbers = this.#numbers
    const additionalData = numbers.additionalData(type, content.length)
    // The record's number serves as its explicit nonce: RFC 5288, Section 3. It repeats as little as the number does.
    if (explicitLength > 0) target.set(numbers.number, at)
    const pieces = this.#pieces
    pieces[0] = content
    this.#aead.seal(
      numbers.nonce(explicitLength > 0 ? numbers.number : undefined),
      additionalData,
      pieces,
      target,
      at + explicitLength,
    )
    pieces[0] = nothing
    numbers.advance()
    this.#blocksLeft -= blocksOf(content.length)
    return recordHeaderLength + fragmentLength
  }

  wipe(): void {
    this.#aead.wipe()
  }
}

/** TLS 1.2's protection of what we receive. */
export class Opener12 implements RecordOpener {
  /** RFC 5246, Section 6.2.3. An AEAD has no use for that much, but may say so only when it cannot open it. */
  readonly maxFragmentLength: number = maxContentLength + 2048
  contentType: number = ContentType.handshake
  readonly #aead: Aead
  readonly #numbers: RecordNumbers
  readonly #explicitLength: number

  constructor(aead: Aead, iv: Uint8Array) {
    this.#aead = aead
    this.#numbers = new RecordNumbers(aead.algorithm, iv)
    this.#explicitLength = explicitNonceLength(aead.algorithm)
  }

  open(record: Uint8Array): Uint8Array | undefined {
    const type = record[0] as number
    const start = recordHeaderLength + this.#explicitLength
    const contentLength = record.length - start - this.#aead.tagLength
    if (contentLength < 0) return undefined
    if (contentLength > maxContentLength) throw fault('record-overflow')
    const numbers = this.#numbers
    const additionalData = numbers.additionalData(type, contentLength)
    const nonce = numbers.nonce(this.#explicitLength > 0 ? record.subarray(recordHeaderLength, start) : undefined)
    const content = this.#aead.open(nonce, additionalData, record.subarray(start))
    if (content === undefined) return undefined
    numbers.advance()
    this.contentType = type
    return content
  }

  wipe(): void {
    this.#aead.wipe()
  }
}

/** The number of each record, and the additional data and nonce that are made of it. RFC 5246, Section 6.2.3.3. */
export class RecordNumbers {
  readonly #additionalData = new Uint8Array(13)
  /** The eight bytes of the number: the beginning of the additional data. */
  readonly number: Uint8Array = this.#additionalData.subarray(0, 8)
  readonly #iv: Uint8Array
  readonly #nonce = new Uint8Array(aeadNonceLength)

  constructor(algorithm: AeadAlgorithm, iv: Uint8Array) {
    if (iv.length !== fixedIvLength(algorithm)) throw new RangeError(`an IV of ${iv.length} bytes for ${algorithm}`)
    this.#iv = iv.slice()
    this.#nonce.set(iv)
    this.#additionalData[9] = 3
    this.#additionalData[10] = 3
  }

  additionalData(type: number, contentLength: number): Uint8Array {
    const bytes = this.#additionalData
    bytes[8] = type
    bytes[11] = contentLength >> 8
    bytes[12] = contentLength
    return bytes
  }

  /** With an explicit part: the salt and that part. Without one: the IV, exclusive-or the number. RFC 7905, Section 2. */
  nonce(explicit: Uint8Array | undefined): Uint8Array {
    const nonce = this.#nonce
    if (explicit !== undefined) nonce.set(explicit, 4)
    else for (let i = 0; i < 8; i++) nonce[4 + i] = (this.#iv[4 + i] as number) ^ (this.number[i] as number)
    return nonce
  }

  /** RFC 5246, Section 6.1: sequence numbers do not wrap. Only a peer could come so far; what we send ends before. */
  advance(): void {
    const number = this.number
    for (let i = 7; i >= 0; i--) {
      const next = ((number[i] as number) + 1) & 0xff
      number[i] = next
      if (next !== 0) return
    }
    throw fault('too-many-records')
  }
}

function explicitNonceLength(algorithm: AeadAlgorithm): number {
  return algorithm === 'chacha20-poly1305' ? 0 : 8
}

const nothing = new Uint8Array(0)

/** The blocks of the cipher that a record takes: its content, and one each for the additional data and the tag. */
function blocksOf(contentLength: number): number {
  return Math.ceil(contentLength / 16) + 2
}

/**
 * How many blocks one key encrypts: as many as the full records that RFC 9846, Section 5.5, allows, and RFC 9147, Appendix B, for CCM.
 * ChaCha20-Poly1305 has no such limit; the number of a record has.
 */
const blockLimits: { readonly [A in AeadAlgorithm]: number } = {
  'aes-128-gcm': 2 ** 34,
  'aes-256-gcm': 2 ** 34,
  'chacha20-poly1305': 2 ** 48,
  'aes-128-ccm': 2 ** 33,
  'aes-256-ccm': 2 ** 33,
  'aes-128-ccm-8': 2 ** 33,
  'aes-256-ccm-8': 2 ** 33,
}
