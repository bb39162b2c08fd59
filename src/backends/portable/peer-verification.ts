import { longestStapledResponseBytes } from '../../channel/limits.ts'
import { nameText, type ServerName } from '../../channel/server-name.ts'
import type { OCSPStapling } from '../../config/client-configuration.ts'
import type { CodePoint } from '../../config/registry.ts'
import type { CryptoProvider, PublicKey } from '../../crypto/provider.ts'
import { CertificateError } from '../../errors.ts'
import { decodeCertificate } from '../../x509/certificate.ts'
import type { RevocationPolicy } from '../../x509/revocation.ts'
import { verifyStapledStatus } from '../../x509/stapled-status.ts'
import type { TrustAnchors } from '../../x509/trust-anchors.ts'
import { VerifiedCertificates } from '../../x509/verified-certificates.ts'
import { type VerifiedPath, verifyPath } from '../../x509/verify-path.ts'

declare const proof: unique symbol

/** A chain that somebody trusted vouches for (or that `polytls/insecure` spared that). Made only by a PeerVerifier. */
export interface VouchedChain {
  readonly [proof]: 'vouched'
  readonly chain: readonly Uint8Array[]
  readonly publicKey: PublicKey
  /** `undefined` where nobody was asked. */
  readonly path: VerifiedPath | undefined
}

/** The same, and nothing that came beside it speaks against it. Made only by a PeerVerifier. */
export interface AcceptedChain {
  readonly [proof]: 'accepted'
  /** DER, as sent. */
  readonly chain: readonly Uint8Array[]
  /** The key that the peer has to prove to have. */
  readonly publicKey: PublicKey
  /** Whether the chain was verified, and not only read. */
  readonly verified: boolean
  /** What the peer stapled, an OCSPResponse in DER. */
  readonly ocspResponse: Uint8Array | undefined
  /** What the peer sent of certificate timestamps; nobody has looked at them. */
  readonly timestamps: readonly Uint8Array[]
  /** How it was compressed on the way. */
  readonly compression: CodePoint | undefined
}

/** What may come with a certificate. */
export interface Evidence {
  readonly ocspResponse?: Uint8Array | undefined
  readonly timestamps?: readonly Uint8Array[] | undefined
  readonly compression?: CodePoint | undefined
}

export interface VerifierOptions {
  readonly crypto: CryptoProvider
  /** Not needed where the chain is not verified. */
  readonly anchors: TrustAnchors | undefined
  /** Default: revocation is not checked. */
  readonly revocation?: RevocationPolicy | undefined
  readonly purpose: 'server-authentication' | 'client-authentication'
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly skipsHostNameCheck: boolean
  /** What to make of stapled states. */
  readonly ocspStapling: OCSPStapling
}

/** Verifies the chains that peers show. One per context: it remembers what cannot change. */
export class PeerVerifier {
  readonly #options: VerifierOptions
  readonly #remembered = new VerifiedCertificates()

  constructor(options: VerifierOptions) {
    this.#options = options
  }

  /**
   * `chain` is DER, in memory that stays as it is.
   * @throws CertificateError with the alert for the peer.
   */
  vouch(chain: readonly Uint8Array[], serverName: ServerName | undefined): VouchedChain {
    const { crypto, anchors, revocation, purpose, now, skipsHostNameCheck } = this.#options
    if (anchors === undefined) return vouched(chain, readKey(crypto, chain), undefined)
    const path = verifyPath({
      chain,
      anchors,
      crypto,
      purpose,
      timeMilliseconds: now(),
      serverName: skipsHostNameCheck ? undefined : nameText(serverName),
      remembered: this.#remembered,
      ...(revocation !== undefined && { revocation }),
    })
    return vouched(chain, path.publicKey, path)
  }

  /**
   * Looks at what came beside the chain: a stapled state, where the configuration asks for one.
   * @throws CertificateError with the alert for the peer.
   */
  accept({ chain, publicKey, path }: VouchedChain, evidence: Evidence = {}): AcceptedChain {
    const { ocspResponse, timestamps = [], compression } = evidence
    const { crypto, now, ocspStapling } = this.#options
    const [leaf, issuer] = path?.path ?? []
    if (ocspStapling !== 'none' && leaf !== undefined && issuer !== undefined) {
      verifyStapledStatus({
        leaf,
        issuer,
        response: ocspResponse,
        longestResponseBytes: longestStapledResponseBytes,
        crypto,
        timeMilliseconds: now(),
        isRequired: ocspStapling === 'hard',
      })
    }
    // The one place where the proof is made.
    return Object.freeze({
      chain,
      publicKey,
      verified: path !== undefined,
      ocspResponse: ocspResponse?.slice(),
      timestamps: Object.freeze(timestamps.map((each) => each.slice())),
      compression,
    }) as unknown as AcceptedChain
  }
}

function vouched(chain: readonly Uint8Array[], publicKey: PublicKey, path: VerifiedPath | undefined): VouchedChain {
  // Views of the handshake message become copies: the application may keep them.
  const kept = Object.freeze(chain.map((each) => each.slice()))
  // The one place where the proof is made.
  return { chain: kept, publicKey, path } as unknown as VouchedChain
}

/** The peer's key, without asking who vouches for it. */
function readKey(crypto: CryptoProvider, [leaf]: readonly Uint8Array[]): PublicKey {
  const malformed = (cause: unknown): CertificateError =>
    new CertificateError('malformed', "the peer's certificate cannot be read", {
      alert: 'bad_certificate',
      depth: 0,
      cause,
    })
  let info: Uint8Array
  try {
    info = decodeCertificate(leaf as Uint8Array).subjectPublicKeyInfo
  } catch (cause) {
    throw malformed(cause)
  }
  const imported = crypto.importPublicKey(info)
  if (imported.key === undefined) throw malformed(imported.reason)
  return imported.key
}
