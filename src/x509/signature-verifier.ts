import type { CryptoProvider } from '../crypto/provider.ts'

/** What validation needs of a crypto provider. */
export type SignatureVerifier = Pick<CryptoProvider, 'importPublicKey' | 'verifyWith'>

/** The same, and the hashes by which a stapled status names certificates and keys. */
export type StatusVerifier = SignatureVerifier & Pick<CryptoProvider, 'digest' | 'sha1'>
