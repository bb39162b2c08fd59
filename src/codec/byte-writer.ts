import { UsageError } from '../errors.ts'

/**
 * Writes big-endian numbers and length-prefixed vectors into one growing buffer. A nested vector is written in place and its length
 * filled in afterwards, so that nothing is copied again however deep the nesting; the buffer doubles when it is full.
 *
 * A value that its field cannot hold is a mistake of the program: {@link UsageError}.
 */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #length = 0

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
  }

  /** How many bytes were written. */
  get length(): number {
    return this.#length
  }

  u8(value: number): this {
    const at = this.#grow(1, value, 0xff)
    this.#bytes[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.#grow(2, value, 0xffff)
    this.#bytes[at] = value >>> 8
    this.#bytes[at + 1] = value
    return this
  }

  u24(value: number): this {
    const at = this.#grow(3, value, 0xffffff)
    this.#put24(at, value)
    return this
  }

  u32(value: number): this {
    const at = this.#grow(4, value, 0xffffffff)
    this.#bytes[at] = value >>> 24
    this.#put24(at + 1, value & 0xffffff)
    return this
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length, 0, 0)
    this.#bytes.set(bytes, at)
    return this
  }

  /** `length` zero bytes, such as padding or a field that is filled in later. */
  zeros(length: number): this {
    const at = this.#grow(length, 0, 0)
    this.#bytes.fill(0, at, at + length)
    return this
  }

  /** A vector with a length of one byte: the given bytes, or what `write` writes. */
  vector8(content: Uint8Array | ((writer: this) => void)): this {
    return this.#vector(1, content)
  }

  /** A vector with a length of two bytes. */
  vector16(content: Uint8Array | ((writer: this) => void)): this {
    return this.#vector(2, content)
  }

  /** A vector with a length of three bytes. */
  vector24(content: Uint8Array | ((writer: this) => void)): this {
    return this.#vector(3, content)
  }

  /** A vector of 16-bit numbers with a length of two bytes. */
  u16List(values: readonly number[]): this {
    this.u16(values.length * 2)
    for (const value of values) this.u16(value)
    return this
  }

  /** What was written: a view of the writer's buffer, valid until the writer is used again. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  #vector(prefix: 1 | 2 | 3, content: Uint8Array | ((writer: this) => void)): this {
    const at = this.#grow(prefix, 0, 0)
    if (typeof content === 'function') content(this)
    else this.raw(content)
    const length = this.#length - at - prefix
    const maximum = 2 ** (8 * prefix) - 1
    if (length > maximum)
      throw new UsageError(`a vector of ${length} bytes, where its length can say at most ${maximum}`)
    if (prefix === 3) this.#put24(at, length)
    else {
      if (prefix === 2) this.#bytes[at] = length >>> 8
      this.#bytes[at + prefix - 1] = length
    }
    return this
  }

  #put24(at: number, value: number): void {
    this.#bytes[at] = value >>> 16
    this.#bytes[at + 1] = value >>> 8
    this.#bytes[at + 2] = value
  }

  #grow(count: number, value: number, maximum: number): number {
    if (!(value >= 0 && value <= maximum && Number.isInteger(value))) {
      throw new UsageError(`${value} does not fit a field whose largest value is ${maximum}`)
    }
    const at = this.#length
    const length = at + count
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
    }
    this.#length = length
    return at
  }
}
