import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/** OpenSSL's d2i and i2d functions move a cursor over the bytes, so each call gets a cursor of its own. */

type Encode = (object: Pointer, cursor: BigUint64Array | null) => number

/** What is decoded here, with the functions that make it and free it. */
const kinds = {
  certificate: ['d2i_X509', 'X509_free'],
  'private key': ['d2i_AutoPrivateKey', 'EVP_PKEY_free'],
  'public key': ['d2i_PUBKEY', 'EVP_PKEY_free'],
  session: ['d2i_SSL_SESSION', 'SSL_SESSION_free'],
} as const

/** The object in the bytes, owned by the caller; `null` where they are none, or more than one. */
export function decodeDER(
  { koffi, native, pointerOut }: Library,
  bytes: Uint8Array,
  kind: keyof typeof kinds,
): Pointer | null {
  const [decode, free] = kinds[kind]
  const start = koffi.address(bytes)
  pointerOut[0] = start
  const found = native[decode](null, pointerOut, bytes.byteLength)
  if (found === null || pointerOut[0] === start + BigInt(bytes.byteLength)) return found
  native[free](found)
  return null
}

export function encodeDER({ koffi }: Library, object: Pointer, encode: Encode): Uint8Array {
  const der = new Uint8Array(encode(object, null))
  encode(object, BigUint64Array.of(koffi.address(der)))
  return der
}
