/**
 * Keys for signatures in node:crypto.
 *
 * A certificate's key is imported once per handshake, so the way matters. Measured on Node 20.20 (OpenSSL 3.0), x64, SPKI / JWK in
 * microseconds: RSA 127 / 3.5, Ed25519 99 / 6, secp256r1 129 / 80, secp384r1 129 / 439. JWK from numbers that we decoded ourselves
 * wins but for the two large curves, whose points it checks at length.
 */
import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { KeyAlgorithm, SignatureSchemeCode } from '../algorithms.ts'
import { KeyEncodingError } from '../key-der.ts'
import {
  type DecodedPublicKey,
  decodePrivateKey,
  decodeSubjectPublicKeyInfo,
  type RsaPublicNumbers,
} from '../key-encoding.ts'
import type { KeyFault, PublicKey, SigningKey } from '../provider.ts'
import { schemesOfKey } from '../signature-fit.ts'

export class NodePublicKey implements PublicKey {
  readonly algorithm: KeyAlgorithm
  readonly subjectPublicKeyInfo: Uint8Array
  readonly subjectPublicKey: Uint8Array
  readonly native: KeyObject
  readonly rsa: RsaPublicNumbers | undefined

  constructor(subjectPublicKeyInfo: Uint8Array, decoded: DecodedPublicKey, native: KeyObject) {
    this.algorithm = decoded.algorithm
    this.subjectPublicKeyInfo = subjectPublicKeyInfo
    this.subjectPublicKey = decoded.subjectPublicKey
    this.native = native
    this.rsa = decoded.rsa
  }
}

export class NodeSigningKey implements SigningKey {
  readonly algorithm: KeyAlgorithm
  readonly publicKey: PublicKey
  readonly schemes: readonly SignatureSchemeCode[]
  readonly native: KeyObject

  constructor(publicKey: PublicKey, schemes: readonly SignatureSchemeCode[], native: KeyObject) {
    this.algorithm = publicKey.algorithm
    this.publicKey = publicKey
    this.schemes = schemes
    this.native = native
  }
}

/** Throws `KeyEncodingError`. */
export function decodeNodePublicKey(subjectPublicKeyInfo: Uint8Array): NodePublicKey {
  const own = Uint8Array.from(subjectPublicKeyInfo)
  const decoded = decodeSubjectPublicKeyInfo(own)
  return new NodePublicKey(own, decoded, toNative(own, decoded))
}

/** Throws `KeyEncodingError`. */
export function decodeNodeSigningKey(der: Uint8Array, supported: readonly SignatureSchemeCode[]): NodeSigningKey {
  const { format } = decodePrivateKey(der)
  let native: KeyObject
  try {
    native = createPrivateKey({ key: Buffer.from(der), format: 'der', type: format })
  } catch (cause) {
    throw new KeyEncodingError('malformed', `OpenSSL refuses the private key: ${messageOf(cause)}`)
  }
  const publicKey = decodeNodePublicKey(createPublicKey(native).export({ format: 'der', type: 'spki' }))
  return new NodeSigningKey(publicKey, schemesOfKey(publicKey.algorithm, supported), native)
}

export function decryptNodePrivateKey(
  encrypted: Uint8Array,
  format: 'pem' | 'der',
  passphrase: string,
): Uint8Array | undefined {
  try {
    const key = createPrivateKey({ key: Buffer.from(encrypted), format, type: 'pkcs8', passphrase })
    return Uint8Array.from(key.export({ format: 'der', type: 'pkcs8' }))
  } catch {
    return undefined
  }
}

function toNative(subjectPublicKeyInfo: Uint8Array, decoded: DecodedPublicKey): KeyObject {
  const jwk = toJwk(decoded)
  try {
    return jwk === undefined
      ? createPublicKey({ key: Buffer.from(subjectPublicKeyInfo), format: 'der', type: 'spki' })
      : createPublicKey({ key: jwk, format: 'jwk' })
  } catch (cause) {
    const fault: KeyFault = 'malformed'
    throw new KeyEncodingError(fault, `OpenSSL refuses the public key: ${messageOf(cause)}`)
  }
}

/** An `rsa-pss` key becomes a plain RSA key here: its restriction is checked by `fitsKey` before every use. */
function toJwk(decoded: DecodedPublicKey): JsonWebKey | undefined {
  const { algorithm, subjectPublicKey: key, rsa } = decoded
  if (rsa !== undefined) return { kty: 'RSA', n: base64url(rsa.modulus), e: base64url(rsa.exponent) }
  if (algorithm.type === 'ed25519') return { kty: 'OKP', crv: 'Ed25519', x: base64url(key) }
  if (algorithm.type === 'ed448') return { kty: 'OKP', crv: 'Ed448', x: base64url(key) }
  if (algorithm.type !== 'ec' || algorithm.curve !== 'secp256r1') return undefined
  return { kty: 'EC', crv: 'P-256', x: base64url(key.subarray(1, 33)), y: base64url(key.subarray(33)) }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
