/** Keys for signatures with @noble/curves. RSA keys verify only: see `rsa-verification.ts`. */

import { ed448 } from '@noble/curves/ed448.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import type { Curve, KeyAlgorithm, SignatureSchemeCode } from '../algorithms.ts'
import { KeyEncodingError } from '../key-der.ts'
import {
  type DecodedPublicKey,
  decodePrivateKey,
  decodeSubjectPublicKeyInfo,
  encodeSubjectPublicKeyInfo,
  type RsaPublicNumbers,
} from '../key-encoding.ts'
import type { PublicKey, SigningKey } from '../provider.ts'
import { schemesOfKey } from '../signature-fit.ts'

export const weierstrassCurves: { readonly [C in Curve]: typeof p256 } = {
  secp256r1: p256,
  secp384r1: p384,
  secp521r1: p521,
}

export class NoblePublicKey implements PublicKey {
  readonly algorithm: KeyAlgorithm
  readonly subjectPublicKeyInfo: Uint8Array
  readonly subjectPublicKey: Uint8Array
  readonly rsa: RsaPublicNumbers | undefined

  constructor(subjectPublicKeyInfo: Uint8Array, decoded: DecodedPublicKey) {
    this.algorithm = decoded.algorithm
    this.subjectPublicKeyInfo = subjectPublicKeyInfo
    this.subjectPublicKey = decoded.subjectPublicKey
    this.rsa = decoded.rsa
  }
}

export class NobleSigningKey implements SigningKey {
  readonly algorithm: KeyAlgorithm
  readonly publicKey: PublicKey
  readonly schemes: readonly SignatureSchemeCode[]
  readonly #secret: Uint8Array

  constructor(publicKey: PublicKey, schemes: readonly SignatureSchemeCode[], secret: Uint8Array) {
    this.algorithm = publicKey.algorithm
    this.publicKey = publicKey
    this.schemes = schemes
    this.#secret = secret
  }

  /** Not a property, so that the secret does not show when the key is printed. */
  secret(): Uint8Array {
    return this.#secret
  }
}

/** Throws `KeyEncodingError`. */
export function decodeNoblePublicKey(subjectPublicKeyInfo: Uint8Array): NoblePublicKey {
  const own = Uint8Array.from(subjectPublicKeyInfo)
  const decoded = decodeSubjectPublicKeyInfo(own)
  if (decoded.algorithm.type === 'ec') {
    try {
      weierstrassCurves[decoded.algorithm.curve].Point.fromBytes(decoded.subjectPublicKey)
    } catch {
      throw new KeyEncodingError('malformed', `the point is not on ${decoded.algorithm.curve}`)
    }
  }
  return new NoblePublicKey(own, decoded)
}

/** Throws `KeyEncodingError`. */
export function decodeNobleSigningKey(der: Uint8Array, supported: readonly SignatureSchemeCode[]): NobleSigningKey {
  const decoded = decodePrivateKey(der)
  if (decoded.type === 'rsa' || decoded.type === 'rsa-pss') {
    throw new KeyEncodingError('unsupported', 'this provider does not sign with RSA keys')
  }
  const secret = Uint8Array.from(decoded.secret)
  const algorithm =
    decoded.type === 'ec' ? ({ type: 'ec', curve: decoded.curve } as const) : ({ type: decoded.type } as const)
  const publicKey = decodeNoblePublicKey(encodeSubjectPublicKeyInfo(algorithm, publicPartOf(algorithm, secret)))
  return new NobleSigningKey(publicKey, schemesOfKey(algorithm, supported), secret)
}

function publicPartOf(algorithm: Exclude<KeyAlgorithm, { type: 'rsa' | 'rsa-pss' }>, secret: Uint8Array): Uint8Array {
  if (algorithm.type === 'ed25519') return ed25519.getPublicKey(secret)
  if (algorithm.type === 'ed448') return ed448.getPublicKey(secret)
  try {
    return weierstrassCurves[algorithm.curve].getPublicKey(secret, false)
  } catch {
    throw new KeyEncodingError('malformed', `the private key is not a scalar of ${algorithm.curve}`)
  }
}
