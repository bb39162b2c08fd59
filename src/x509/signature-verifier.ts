/** TEMPORARY: becomes Pick<CryptoProvider, …> once src/crypto is merged. */
export type HashAlgorithm = 'sha256' | 'sha384' | 'sha512'
export type SignatureAlgorithm =
  | { readonly type: 'rsa-pkcs1'; readonly hash: HashAlgorithm }
  | {
      readonly type: 'rsa-pss'
      readonly hash: HashAlgorithm
      readonly mgfHash: HashAlgorithm
      readonly saltLength: number
    }
  | { readonly type: 'ecdsa'; readonly hash: HashAlgorithm }
  | { readonly type: 'ed25519' }
  | { readonly type: 'ed448' }
export type KeyAlgorithm =
  | { readonly type: 'rsa'; readonly bits: number }
  | { readonly type: 'rsa-pss'; readonly bits: number; readonly restriction: unknown }
  | { readonly type: 'ec'; readonly curve: 'secp256r1' | 'secp384r1' | 'secp521r1' }
  | { readonly type: 'ed25519' }
  | { readonly type: 'ed448' }
export interface PublicKey {
  readonly algorithm: KeyAlgorithm
  readonly subjectPublicKeyInfo: Uint8Array
  readonly subjectPublicKey: Uint8Array
}
export type KeyImport<Key> =
  | { readonly key: Key }
  | { readonly key: undefined; readonly fault: 'malformed' | 'unsupported'; readonly reason: string }
export interface SignatureVerifier {
  importPublicKey(subjectPublicKeyInfo: Uint8Array): KeyImport<PublicKey>
  verifyWith(algorithm: SignatureAlgorithm, key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean
}
