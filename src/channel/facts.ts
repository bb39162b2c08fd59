import type { CodePoint } from '../config/registry.ts'
import type { NegotiatedVersion } from '../config/tls-version.ts'
import type { EarlyDataOutcome } from './early-data.ts'

/** What was agreed. `undefined` before the handshake, or where a backend cannot say. Nothing here is ever guessed. */
export interface ConnectionFacts {
  readonly version: NegotiatedVersion | undefined
  readonly cipherSuite: CodePoint | undefined
  /** The group of the key exchange. */
  readonly group: CodePoint | undefined
  /** How the peer proved its key, or, towards a client without a certificate, how we proved ours. */
  readonly signatureScheme: CodePoint | undefined
  /** The protocol inside, by ALPN. */
  readonly innerProtocol: string | undefined
  /** The name that the client asked for. */
  readonly serverName: string | undefined
  /** The peer's certificate, DER. */
  readonly peerCertificate: Uint8Array | undefined
  /** What the peer sent, DER, its own certificate first. */
  readonly peerChain: readonly Uint8Array[]
  /**
   * Whether the peer has proved who it is: by a certificate that passed verification, and the veto where there is one, in this connection
   * or in the one that it resumes; or by a pre-shared key.
   */
  readonly verified: boolean
  /** Whether the connection goes on from an earlier one. The peer's certificate is then the one that was shown there. */
  readonly resumed: boolean
  /** How old the session was that is resumed, in milliseconds. */
  readonly sessionAgeMilliseconds: number | undefined
  /** What became of early data; `undefined` where a client had none to send, or a server got none. */
  readonly earlyData: EarlyDataOutcome | undefined
  /** The name of the external pre-shared key that was used. */
  readonly preSharedKeyIdentity: Uint8Array | undefined
  /** What the server stapled (OCSPResponse, DER), on a client that asked for it. Checked as far as `ocspStapling` says. */
  readonly ocspResponse: Uint8Array | undefined
  /** What the server sent, on a client: each a serialized SCT (RFC 6962, Section 3.3), unchecked. */
  readonly signedCertificateTimestamps: readonly Uint8Array[]
  /** How the peer's certificate was compressed on the way (RFC 8879; `CertificateCompression`), where it was. */
  readonly certificateCompression: CodePoint | undefined
  /** By which structure Windows was told what to use; only `schannel` has it. The older one ends at TLS 1.2. */
  readonly credentialStructure?: 'SCH_CREDENTIALS' | 'SCHANNEL_CRED'
}

/**
 * What was agreed, frozen. It is written out, because objects that are spread from a frozen one have a shape each, which takes more memory
 * than the facts themselves.
 */
export function agreedFacts(agreed: AgreedFacts): ConnectionFacts {
  return Object.freeze({
    version: agreed.version,
    cipherSuite: agreed.cipherSuite,
    group: agreed.group,
    signatureScheme: agreed.signatureScheme,
    innerProtocol: agreed.innerProtocol,
    serverName: agreed.serverName,
    peerCertificate: agreed.peerCertificate,
    peerChain: agreed.peerChain ?? none,
    verified: agreed.verified ?? false,
    resumed: agreed.resumed ?? false,
    sessionAgeMilliseconds: agreed.sessionAgeMilliseconds,
    earlyData: agreed.earlyData,
    preSharedKeyIdentity: agreed.preSharedKeyIdentity,
    ocspResponse: agreed.ocspResponse,
    signedCertificateTimestamps: agreed.signedCertificateTimestamps ?? none,
    certificateCompression: agreed.certificateCompression,
  })
}

/** What every backend can tell of. */
export type AgreedFacts = {
  readonly [F in keyof Omit<ConnectionFacts, 'credentialStructure'>]?: ConnectionFacts[F] | undefined
}

const none: readonly Uint8Array[] = Object.freeze([])

/** The facts of a channel whose handshake has not finished. */
export const noFacts: ConnectionFacts = agreedFacts({})
