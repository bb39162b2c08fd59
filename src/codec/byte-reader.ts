import { DecodeError } from './decode-error.ts'
import { viewOf } from './view.ts'

/**
 * A cursor over bytes that checks every length before it reads. Numbers are big-endian, as everywhere in TLS. What it returns are views
 * of the input, never copies (see {@link viewOf}); nested readers share the input too. Every fault is a {@link DecodeError} that names
 * what was read.
 *
 * The presentation language that this follows is that of RFC 9846, Section 3.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #what: string
  #offset: number

  /** Reads `bytes` from `start` (inclusive) to `end` (exclusive). `what` names the structure in errors. */
  constructor(bytes: Uint8Array, what: string, start = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#what = what
    this.#offset = start
    this.#end = end
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#end - this.#offset
  }

  /** Where the next byte lies in the input. */
  get offset(): number {
    return this.#offset
  }

  u8(field?: string): number {
    return this.#bytes[this.#advance(1, field)] as number
  }

  u16(field?: string): number {
    const at = this.#advance(2, field)
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number)
  }

  u24(field?: string): number {
    const at = this.#advance(3, field)
    const bytes = this.#bytes
    return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
  }

  u32(field?: string): number {
    const at = this.#advance(4, field)
    const bytes = this.#bytes
    return (
      (((bytes[at] as number) << 24) |
        ((bytes[at + 1] as number) << 16) |
        ((bytes[at + 2] as number) << 8) |
        (bytes[at + 3] as number)) >>>
      0
    )
  }

  /** Exactly `length` bytes. */
  take(length: number, field?: string): Uint8Array {
    const at = this.#advance(length, field)
    return viewOf(this.#bytes, at, at + length)
  }

  /** Everything that is left, possibly nothing. */
  rest(): Uint8Array {
    const at = this.#offset
    this.#offset = this.#end
    return viewOf(this.#bytes, at, this.#end)
  }

  /** A vector with a length of one byte: `opaque field<minimum..maximum>`, bounds in bytes. */
  vector8(field?: string, minimum = 0, maximum = 0xff): Uint8Array {
    return this.take(this.#bounded(this.u8(field), field, minimum, maximum), field)
  }

  /** A vector with a length of two bytes. */
  vector16(field?: string, minimum = 0, maximum = 0xffff): Uint8Array {
    return this.take(this.#bounded(this.u16(field), field, minimum, maximum), field)
  }

  /** A vector with a length of three bytes. */
  vector24(field?: string, minimum = 0, maximum = 0xffffff): Uint8Array {
    return this.take(this.#bounded(this.u24(field), field, minimum, maximum), field)
  }

  /** A reader of the contents of a vector with a length of one byte. */
  reader8(field?: string, minimum = 0, maximum = 0xff): ByteReader {
    return this.#nested(this.#bounded(this.u8(field), field, minimum, maximum), field)
  }

  /** A reader of the contents of a vector with a length of two bytes. */
  reader16(field?: string, minimum = 0, maximum = 0xffff): ByteReader {
    return this.#nested(this.#bounded(this.u16(field), field, minimum, maximum), field)
  }

  /** A reader of the contents of a vector with a length of three bytes. */
  reader24(field?: string, minimum = 0, maximum = 0xffffff): ByteReader {
    return this.#nested(this.#bounded(this.u24(field), field, minimum, maximum), field)
  }

  /** A vector of 16-bit numbers with a length of two bytes, at least one and no half: `uint16 field<2..2^16-2>`. */
  u16List(field?: string, minimumItems = 1): number[] {
    const length = this.u16(field)
    if (length % 2 !== 0) throw this.fault('the length of a list of 16-bit numbers is odd', field)
    if (length < 2 * minimumItems) throw this.fault(`fewer than ${minimumItems} entries`, field)
    let at = this.#advance(length, field)
    const list = new Array<number>(length / 2)
    for (let i = 0; i < list.length; i++, at += 2) {
      list[i] = ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number)
    }
    return list
  }

  /** Refuses trailing bytes: to be called when a structure is complete. */
  end(field?: string): void {
    if (this.#offset !== this.#end) throw this.fault(`${this.remaining} trailing bytes`, field)
  }

  /** An error about what this reader reads, for the caller to throw when a value makes no sense. */
  fault(problem: string, field?: string): DecodeError {
    return new DecodeError(field === undefined ? this.#what : `${this.#what}.${field}`, problem)
  }

  #advance(length: number, field: string | undefined): number {
    const at = this.#offset
    if (length > this.#end - at) throw this.fault(`${length} bytes expected, ${this.#end - at} left`, field)
    this.#offset = at + length
    return at
  }

  #bounded(length: number, field: string | undefined, minimum: number, maximum: number): number {
    if (length < minimum || length > maximum) {
      throw this.fault(`a length of ${length} bytes, where ${minimum} to ${maximum} are allowed`, field)
    }
    return length
  }

  #nested(length: number, field: string | undefined): ByteReader {
    const at = this.#advance(length, field)
    const what = field === undefined ? this.#what : `${this.#what}.${field}`
    return new ByteReader(this.#bytes, what, at, at + length)
  }
}
