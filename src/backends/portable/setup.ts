import type { ChainsByName } from '../../channel/chains-by-name.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import type { CodePoint } from '../../config/registry.ts'
import type { TLSServerConfiguration } from '../../config/server-configuration.ts'
import type { Signer } from '../../config/signer.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import type { CryptoProvider, PublicKey, SigningKey } from '../../crypto/provider.ts'
import type { CertificateCompression } from './certificate-compression.ts'
import type { ClientSessions } from './client-sessions.ts'
import type { PeerVerifier } from './peer-verification.ts'
import type { ServerSessions } from './server-sessions.ts'
import type { Settings } from './settings.ts'

/** What a context prepares once for all its connections. */
export interface Setup {
  readonly configuration: TLSClientConfiguration | TLSServerConfiguration
  readonly crypto: CryptoProvider
  readonly settings: Settings
  readonly certificateCompression: CertificateCompression
  /** See `SealerOptions`. */
  readonly paddingMultipleBytes: number | undefined
}

export interface ClientSetup extends Setup {
  readonly configuration: TLSClientConfiguration
  readonly credential: Credential | undefined
  /**
   * What the application chose to show, ready to be shown.
   * @throws ConfigurationError naming the field.
   */
  loadChosen(chain: SigningChain): Credential
  readonly verifier: PeerVerifier
  readonly sessions: ClientSessions
}

export interface ServerSetup extends Setup {
  readonly configuration: TLSServerConfiguration
  readonly credentials: readonly Credential[]
  readonly chains: ChainsByName
  /** Who may vouch for clients; `undefined` where clients are not asked for a certificate. */
  readonly verifier: PeerVerifier | undefined
  /** The same, where the connection is in use already; `undefined` where no trust store says who may. */
  readonly lateVerifier: PeerVerifier | undefined
  /** `undefined` where clients cannot resume. */
  readonly sessions: ServerSessions | undefined
  /** The subjects of the trusted authorities, DER, for CertificateRequest. */
  readonly authorities: readonly Uint8Array[]
}

/** A certificate chain with the key that proves it. */
export interface Credential {
  /** DER, the own certificate first. */
  readonly chain: readonly Uint8Array[]
  readonly publicKey: PublicKey
  /** See `ServerEndPoint`. */
  readonly endPoint: Uint8Array | undefined
  readonly key:
    | { readonly kind: 'local'; readonly key: SigningKey }
    | { readonly kind: 'remote'; readonly signer: Signer }
  /** What the chain's configuration has to send beside it. */
  readonly ocspResponse: (() => Uint8Array | undefined) | undefined
  readonly timestamps: readonly Uint8Array[]
  /** What TLS 1.3 could sign with, in order of preference; rsa_pkcs1 schemes are for TLS 1.2 alone. */
  readonly schemes: readonly CodePoint[]
}
