/**
 * What SubjectPublicKeyInfo, PKCS#8, SEC 1 and PKCS#1 say, for the key types of TLS. Strict DER, nothing left over, bounded sizes.
 * RFC 5280, Section 4.1.2.7; RFC 5480; RFC 4055; RFC 8410; RFC 5958; RFC 5915; RFC 8017, Appendix A.1.
 */
import {
  type Curve,
  curveParameters,
  type HashAlgorithm,
  type KeyAlgorithm,
  type RsaPssRestriction,
} from './algorithms.ts'
import { concatBytes, hexOfBytes } from './bytes.ts'
import { DerCursor, derTag, encodeDer, KeyEncodingError } from './key-der.ts'

/** RSA's numbers, big-endian and without leading zeros. */
export interface RsaPublicNumbers {
  readonly modulus: Uint8Array
  readonly exponent: Uint8Array
}
export interface DecodedPublicKey {
  readonly algorithm: KeyAlgorithm
  readonly subjectPublicKey: Uint8Array
  /** Present for both RSA types. */
  readonly rsa?: RsaPublicNumbers
}

/** Throws `KeyEncodingError`. Points are checked for their form only: that they are on the curve is for the provider. */
export function decodeSubjectPublicKeyInfo(der: Uint8Array): DecodedPublicKey {
  const outer = new DerCursor(der)
  const info = outer.sequence()
  outer.finish()
  const identifier = decodeKeyAlgorithm(info.sequence())
  const subjectPublicKey = info.bitString()
  info.finish()
  return decodePublicPart(identifier, subjectPublicKey)
}

export type PrivateKeyFormat = 'pkcs8' | 'sec1' | 'pkcs1'
/** What an encoded private key is and, for EdDSA and ECDSA, the secret itself (a view). */
export type DecodedPrivateKey = { readonly format: PrivateKeyFormat } & (
  | { readonly type: 'rsa' }
  | { readonly type: 'rsa-pss' }
  | { readonly type: 'ec'; readonly curve: Curve; readonly secret: Uint8Array }
  | { readonly type: 'ed25519' | 'ed448'; readonly secret: Uint8Array }
)

/**
 * Tells the three encodings apart by their second element. Throws `KeyEncodingError`. An RSA key's numbers stay undecoded: no
 * provider of ours computes with them.
 */
export function decodePrivateKey(der: Uint8Array): DecodedPrivateKey {
  const outer = new DerCursor(der)
  const body = outer.sequence()
  outer.finish()
  if (body.peekTag() === derTag.sequence) throw new KeyEncodingError('unsupported', 'the private key is encrypted')
  const version = body.smallInteger()
  switch (body.peekTag()) {
    case derTag.sequence:
      return decodePkcs8(version, body)
    case derTag.octetString:
      return { format: 'sec1', ...decodeEcPrivateKey(der, undefined) }
    case derTag.integer:
      return { format: 'pkcs1', type: 'rsa' }
    default:
      throw new KeyEncodingError('malformed', 'the private key is neither PKCS#8 nor SEC 1 nor PKCS#1')
  }
}

/** OneAsymmetricKey: RFC 5958, Section 2. Attributes and the public key of version 2 are passed over. */
function decodePkcs8(version: number, body: DerCursor): DecodedPrivateKey {
  const format = 'pkcs8'
  if (version > 1) throw new KeyEncodingError('malformed', `PKCS#8 with the version ${version}`)
  const identifier = decodeKeyAlgorithm(body.sequence())
  const inner = body.content(derTag.octetString)
  body.skipOptional(derTag.context0)
  if (version === 1) body.skipOptional(derTag.primitiveContext1)
  body.finish()
  if (identifier.type === 'ec') return { format, ...decodeEcPrivateKey(inner, identifier.curve) }
  if (identifier.type === 'rsa') return { format, type: 'rsa' }
  if (identifier.type === 'rsa-pss') return { format, type: 'rsa-pss' }
  const cursor = new DerCursor(inner)
  const secret = cursor.content(derTag.octetString)
  cursor.finish()
  if (secret.length !== edwardsLength[identifier.type]) {
    throw new KeyEncodingError('malformed', `an ${identifier.type} private key of ${secret.length} bytes`)
  }
  return { format, type: identifier.type, secret }
}

