import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/** OpenSSL's d2i and i2d functions move a cursor over the bytes, so each call gets a cursor of its own. */

type Decode = (target: null, cursor: BigUint64Array, length: number) => Pointer | null
type Encode = (object: Pointer, cursor: BigUint64Array | null) => number

/** The object in the bytes, owned by the caller; `null` where they are none, or more than one. */
export function decodeDER({ koffi }: Library, bytes: Uint8Array, decode: Decode): Pointer | null {
  const start = koffi.address(bytes)
  const cursor = BigUint64Array.of(start)
  const found = decode(null, cursor, bytes.byteLength)
  if (found === null || cursor[0] === start + BigInt(bytes.byteLength)) return found
  return null
}

export function encodeDER({ koffi }: Library, object: Pointer, encode: Encode): Uint8Array {
  const der = new Uint8Array(encode(object, null))
  encode(object, BigUint64Array.of(koffi.address(der)))
  return der
}
