/**
 * The little DER that key encodings need: a strict cursor over definite lengths, and the reverse for public keys. Certificates
 * have their own reader.
 */
import { concatBytes } from './bytes.ts'
import type { KeyFault } from './provider.ts'

/** Never leaves this folder: the importing function of a provider turns it into a `KeyImport`. */
export class KeyEncodingError extends Error {
  readonly fault: KeyFault

  constructor(fault: KeyFault, reason: string) {
    super(reason)
    this.fault = fault
  }
}

export const derTag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  sequence: 0x30,
  primitiveContext1: 0x81,
  context0: 0xa0,
  context1: 0xa1,
  context2: 0xa2,
  context3: 0xa3,
} as const
export type DerTag = (typeof derTag)[keyof typeof derTag]

/** Reads elements from left to right. Every method throws `KeyEncodingError` where the bytes are not that. */
export class DerCursor {
  #rest: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#rest = bytes
  }

  get atEnd(): boolean {
    return this.#rest.length === 0
  }

  finish(): void {
    if (!this.atEnd) throw new KeyEncodingError('malformed', `${this.#rest.length} bytes after the end`)
  }

  peekTag(): number | undefined {
    return this.#rest[0]
  }

  /** The content of the next element, a view. */
  content(tag: DerTag): Uint8Array {
    const rest = this.#rest
    if (rest[0] !== tag) {
      throw new KeyEncodingError('malformed', `expected the DER tag ${tag}, found ${rest[0] ?? 'the end'}`)
    }
    let length = rest[1] ?? 0x80
    let start = 2
    if (length >= 0x80) {
      const octets = length & 0x7f
      if (octets === 0 || octets > 3)
        throw new KeyEncodingError('malformed', 'a DER length that is indefinite or too large')
      length = 0
      for (let i = 0; i < octets; i++) length = length * 256 + (rest[start + i] ?? 0)
      start += octets
      if (length < 0x80 || length < 2 ** (8 * (octets - 1))) {
        throw new KeyEncodingError('malformed', 'a DER length that is not minimal')
      }
    }
    if (start + length > rest.length) throw new KeyEncodingError('malformed', 'a DER element that is cut short')
    this.#rest = rest.subarray(start + length)
    return rest.subarray(start, start + length)
  }

  sequence(): DerCursor {
    return new DerCursor(this.content(derTag.sequence))
  }

  /** What an EXPLICIT tag wraps, or `undefined` where it is absent. */
  explicit(tag: DerTag): DerCursor | undefined {
    return this.peekTag() === tag ? new DerCursor(this.content(tag)) : undefined
  }

  skipOptional(tag: DerTag): void {
    if (this.peekTag() === tag) this.content(tag)
  }

  null(): void {
    if (this.content(derTag.null).length !== 0) throw new KeyEncodingError('malformed', 'a NULL with content')
  }

  /** A non-negative INTEGER's magnitude without leading zeros; zero is one zero byte. */
  integer(): Uint8Array {
    const content = this.content(derTag.integer)
    const first = content[0]
    if (first === undefined) throw new KeyEncodingError('malformed', 'an INTEGER without content')
    if (first >= 0x80) throw new KeyEncodingError('malformed', 'a negative INTEGER')
    if (first !== 0 || content.length === 1) return content
    if ((content[1] ?? 0) < 0x80) throw new KeyEncodingError('malformed', 'an INTEGER with needless leading zeros')
    return content.subarray(1)
  }

  smallInteger(): number {
    const magnitude = this.integer()
    if (magnitude.length > 3) throw new KeyEncodingError('malformed', 'an INTEGER that is too large for its purpose')
    let value = 0
    for (const byte of magnitude) value = value * 256 + byte
    return value
  }

  /** A BIT STRING of whole bytes. */
  bitString(): Uint8Array {
    const content = this.content(derTag.bitString)
    if (content[0] !== 0) throw new KeyEncodingError('malformed', 'a key in a BIT STRING that is not of whole bytes')
    return content.subarray(1)
  }
}

export function encodeDer(tag: DerTag, ...pieces: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(pieces)
  const length = content.length
  if (length < 0x80) return concatBytes([Uint8Array.of(tag, length), content])
  if (length < 0x100) return concatBytes([Uint8Array.of(tag, 0x81, length), content])
  return concatBytes([Uint8Array.of(tag, 0x82, length >> 8, length & 0xff), content])
}
