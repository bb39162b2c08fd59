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

export interface SealerOptions {
  /** Records are padded so that their content is a multiple of this many bytes. Default 1: no padding. RFC 9846, Section 5.4. */
  readonly paddingMultipleBytes?: number | undefined
}

export interface OpenerOptions {
  /**
   * Whether an alert may come in clear before the first protected record: from a client that could not make anything of our
   * ServerHello, and therefore has no keys.
   */
  readonly allowsPlainAlert?: boolean
}

/** TLS 1.3's protection of what we send: RFC 9846, Section 5.2. */
export class Sealer13 implements RecordSealer {
  readonly #aead: Aead
  readonly #nonces: NonceSequence
  readonly #limit: number
  readonly #paddingMultiple: number

  constructor(aead: Aead, iv: Uint8Array, { paddingMultipleBytes = 1 }: SealerOptions = {}) {
    this.#aead = aead
    this.#nonces = new NonceSequence(iv)
    this.#limit = recordLimits[aead.algorithm]
    this.#paddingMultiple = paddingMultipleBytes
  }

  get recordsLeft(): number {
    return this.#limit - this.#nonces.used
  }

  sealedLength(contentLength: number): number {
    return recordHeaderLength + contentLength + 1 + this.#padding(contentLength) + this.#aead.tagLength
  }

  seal(type: ContentType, content: Uint8Array, target: Uint8Array, offset: number): number {
    const padding = this.#padding(content.length)
    const length = content.length + 1 + padding + this.#aead.tagLength
    header[3] = length >> 8
    header[4] = length
    target.set(header, offset)
    const inner = [content, padding === 0 ? (innerTypes[type] as Uint8Array) : paddedType(type, padding)]
    this.#aead.seal(this.#nonces.next(), header, inner, target, offset + recordHeaderLength)
    return recordHeaderLength + length
  }

  wipe(): void {
    this.#aead.wipe()
  }

  #padding(contentLength: number): number {
    const over = contentLength % this.#paddingMultiple
    if (over === 0) return 0
    return Math.min(this.#paddingMultiple - over, maxContentLength - contentLength)
  }
}

/** TLS 1.3's protection of what we receive. */
export class Opener13 implements RecordOpener {
  /** RFC 9846, Section 5.2. */
  readonly maxFragmentLength: number = maxContentLength + 256
  contentType: ContentType = ContentType.application_data
  readonly #aead: Aead
  readonly #nonces: NonceSequence
  readonly #allowsPlainAlert: boolean

  constructor(aead: Aead, iv: Uint8Array, { allowsPlainAlert = false }: OpenerOptions = {}) {
    this.#aead = aead
    this.#nonces = new NonceSequence(iv)
    this.#allowsPlainAlert = allowsPlainAlert
  }

  open(record: Uint8Array): Uint8Array | undefined {
    const outerType = record[0]
    if (outerType !== ContentType.application_data) return this.#openPlain(outerType, record)
    const plaintext = this.#aead.open(
      this.#nonces.peek(),
      record.subarray(0, recordHeaderLength),
      record.subarray(recordHeaderLength),
    )
    if (plaintext === undefined) return undefined
    // The type is the last byte that is not zero; the zeros behind it are padding. Section 5.4.
    let end = plaintext.length - 1
    while (end >= 0 && plaintext[end] === 0) end--
    if (plaintext.length > maxContentLength + 1) throw fault('record-overflow')
    if (end < 0) throw fault('no-content-type')
    this.#nonces.advance()
    this.contentType = plaintext[end] as number
    return plaintext.subarray(0, end)
  }

  wipe(): void {
    this.#aead.wipe()
  }

  /** What comes in clear although there are keys: Section 5, on change_cipher_spec. */
  #openPlain(outerType: number | undefined, record: Uint8Array): Uint8Array {
    const isPlainAlert = outerType === ContentType.alert && this.#allowsPlainAlert && this.#nonces.used === 0
    if (!isPlainAlert && outerType !== ContentType.change_cipher_spec) {
      throw fault('unexpected-record', 'in clear, where it has to be protected')
    }
    this.contentType = outerType
    return record.slice(recordHeaderLength)
  }
}

/** The nonce of each record: the IV, exclusive-or the record's number. RFC 9846, Section 5.3. */
class NonceSequence {
  used = 0
  readonly #iv: Uint8Array

  constructor(iv: Uint8Array) {
    this.#iv = iv
  }

  /** The nonce for the next record, in memory that the next call uses again, whosever it is. */
  peek(): Uint8Array {
    const iv = this.#iv
    nonce.set(iv)
    let rest = this.used
    for (let at = aeadNonceLength - 1; at >= 4; at--) {
      nonce[at] = (iv[at] as number) ^ (rest & 0xff)
      rest = rest > 0xff ? Math.floor(rest / 256) : 0
    }
    return nonce
  }

  next(): Uint8Array {
    const nonce = this.peek()
    this.used++
    return nonce
  }

  advance(): void {
    this.used++
  }
}

const nonce = new Uint8Array(aeadNonceLength)
/** The header is the additional data; one for all records, since only its length changes. */
const header: Uint8Array = Uint8Array.of(ContentType.application_data, 3, 3, 0, 0)
const innerTypes: readonly Uint8Array[] = Array.from({ length: 24 }, (_, type) => Uint8Array.of(type))

function paddedType(type: ContentType, padding: number): Uint8Array {
  const padded = new Uint8Array(1 + padding)
  padded[0] = type
  return padded
}

/**
 * How many records one key protects before it is changed: RFC 9846, Section 5.5, and for CCM the analysis in RFC 9147, Appendix B.
 * ChaCha20-Poly1305 has no such limit; the counter has.
 */
const recordLimits: { readonly [A in AeadAlgorithm]: number } = {
  'aes-128-gcm': 2 ** 24,
  'aes-256-gcm': 2 ** 24,
  'chacha20-poly1305': 2 ** 48,
  'aes-128-ccm': 2 ** 23,
  'aes-256-ccm': 2 ** 23,
  'aes-128-ccm-8': 2 ** 23,
  'aes-256-ccm-8': 2 ** 23,
}
