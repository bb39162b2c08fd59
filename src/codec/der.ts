import { DecodeError } from './decode-error.ts'
import { decodeOid } from './oid.ts'
import { viewOf } from './view.ts'

/** Identifier octets of the ASN.1 types that X.509, PKCS #8 and ECDSA use. X.690, Section 8. */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OID: 0x06,
  ENUMERATED: 0x0a,
  UTF8_STRING: 0x0c,
  NUMERIC_STRING: 0x12,
  PRINTABLE_STRING: 0x13,
  TELETEX_STRING: 0x14,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  VISIBLE_STRING: 0x1a,
  UNIVERSAL_STRING: 0x1c,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const

/** The identifier octet of `[number]`: constructed (explicit, or an implicit structure) unless told otherwise. */
export function contextTag(number: number, form: 'constructed' | 'primitive' = 'constructed'): number {
  return (form === 'constructed' ? 0xa0 : 0x80) | number
}

/** One element: its identifier octet, its contents, and the whole encoding. Views of the input. */
export interface DerElement {
  readonly tag: number
  readonly content: Uint8Array
  readonly encoding: Uint8Array
}

/** Structures nested deeper than this are refused; a certificate needs about twelve levels. */
export const MAXIMUM_DER_DEPTH = 32

/**
 * Reads DER (X.690, Sections 8 and 10): definite lengths in their shortest form, integers in their shortest form, BOOLEAN 00 or FF,
 * canonical object identifiers, no high tag numbers, bounded depth. Every fault is a {@link DecodeError}.
 *
 * One leniency, as everyone has it: a field that states its default (`critical FALSE`, `cA FALSE`) is accepted.
 */
