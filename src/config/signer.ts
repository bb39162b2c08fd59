import type { CodePoint } from './registry.ts'

/**
 * Signs on behalf of a key that the program does not hold: in an HSM, a TPM, a cloud's key service, another process.
 * While a promise is open the channel is paused; nothing else stops.
 */
export interface Signer {
  /** The public half, as a DER SubjectPublicKeyInfo. It has to match the certificate. */
  readonly publicKey: Uint8Array
  /** What the key can do, by IANA signature scheme. */
  readonly schemes: readonly CodePoint[]
  /** Signs the whole message (not its hash). ECDSA signatures are DER, as TLS sends them. */
  sign(scheme: CodePoint, message: Uint8Array): Uint8Array | Promise<Uint8Array>
}
