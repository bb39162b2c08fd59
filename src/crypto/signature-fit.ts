/** Which keys go with which signature algorithms. Pure data. */
import {
  type HashAlgorithm,
  hashLength,
  type KeyAlgorithm,
  type SchemeParameters,
  type SignatureAlgorithm,
  type SignatureSchemeCode,
  schemeParameters,
} from './algorithms.ts'
import type { RsaPublicNumbers } from './key-encoding.ts'

/** Whether a key may have made such a signature at all. An RSA-PSS key's restriction counts: RFC 4055, Section 3.3. */
export function fitsKey(algorithm: SignatureAlgorithm, key: KeyAlgorithm): boolean {
  switch (algorithm.type) {
    case 'rsa-pkcs1':
      return key.type === 'rsa' && holds(key.bits, pkcs1Overhead + hashLength[algorithm.hash])
    case 'rsa-pss': {
      if (key.type !== 'rsa' && key.type !== 'rsa-pss') return false
      if (!holds(key.bits - 1, hashLength[algorithm.hash] + algorithm.saltLength + 2)) return false
      const restriction = key.type === 'rsa-pss' ? key.restriction : undefined
      return (
        restriction === undefined ||
        (restriction.hash === algorithm.hash &&
          restriction.mgfHash === algorithm.mgfHash &&
          restriction.minimumSaltLength <= algorithm.saltLength)
      )
    }
    case 'ecdsa':
      return key.type === 'ec'
    default:
      return key.type === algorithm.type
  }
}

/**
 * The same of a signature, and whether it has the length that the key's have: RFC 8017, Section 8.1.2, step 1. OpenSSL 3.0 takes a PSS
 * signature whose leading zero byte was left out.
 */
export function fitsSignature(
  algorithm: SignatureAlgorithm,
  { algorithm: keyAlgorithm, rsa }: { readonly algorithm: KeyAlgorithm; readonly rsa?: RsaPublicNumbers | undefined },
  signature: Uint8Array,
): boolean {
  return fitsKey(algorithm, keyAlgorithm) && (rsa === undefined || signature.length === rsa.modulus.length)
}

/** Whether TLS 1.3 allows the scheme with the key: the type and, for ECDSA, the curve must be the scheme's own. */
export function fitsScheme(scheme: SchemeParameters, key: KeyAlgorithm): boolean {
  const sameType =
    scheme.keyType === 'ec' ? key.type === 'ec' && key.curve === scheme.curve : key.type === scheme.keyType
  return sameType && fitsKey(scheme.algorithm, key)
}

/** The schemes among those supported that a key can sign with, in the order of the registry. */
export function schemesOfKey(
  key: KeyAlgorithm,
  supported: readonly SignatureSchemeCode[],
): readonly SignatureSchemeCode[] {
  return supported.filter((code) => {
    const scheme = schemeParameters.get(code)
    return scheme !== undefined && fitsScheme(scheme, key)
  })
}

/** Padding of at least eleven bytes and a DigestInfo of nineteen before the hash: RFC 8017, Section 9.2. */
const pkcs1Overhead = 11 + 19

function holds(bits: number, bytes: number): boolean {
  return Math.ceil(bits / 8) >= bytes
}

/** DigestInfo up to the hash itself: RFC 8017, Section 9.2, Note 1. */
export const digestInfoPrefix: { readonly [H in HashAlgorithm]: Uint8Array } = {
  sha256: digestInfo(1, 32),
  sha384: digestInfo(2, 48),
  sha512: digestInfo(3, 64),
}

function digestInfo(lastArc: number, length: number): Uint8Array {
  return Uint8Array.of(
    0x30,
    17 + length,
    0x30,
    13,
    0x06,
    9,
    0x60,
    0x86,
    0x48,
    0x01,
    0x65,
    0x03,
    0x04,
    0x02,
    lastArc,
    0x05,
    0,
    0x04,
    length,
  )
}