export class DerReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #what: string
  readonly #depth: number
  #offset: number

  /** Reads `bytes` from `start` (inclusive) to `end` (exclusive). `what` names the structure in errors. */
  constructor(bytes: Uint8Array, what: string, start = 0, end: number = bytes.length, depth = 0) {
    if (depth > MAXIMUM_DER_DEPTH) throw new DecodeError(what, `nested deeper than ${MAXIMUM_DER_DEPTH} levels`)
    this.#bytes = bytes
    this.#what = what
    this.#offset = start
    this.#end = end
    this.#depth = depth
  }

  /** Whether everything was read. */
  get done(): boolean {
    return this.#offset === this.#end
  }

  /** The identifier octet of the next element, or `undefined` at the end. */
  get nextTag(): number | undefined {
    return this.#offset < this.#end ? this.#bytes[this.#offset] : undefined
  }

  /** Any one element. */
  element(field?: string): DerElement {
    const start = this.#offset
    const tag = this.#tag(field)
    const length = this.#length(field)
    const content = this.#offset
    this.#offset = content + length
    return {
      tag,
      content: viewOf(this.#bytes, content, this.#offset),
      encoding: viewOf(this.#bytes, start, this.#offset),
    }
  }

  /** The contents of an element that must have this identifier octet. */
  content(tag: number, field?: string): Uint8Array {
    const start = this.#enter(tag, field)
    return viewOf(this.#bytes, start, this.#offset)
  }

  /** The whole encoding, header included, of an element that must have this identifier octet. */
  encoding(tag: number, field?: string): Uint8Array {
    const start = this.#offset
    this.#enter(tag, field)
    return viewOf(this.#bytes, start, this.#offset)
  }

  /** A reader of the contents of an element that must have this identifier octet. */
  nested(tag: number, field?: string): DerReader {
    const start = this.#enter(tag, field)
    const what = field === undefined ? this.#what : `${this.#what}.${field}`
    return new DerReader(this.#bytes, what, start, this.#offset, this.#depth + 1)
  }

  /** As {@link nested}, or `undefined` when the next element is another one or there is none. */
  optional(tag: number, field?: string): DerReader | undefined {
    return this.nextTag === tag ? this.nested(tag, field) : undefined
  }

  sequence(field?: string): DerReader {
    return this.nested(Tag.SEQUENCE, field)
  }

  set(field?: string): DerReader {
    return this.nested(Tag.SET, field)
  }

  boolean(field?: string, tag: number = Tag.BOOLEAN): boolean {
    const content = this.content(tag, field)
    if (content.length !== 1) throw this.fault('a BOOLEAN has one byte', field)
    if (content[0] === 0x00) return false
    if (content[0] === 0xff) return true
    throw this.fault('a BOOLEAN is 00 or FF', field)
  }

  /** `BOOLEAN DEFAULT FALSE`. */
  booleanOrFalse(field?: string): boolean {
    return this.nextTag === Tag.BOOLEAN ? this.boolean(field) : false
  }

  /** The contents of an INTEGER: two's complement, shortest form. */
  integer(field?: string, tag: number = Tag.INTEGER): Uint8Array {
    const content = this.content(tag, field)
    const first = content[0]
    const second = content[1]
    if (first === undefined) throw this.fault('an INTEGER without contents', field)
    if (second !== undefined && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80))) {
      throw this.fault('an INTEGER that is not in its shortest form', field)
    }
    return content
  }

  /** A non-negative INTEGER's magnitude, without leading zero; zero is one zero byte. */
  unsigned(field?: string): Uint8Array {
    const content = this.integer(field)
    if ((content[0] as number) >= 0x80) throw this.fault('a negative INTEGER', field)
    return content[0] === 0 && content.length > 1 ? content.subarray(1) : content
  }

  /** An INTEGER from 0 to 2^31 - 1; larger ones are given as 2^31 - 1 where `saturate` is set, and refused otherwise. */
  smallInteger(field?: string, options: { tag?: number; saturate?: boolean } = {}): number {
    const content = this.integer(field, options.tag ?? Tag.INTEGER)
    if ((content[0] as number) >= 0x80) throw this.fault('a negative INTEGER', field)
    if (content.length > 4) {
      if (options.saturate) return 0x7fffffff
      throw this.fault('an INTEGER that is larger than this field can sensibly be', field)
    }
    let value = 0
    for (const byte of content) value = (value << 8) | byte
    return value
  }

  /** An object identifier in dotted form, such as `2.5.29.17`. */
  oid(field?: string, tag: number = Tag.OID): string {
    const oid = decodeOid(this.content(tag, field))
    if (oid === undefined) throw this.fault('an OBJECT IDENTIFIER that is not canonical', field)
    return oid
  }

  octetString(field?: string): Uint8Array {
    return this.content(Tag.OCTET_STRING, field)
  }

  null(field?: string): void {
    if (this.content(Tag.NULL, field).length !== 0) throw this.fault('a NULL with contents', field)
  }

  /** A BIT STRING of any number of bits; padding bits must be zero (X.690, Section 11.2.1). */
  bits(field?: string, tag: number = Tag.BIT_STRING): { readonly bytes: Uint8Array; readonly unusedBits: number } {
    const content = this.content(tag, field)
    const unusedBits = content[0]
    if (unusedBits === undefined || unusedBits > 7 || (unusedBits > 0 && content.length === 1)) {
      throw this.fault('a BIT STRING with an impossible count of unused bits', field)
    }
    if (((content[content.length - 1] as number) & ((1 << unusedBits) - 1)) !== 0 && content.length > 1) {
      throw this.fault('a BIT STRING whose padding is not zero', field)
    }
    return { bytes: content.subarray(1), unusedBits }
  }

  /** A BIT STRING that holds whole bytes, such as a key or a signature. */
  bitString(field?: string): Uint8Array {
    const { bytes, unusedBits } = this.bits(field)
    if (unusedBits !== 0) throw this.fault('a BIT STRING that is not whole bytes', field)
    return bytes
  }

  /** Refuses trailing data: to be called when a structure is complete. */
  end(field?: string): void {
    if (!this.done) throw this.fault(`${this.#end - this.#offset} trailing bytes`, field)
  }

  /** An error about what this reader reads, for the caller to throw when a value makes no sense. */
  fault(problem: string, field?: string): DecodeError {
    return new DecodeError(field === undefined ? this.#what : `${this.#what}.${field}`, problem)
  }

  #enter(tag: number, field: string | undefined): number {
    const found = this.nextTag
    if (found !== tag) {
      const came = found === undefined ? 'the end' : hex(found)
      throw this.fault(`an element with identifier ${hex(tag)} expected, found ${came}`, field)
    }
    this.#offset++
    const length = this.#length(field)
    const start = this.#offset
    this.#offset = start + length
    return start
  }

  #tag(field: string | undefined): number {
    const tag = this.nextTag
    if (tag === undefined) throw this.fault('an element expected, found the end', field)
    if ((tag & 0x1f) === 0x1f) throw this.fault('a tag number above 30, which nothing here uses', field)
    this.#offset++
    return tag
  }

  #length(field: string | undefined): number {
    const first = this.#byte(field)
    let length = first
    if (first >= 0x80) {
      const count = first & 0x7f
      if (count === 0) throw this.fault('an indefinite length, which DER does not allow', field)
      if (count > 4) throw this.fault('a length of more than four bytes', field)
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + this.#byte(field)
      if (length < 0x80 || length < 2 ** (8 * (count - 1))) {
        throw this.fault('a length that is not in its shortest form', field)
      }
    }
    if (length > this.#end - this.#offset) {
      throw this.fault(`an element of ${length} bytes, where ${this.#end - this.#offset} are left`, field)
    }
    return length
  }

  #byte(field: string | undefined): number {
    if (this.#offset >= this.#end) throw this.fault('the end within the header of an element', field)
    return this.#bytes[this.#offset++] as number
  }
}

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`
}
