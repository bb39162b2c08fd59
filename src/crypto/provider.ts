/**
 * The contract of cryptographic primitives: what a TLS engine and an X.509 validator need, and nothing of either.
 *
 * Everything is synchronous. What comes from the peer can be wrong, so wrong peer input is a plain return (`undefined`,
 * `false`, a fault) with no detail that an attacker could use. What comes from our own engine cannot be wrong, so a wrong
 * length, an algorithm outside `capabilities`, or a key of another provider is a `RangeError`: a bug to be seen, not handled.
 */
import type {
  AeadAlgorithm,
  HashAlgorithm,
  KeyAlgorithm,
  NamedGroupCode,
  SignatureAlgorithm,
  SignatureSchemeCode,
} from './algorithms.ts'

export interface CryptoProvider {
  /** For diagnostics: `node`, `noble`. */
  readonly name: string
  readonly capabilities: CryptoCapabilities

  /** Cryptographically secure random bytes for what is sent in clear: they may have been drawn some time before they are handed out. */
  random(length: number): Uint8Array
  /** The same for what stays secret: drawn for this call alone. */
  randomSecret(length: number): Uint8Array
  /** Whether two secrets are the same, in a time that depends on their lengths only. Different lengths are not equal. */
  timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean

  /** Memory with whatever was in it, for output that overwrites all of it. Absent where the runtime gives only memory of zeros. */
  allocate?(length: number): Uint8Array

  createHash(algorithm: HashAlgorithm): Hash
  /** The hash of the pieces one after another, where no more will come. */
  digest(algorithm: HashAlgorithm, ...message: readonly Uint8Array[]): Uint8Array
  /** SHA-1, for identifiers in formats that prescribe it (OCSP's CertID). Nothing may rest on its being hard to find collisions. */
  sha1(data: Uint8Array): Uint8Array
  /** HMAC over the pieces one after another. RFC 2104. */
  hmac(algorithm: HashAlgorithm, key: Uint8Array, ...message: readonly Uint8Array[]): Uint8Array
  /** RFC 5869, Section 2.2. An empty salt stands for a hash length of zeros. */
  hkdfExtract(algorithm: HashAlgorithm, salt: Uint8Array, inputKeyingMaterial: Uint8Array): Uint8Array
  /** RFC 5869, Section 2.3. `length` is in bytes and at most 255 hash lengths (RangeError). */
  hkdfExpand(algorithm: HashAlgorithm, pseudorandomKey: Uint8Array, info: Uint8Array, length: number): Uint8Array

  /** Prepares a traffic key once; then one call per record. The key's bytes are copied: the caller may wipe its own. */
  createAead(algorithm: AeadAlgorithm, key: Uint8Array): Aead

  /** Makes an ephemeral key and the share to send first: TLS 1.3's client, TLS 1.2's server. */
  generateKeyShare(group: NamedGroupCode): KeyShare
  /**
   * Answers a share that came first: TLS 1.3's server, TLS 1.2's client. `undefined` when the peer's share is not acceptable
   * (`illegal_parameter`): wrong length, not on the curve, compressed, an all-zero secret, a key that ML-KEM refuses.
   */
  acceptKeyShare(group: NamedGroupCode, peerShare: Uint8Array): AcceptedKeyShare | undefined

  /** From a certificate's SubjectPublicKeyInfo, DER. The size of an RSA key is the caller's policy: see `KeyAlgorithm`. */
  importPublicKey(subjectPublicKeyInfo: Uint8Array): KeyImport<PublicKey>
  /** From DER that is PKCS#8 (RFC 5958), SEC 1 (RFC 5915) or PKCS#1 (RFC 8017); which one is found out. Not encrypted. */
  importSigningKey(der: Uint8Array): KeyImport<SigningKey>

  /**
   * The PKCS#8 in an encrypted key: RFC 5958's EncryptedPrivateKeyInfo in DER, or PEM of whatever form the provider knows. `undefined`
   * where the passphrase is wrong or the encryption unknown. Absent where the provider cannot do this at all.
   */
  decryptPrivateKey?(encrypted: Uint8Array, format: 'pem' | 'der', passphrase: string): Uint8Array | undefined

