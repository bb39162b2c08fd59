import { nameText, type ServerName } from '../../channel/server-name.ts'
import type { CryptoProvider, PublicKey } from '../../crypto/provider.ts'
import { CertificateError } from '../../errors.ts'
import { decodeCertificate } from '../../x509/certificate.ts'
import type { RevocationPolicy } from '../../x509/revocation.ts'
import type { TrustAnchors } from '../../x509/trust-anchors.ts'
import { VerifiedCertificates } from '../../x509/verified-certificates.ts'
import { verifyPath } from '../../x509/verify-path.ts'

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
  verify(chain: readonly Uint8Array[], serverName: ServerName | undefined): AcceptedChain {
    const { crypto, anchors, revocation, purpose, now, skipsHostNameCheck } = this.#options
    if (anchors === undefined) return accept(chain, readKey(crypto, chain), false)
    const { publicKey } = verifyPath({
      chain,
      anchors,
      crypto,
      purpose,
      timeMilliseconds: now(),
      serverName: skipsHostNameCheck ? undefined : nameText(serverName),
      remembered: this.#remembered,
      ...(revocation !== undefined && { revocation }),
    })
    return accept(chain, publicKey, true)
  }
}

function accept(chain: readonly Uint8Array[], publicKey: PublicKey, verified: boolean): AcceptedChain {
  // Views of the handshake message become copies: the application may keep them.
  const kept = Object.freeze(chain.map((each) => each.slice()))
  // The one place where the proof is made.
  return Object.freeze({ chain: kept, publicKey, verified }) as unknown as AcceptedChain
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