/** SubjectPublicKeyInfo around a point of a curve. */
export function encodeSubjectPublicKeyInfo(
  algorithm: Exclude<KeyAlgorithm, { type: 'rsa' | 'rsa-pss' }>,
  subjectPublicKey: Uint8Array,
): Uint8Array {
  const identifier =
    algorithm.type === 'ec'
      ? concatBytes([encodeOid(objectIdentifier.ec), encodeOid(curveIdentifier[algorithm.curve])])
      : encodeOid(objectIdentifier[algorithm.type])
  return encodeDer(
    derTag.sequence,
    encodeDer(derTag.sequence, identifier),
    encodeDer(derTag.bitString, Uint8Array.of(0), subjectPublicKey),
  )
}

const objectIdentifier = {
  rsa: '2a864886f70d010101',
  'rsa-pss': '2a864886f70d01010a',
  ec: '2a8648ce3d0201',
  ed25519: '2b6570',
  ed448: '2b6571',
} as const
const curveIdentifier: { readonly [C in Curve]: string } = {
  secp256r1: '2a8648ce3d030107',
  secp384r1: '2b81040022',
  secp521r1: '2b81040023',
}
const hashByIdentifier: ReadonlyMap<string, HashAlgorithm> = new Map([
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
] as const)
const mgf1Identifier = '2a864886f70d010108'
const edwardsLength = { ed25519: 32, ed448: 57 } as const

type KeyIdentifier =
  | { readonly type: 'rsa' }
  | { readonly type: 'ed25519' | 'ed448' }
  | { readonly type: 'rsa-pss'; readonly restriction: RsaPssRestriction | undefined }
  | { readonly type: 'ec'; readonly curve: Curve }

function decodeKeyAlgorithm(identifier: DerCursor): KeyIdentifier {
  const oid = hexOfBytes(identifier.content(derTag.objectIdentifier))
  switch (oid) {
    case objectIdentifier.rsa:
      // RFC 3279, Section 2.3.1: the parameters must be NULL.
      identifier.null()
      identifier.finish()
      return { type: 'rsa' }
    case objectIdentifier['rsa-pss']: {
      if (identifier.atEnd) return { type: 'rsa-pss', restriction: undefined }
      const restriction = decodeRsaPssRestriction(identifier.sequence())
      identifier.finish()
      return { type: 'rsa-pss', restriction }
    }
    case objectIdentifier.ec: {
      if (identifier.peekTag() !== derTag.objectIdentifier) {
        throw new KeyEncodingError('unsupported', 'an elliptic curve given by its parameters instead of its name')
      }
      const curve = curveByIdentifier(identifier)
      identifier.finish()
      return { type: 'ec', curve }
    }
    case objectIdentifier.ed25519:
    case objectIdentifier.ed448:
      identifier.finish()
      return { type: oid === objectIdentifier.ed25519 ? 'ed25519' : 'ed448' }
    default:
      throw new KeyEncodingError(
        'unsupported',
        `a key of the algorithm with the object identifier ${oid} (hexadecimal)`,
      )
  }
}

function curveByIdentifier(cursor: DerCursor): Curve {
  const oid = hexOfBytes(cursor.content(derTag.objectIdentifier))
  for (const [curve, identifier] of Object.entries(curveIdentifier)) if (identifier === oid) return curve as Curve
  throw new KeyEncodingError('unsupported', `an elliptic curve with the object identifier ${oid} (hexadecimal)`)
}

/** RSASSA-PSS-params: RFC 4055, Section 3.1. Its defaults are SHA-1, which is not supported. */
function decodeRsaPssRestriction(parameters: DerCursor): RsaPssRestriction {
  const hash = parameters.explicit(derTag.context0)
  const mgf = parameters.explicit(derTag.context1)
  const salt = parameters.explicit(derTag.context2)
  const trailer = parameters.explicit(derTag.context3)
  parameters.finish()
  const minimumSaltLength = salt?.smallInteger() ?? 20
  salt?.finish()
  if (trailer !== undefined && trailer.smallInteger() !== 1) {
    throw new KeyEncodingError('malformed', 'RSA-PSS parameters with another trailer field than 1')
  }
  trailer?.finish()
  const mgfSequence = mgf?.sequence()
  mgf?.finish()
  if (mgfSequence !== undefined && hexOfBytes(mgfSequence.content(derTag.objectIdentifier)) !== mgf1Identifier) {
    throw new KeyEncodingError('unsupported', 'RSA-PSS with another mask generation function than MGF1')
  }
  return { hash: decodeHash(hash), mgfHash: decodeHash(mgfSequence), minimumSaltLength }
}

