import type { VerifyPeer } from './peer-identity.ts'
import type { CodePoint } from './registry.ts'
import type { Revocation } from './revocation.ts'
import type { TLSVersion } from './tls-version.ts'
import type { TrustStore } from './trust-store.ts'

/**
 * A set of defaults for what the configuration leaves open.
 * - `systemRecommended` (the default): what the backend recommends: TLS 1.2 to 1.3, suites with forward secrecy and an AEAD.
 * - `mostSecure`: TLS 1.3 alone, 256-bit suites, post-quantum key exchange first where the backend has it.
 * - `leastSecure`: whatever the backend can still speak, for museums; every context made with it emits a SecurityWarning.
 *
 * Source: PEP 748, "Configuration".
 */
export type Policy = 'systemRecommended' | 'mostSecure' | 'leastSecure'

/** What clients and servers have in common. Properties left out are for the backend to choose, by the policy. */
export interface CommonOptions {
  /** Cipher suites by preference, those of TLS 1.3 and of TLS 1.2 in one list. A version left without a suite is not offered. */
  readonly ciphers?: readonly CodePoint[]
  /** Groups for the key exchange by preference. A client sends a key share for the first. */
  readonly groups?: readonly CodePoint[]
  /** Signature schemes by preference, both for what we sign and for what we accept. */
  readonly signatureSchemes?: readonly CodePoint[]
  /** Protocols inside TLS by preference (ALPN, RFC 7301). Default: none is negotiated. */
  readonly innerProtocols?: readonly string[]
  /** Default: TLS 1.2. */
  readonly lowestSupportedVersion?: TLSVersion
  /** Default: TLS 1.3. */
  readonly highestSupportedVersion?: TLSVersion
  readonly policy?: Policy
  /** Whom to believe. A client's default is `TrustStore.system()`; a server needs one to ask for client certificates. */
  readonly trustStore?: TrustStore
  /** Lists of revoked certificates (CRLs), and what they decide of the peer's. Default: revocation is not checked. */
  readonly revocation?: Revocation
  /** The application's veto over the peer, after the backend verified it. */
  readonly verifyPeer?: VerifyPeer
  /** Gets each secret of each connection in the format of RFC 9850: whoever has them can read everything. For debugging. */
  readonly keyLog?: (line: string) => void
  /**
   * Ways to compress certificates by preference, for what we send and for what we accept (RFC 8879; `CertificateCompression`).
   * Default: none.
   */
  readonly certificateCompression?: readonly CodePoint[]
  /**
   * How long sockets let a handshake take, in milliseconds, the veto and remote keys included; on a server also a client's answer to
   * `requestClientCertificate`. Default: 30,000.
   */
  readonly handshakeTimeoutMilliseconds?: number
}

/** How long a handshake may take where the configuration does not say, in milliseconds. */
export const defaultHandshakeTimeoutMilliseconds = 30_000
