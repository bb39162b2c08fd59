import type { CodePoint } from './registry.ts'
import type { SigningChain } from './signing-chain.ts'

/** What a server says about the certificate that it wants of a client. RFC 9846, Section 4.3.2; RFC 5246, Section 7.4.4. */
export interface CertificateRequest {
  /** The authorities that it accepts, as DER distinguished names; empty where it does not say. */
  readonly authorities: readonly Uint8Array[]
  readonly signatureSchemes: readonly CodePoint[]
  /** Whether the connection is in use already. */
  readonly afterHandshake: boolean
}

/** The client's choice of what to show, now or later; `undefined` shows nothing, and the server decides what becomes of that. */
export type ChooseCertificate = (
  request: CertificateRequest,
) => SigningChain | undefined | Promise<SigningChain | undefined>
