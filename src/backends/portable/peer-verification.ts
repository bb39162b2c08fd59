import type { ServerName } from '../../channel/server-name.ts'
import type { PublicKey } from '../../crypto/provider.ts'

declare const proof: unique symbol

/** A chain that verification accepted (or that `polytls/insecure` spared it). Made only by a PeerVerifier. */
export interface AcceptedChain {
  readonly [proof]: true
  /** DER, as sent. */
  readonly chain: readonly Uint8Array[]
  /** The key that the peer has to prove to have. */
  readonly publicKey: PublicKey
  /** Whether the chain was verified, and not only read. */
  readonly verified: boolean
}

/** Verifies the chain that a peer shows. */
export interface PeerVerifier {
  /** @throws CertificateError with the alert for the peer. */
  verify(chain: readonly Uint8Array[], serverName: ServerName | undefined): AcceptedChain
}
