/**
 * A part of some bytes, from `start` (inclusive) to `end` (exclusive), in the same memory. It is a plain `Uint8Array` also where the bytes
 * are a `Buffer` of Node, whose `slice` would be another view: whoever keeps a part beyond the call takes a copy with `slice()`.
 */
export function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start)
}