  /** `scheme` is one of `key.schemes` (RangeError). An ECDSA signature is DER, as TLS and X.509 have it. */
  sign(scheme: SignatureSchemeCode, key: SigningKey, message: Uint8Array): Uint8Array
  /** Signs as TLS 1.2 may have it, where an ECDSA key of any curve goes with any hash. `key` must fit (RangeError). */
  signWith(algorithm: SignatureAlgorithm, key: SigningKey, message: Uint8Array): Uint8Array
  /**
   * TLS 1.3's verification: the code point fixes the curve too. False for a bad signature, for a key that the scheme does
   * not fit, and for a code point that is not among `capabilities.signatureSchemes.verify`.
   */
  verify(scheme: SignatureSchemeCode, key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean
  /** Verification as X.509 and TLS 1.2 describe it: the curve is the key's. False also for a key of another type. */
  verifyWith(algorithm: SignatureAlgorithm, key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean
}

/** What a provider can do, by the names and code points of `algorithms.ts`, in its order of preference. */
export interface CryptoCapabilities {
  readonly aeads: readonly AeadAlgorithm[]
  readonly hashes: readonly HashAlgorithm[]
  readonly groups: readonly NamedGroupCode[]
  /** Those among the groups that cost many times what the others do here: not to be offered without being asked for. Default: none. */
  readonly slowGroups?: readonly NamedGroupCode[]
  readonly signatureSchemes: {
    readonly sign: readonly SignatureSchemeCode[]
    readonly verify: readonly SignatureSchemeCode[]
  }
}

/** An incremental hash without an end: `digest` may be asked for at any time, and more may follow, as a transcript needs it. */
export interface Hash {
  readonly algorithm: HashAlgorithm
  update(data: Uint8Array): this
  /** The hash of everything so far. */
  digest(): Uint8Array
  /** An independent hash that starts where this one is. */
  clone(): Hash
}

/** One traffic key. The nonce must never repeat; that it does not is the record layer's duty. */
export interface Aead {
  readonly algorithm: AeadAlgorithm
  /** Bytes that sealing adds at the end. */
  readonly tagLength: number
  /**
   * Encrypts the pieces as one plaintext, writes ciphertext and tag into `target` from `offset`, and returns how many bytes that
   * were. Several pieces spare the caller from joining payload, content type and padding. `target` must have the room
   * (RangeError) and must not overlap the pieces.
   */
  seal(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    plaintext: readonly Uint8Array[],
    target: Uint8Array,
    offset: number,
  ): number
  /**
   * The plaintext of ciphertext with tag, or `undefined` when it is not authentic. The result is the caller's own and shares
   * memory with nothing. Where the runtime cannot decrypt into given memory (node:crypto), returning spares a copy.
   */
  open(nonce: Uint8Array, additionalData: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined
  /** Gives the key up; after that, sealing and opening are RangeErrors. */
  wipe(): void
}

/** An ephemeral key whose public part is to be sent. */
export interface KeyShare {
  readonly group: NamedGroupCode
  /** As the `key_exchange` field has it: RFC 9846, Section 4.2.8. */
  readonly publicKey: Uint8Array
  /**
   * The shared secret, or `undefined` when the peer's share is not acceptable (`illegal_parameter`). The private key is dropped by
   * the first call: a second is a RangeError.
   */
  agree(peerShare: Uint8Array): Uint8Array | undefined
}
export interface AcceptedKeyShare {
  /** The share to answer with. */
  readonly publicKey: Uint8Array
  readonly sharedSecret: Uint8Array
}

export interface PublicKey {
  readonly algorithm: KeyAlgorithm
  /** SubjectPublicKeyInfo, DER, as it was given or as it would be written. */
  readonly subjectPublicKeyInfo: Uint8Array
  /** The content of its BIT STRING: an uncompressed point, an Edwards point, or PKCS#1's RSAPublicKey. */
  readonly subjectPublicKey: Uint8Array
}
export interface SigningKey {
  readonly algorithm: KeyAlgorithm
  readonly publicKey: PublicKey
  /** What this key can sign with this provider, in order of preference. */
  readonly schemes: readonly SignatureSchemeCode[]
}

/** A key, or why there is none. A caller narrows by `key === undefined`. */
export type KeyImport<Key> =
  | { readonly key: Key }
  | { readonly key: undefined; readonly fault: KeyFault; readonly reason: string }
/** `malformed`: not what the encoding or the algorithm allows. `unsupported`: well-formed, but nothing that this provider does. */
export type KeyFault = 'malformed' | 'unsupported'

/**
 * ML-KEM-768 (FIPS 203) by itself, for a provider whose runtime lacks it. Lengths: encapsulation key 1184 bytes, ciphertext
 * 1088, shared secret 32.
 */
export interface MlKem768 {
  generate(): { readonly encapsulationKey: Uint8Array; decapsulate(ciphertext: Uint8Array): Uint8Array | undefined }
  /** `undefined` when the key fails the check of FIPS 203, Section 7.2. */
  encapsulate(
    encapsulationKey: Uint8Array,
  ): { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array } | undefined
}
