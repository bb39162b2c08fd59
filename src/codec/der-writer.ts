import { contextTag, Tag } from './der.ts'
import { encodeOid } from './oid.ts'

/** One DER element: header with the shortest length, then the parts, one after the other. */
export function encodeElement(tag: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const part of parts) length += part.length
  const header = encodeHeader(tag, length)
  const out = new Uint8Array(header.length + length)
  out.set(header)
  let at = header.length
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function encodeSequence(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return encodeElement(Tag.SEQUENCE, ...parts)
}

/** `[number] EXPLICIT`, or an implicit structure. */
export function encodeContext(number: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return encodeElement(contextTag(number), ...parts)
}

/** A non-negative INTEGER from its magnitude: leading zeros are dropped, and one added where the sign needs it. */
export function encodeUnsigned(magnitude: Uint8Array | number): Uint8Array<ArrayBuffer> {
  const bytes = typeof magnitude === 'number' ? numberBytes(magnitude) : magnitude
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const shortest = bytes.subarray(start)
  return (shortest[0] ?? 0x80) >= 0x80
    ? encodeElement(Tag.INTEGER, Uint8Array.of(0), shortest)
    : encodeElement(Tag.INTEGER, shortest)
}

export function encodeObjectIdentifier(oid: string): Uint8Array<ArrayBuffer> {
  return encodeElement(Tag.OID, encodeOid(oid))
}

export function encodeBitString(bytes: Uint8Array, unusedBits = 0): Uint8Array<ArrayBuffer> {
  return encodeElement(Tag.BIT_STRING, Uint8Array.of(unusedBits), bytes)
}

export function encodeOctetString(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return encodeElement(Tag.OCTET_STRING, ...parts)
}

export function encodeBoolean(value: boolean): Uint8Array<ArrayBuffer> {
  return encodeElement(Tag.BOOLEAN, Uint8Array.of(value ? 0xff : 0x00))
}

export function encodeNull(): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(Tag.NULL, 0)
}

function encodeHeader(tag: number, length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(tag, length)
  const bytes = numberBytes(length)
  return Uint8Array.of(tag, 0x80 | bytes.length, ...bytes)
}

function numberBytes(value: number): Uint8Array {
  const bytes: number[] = []
  for (let left = value; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256)
  return Uint8Array.from(bytes.length === 0 ? [0] : bytes)
}