function decodeHash(holder: DerCursor | undefined): HashAlgorithm {
  if (holder === undefined) throw new KeyEncodingError('unsupported', 'RSA-PSS with SHA-1')
  const identifier = holder.sequence()
  holder.finish()
  const oid = hexOfBytes(identifier.content(derTag.objectIdentifier))
  if (!identifier.atEnd) identifier.null()
  identifier.finish()
  const hash = hashByIdentifier.get(oid)
  if (hash === undefined) {
    throw new KeyEncodingError('unsupported', `RSA-PSS with the hash ${oid} (object identifier, hexadecimal)`)
  }
  return hash
}

function decodePublicPart(identifier: KeyIdentifier, subjectPublicKey: Uint8Array): DecodedPublicKey {
  switch (identifier.type) {
    case 'ec': {
      if (
        subjectPublicKey.length !== 1 + 2 * curveParameters[identifier.curve].fieldLength ||
        subjectPublicKey[0] !== 4
      ) {
        throw new KeyEncodingError('malformed', `not an uncompressed point of ${identifier.curve}`)
      }
      return { algorithm: { type: 'ec', curve: identifier.curve }, subjectPublicKey }
    }
    case 'ed25519':
    case 'ed448':
      if (subjectPublicKey.length !== edwardsLength[identifier.type]) {
        throw new KeyEncodingError('malformed', `an ${identifier.type} public key of ${subjectPublicKey.length} bytes`)
      }
      return { algorithm: { type: identifier.type }, subjectPublicKey }
    default: {
      const rsa = decodeRsaPublicKey(subjectPublicKey)
      const bits = bitLength(rsa.modulus)
      const algorithm: KeyAlgorithm =
        identifier.type === 'rsa'
          ? { type: 'rsa', bits }
          : { type: 'rsa-pss', bits, restriction: identifier.restriction }
      return { algorithm, subjectPublicKey, rsa }
    }
  }
}

/** The exponent is bounded because the work of verifying grows with it; BoringSSL and Go draw about the same line. */
function decodeRsaPublicKey(der: Uint8Array): RsaPublicNumbers {
  const outer = new DerCursor(der)
  const body = outer.sequence()
  outer.finish()
  const modulus = body.integer()
  const exponent = body.integer()
  body.finish()
  const bits = bitLength(modulus)
  if (bits < 512 || bits > 16384) throw new KeyEncodingError('unsupported', `an RSA modulus of ${bits} bits`)
  if (((modulus.at(-1) ?? 0) & 1) === 0) throw new KeyEncodingError('malformed', 'an even RSA modulus')
  const exponentBits = bitLength(exponent)
  if (exponentBits < 2 || ((exponent.at(-1) ?? 0) & 1) === 0) {
    throw new KeyEncodingError('malformed', 'an RSA public exponent that is even or less than three')
  }
  if (exponentBits > 33) throw new KeyEncodingError('unsupported', `an RSA public exponent of ${exponentBits} bits`)
  return { modulus, exponent }
}

/** ECPrivateKey: RFC 5915, Section 3. `curve` is given where PKCS#8 around it names one; then the inner name is optional. */
function decodeEcPrivateKey(
  der: Uint8Array,
  curve: Curve | undefined,
): { readonly type: 'ec'; readonly curve: Curve; readonly secret: Uint8Array } {
  const outer = new DerCursor(der)
  const body = outer.sequence()
  outer.finish()
  if (body.smallInteger() !== 1) throw new KeyEncodingError('malformed', 'an EC private key of another version than 1')
  const secret = body.content(derTag.octetString)
  const parameters = body.explicit(derTag.context0)
  const named = parameters === undefined ? curve : curveByIdentifier(parameters)
  parameters?.finish()
  body.skipOptional(derTag.context1)
  body.finish()
  if (named === undefined) throw new KeyEncodingError('malformed', 'an EC private key that names no curve')
  if (curve !== undefined && curve !== named)
    throw new KeyEncodingError('malformed', 'an EC private key with two curves')
  if (secret.length !== curveParameters[named].fieldLength) {
    throw new KeyEncodingError('malformed', `a private key of ${secret.length} bytes for ${named}`)
  }
  return { type: 'ec', curve: named, secret }
}

function bitLength(unsigned: Uint8Array): number {
  const first = unsigned[0] ?? 0
  return first === 0 ? 0 : unsigned.length * 8 - Math.clz32(first) + 24
}

function encodeOid(hex: string): Uint8Array {
  const content = new Uint8Array(hex.length / 2)
  for (let i = 0; i < content.length; i++) content[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return encodeDer(derTag.objectIdentifier, content)
}
