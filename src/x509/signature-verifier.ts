import type { CryptoProvider } from '../crypto/provider.ts'

/** What validation needs of a crypto provider. */
export type SignatureVerifier = Pick<CryptoProvider, 'importPublicKey' | 'verifyWith'>
