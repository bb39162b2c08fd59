/** Names, code points and sizes of the algorithms that providers speak of. Pure data. */

export type HashAlgorithm = 'sha256' | 'sha384' | 'sha512'
/** Bytes of a digest. */
export const hashLength: { readonly [H in HashAlgorithm]: number } = { sha256: 32, sha384: 48, sha512: 64 }

export type AeadAlgorithm =
  | 'aes-128-gcm'
  | 'aes-256-gcm'
  | 'chacha20-poly1305'
  | 'aes-128-ccm'
  | 'aes-256-ccm'
  | 'aes-128-ccm-8'
  | 'aes-256-ccm-8'
export interface AeadParameters {
  readonly keyLength: number
  readonly tagLength: number
}
/** All of TLS's AEADs have nonces of twelve bytes. */
export const aeadNonceLength = 12
/** Lengths in bytes. RFC 5116, RFC 6655, RFC 8439. */
export const aeadParameters: { readonly [A in AeadAlgorithm]: AeadParameters } = {
  'aes-128-gcm': { keyLength: 16, tagLength: 16 },
  'aes-256-gcm': { keyLength: 32, tagLength: 16 },
  'chacha20-poly1305': { keyLength: 32, tagLength: 16 },
  'aes-128-ccm': { keyLength: 16, tagLength: 16 },
  'aes-256-ccm': { keyLength: 32, tagLength: 16 },
  'aes-128-ccm-8': { keyLength: 16, tagLength: 8 },
  'aes-256-ccm-8': { keyLength: 32, tagLength: 8 },
}

/** A code point of IANA's TLS Supported Groups. */
export type NamedGroupCode = number
export const groupCode = {
  secp256r1: 0x0017,
  secp384r1: 0x0018,
  secp521r1: 0x0019,
  x25519: 0x001d,
  x448: 0x001e,
  X25519MLKEM768: 0x11ec,
} as const

/** The curves of ECDSA keys, by the names of TLS. */
export type Curve = 'secp256r1' | 'secp384r1' | 'secp521r1'
/** `fieldLength`: bytes of one coordinate, and of a private key. */
export const curveParameters: { readonly [C in Curve]: { readonly fieldLength: number } } = {
  secp256r1: { fieldLength: 32 },
  secp384r1: { fieldLength: 48 },
  secp521r1: { fieldLength: 66 },
}

/**
 * What a key is. `bits` is the length of an RSA modulus: providers take 512 to 16384, and what is strong enough is for the
 * caller's policy to say. An `rsa-pss` key (RFC 4055) signs with PSS only, and only within its `restriction` if it has one.
 */
export type KeyAlgorithm =
  | { readonly type: 'rsa'; readonly bits: number }
  | { readonly type: 'rsa-pss'; readonly bits: number; readonly restriction: RsaPssRestriction | undefined }
  | { readonly type: 'ec'; readonly curve: Curve }
  | { readonly type: 'ed25519' }
  | { readonly type: 'ed448' }
export interface RsaPssRestriction {
  readonly hash: HashAlgorithm
  readonly mgfHash: HashAlgorithm
  readonly minimumSaltLength: number
}

/** A signature algorithm as X.509 describes one. SHA-1 and SHA-224 are left out: no policy of ours would accept them. */
export type SignatureAlgorithm =
  | { readonly type: 'rsa-pkcs1'; readonly hash: HashAlgorithm }
  | {
      readonly type: 'rsa-pss'
      readonly hash: HashAlgorithm
      readonly mgfHash: HashAlgorithm
      /** In bytes; a signature with any other salt is refused. */
      readonly saltLength: number
    }
  | { readonly type: 'ecdsa'; readonly hash: HashAlgorithm }
  | { readonly type: 'ed25519' }
  | { readonly type: 'ed448' }

/** A code point of IANA's TLS SignatureScheme. */
export type SignatureSchemeCode = number
/** What a scheme fixes; for ECDSA, in TLS 1.3, the curve too. */
export type SchemeParameters = { readonly name: string; readonly algorithm: SignatureAlgorithm } & (
  | { readonly keyType: 'ec'; readonly curve: Curve }
  | { readonly keyType: Exclude<KeyAlgorithm['type'], 'ec'> }
)
/** RFC 9846, Section 4.2.3. */
export const schemeParameters: ReadonlyMap<SignatureSchemeCode, SchemeParameters> = new Map<number, SchemeParameters>([
  [0x0403, ecdsa('secp256r1', 'sha256')],
  [0x0503, ecdsa('secp384r1', 'sha384')],
  [0x0603, ecdsa('secp521r1', 'sha512')],
  [0x0807, { name: 'ed25519', algorithm: { type: 'ed25519' }, keyType: 'ed25519' }],
  [0x0808, { name: 'ed448', algorithm: { type: 'ed448' }, keyType: 'ed448' }],
  [0x0804, rsaPss('rsa', 'sha256', 32)],
  [0x0805, rsaPss('rsa', 'sha384', 48)],
  [0x0806, rsaPss('rsa', 'sha512', 64)],
  [0x0809, rsaPss('rsa-pss', 'sha256', 32)],
  [0x080a, rsaPss('rsa-pss', 'sha384', 48)],
  [0x080b, rsaPss('rsa-pss', 'sha512', 64)],
  [0x0401, rsaPkcs1('sha256')],
  [0x0501, rsaPkcs1('sha384')],
  [0x0601, rsaPkcs1('sha512')],
])

function ecdsa(curve: Curve, hash: HashAlgorithm): SchemeParameters {
  return { name: `ecdsa_${curve}_${hash}`, algorithm: { type: 'ecdsa', hash }, keyType: 'ec', curve }
}

function rsaPss(keyType: 'rsa' | 'rsa-pss', hash: HashAlgorithm, saltLength: number): SchemeParameters {
  const name = keyType === 'rsa' ? `rsa_pss_rsae_${hash}` : `rsa_pss_pss_${hash}`
  return { name, algorithm: { type: 'rsa-pss', hash, mgfHash: hash, saltLength }, keyType }
}

function rsaPkcs1(hash: HashAlgorithm): SchemeParameters {
  return { name: `rsa_pkcs1_${hash}`, algorithm: { type: 'rsa-pkcs1', hash }, keyType: 'rsa' }
}
