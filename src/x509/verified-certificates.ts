import { decodeCertificate, equalBytes, type X509Certificate } from './certificate.ts'

/**
 * Remembers certificates of paths that were verified, decoded and with the knowledge who signed them, so that the next handshake with
 * the same peer, or with another one of the same authority, does not decode them and check their signatures again. One per context.
 *
 * Only what cannot change is remembered. Validity, names, constraints, purpose and revocation are checked every time. Certificates come
 * in only as part of a verified path, so that strangers cannot push others out.
 */
export class VerifiedCertificates {
  readonly #maximum: number
  readonly #certificates = new Map<string, X509Certificate>()
  /** The SubjectPublicKeyInfo whose key made the certificate's signature. */
  readonly #signedBy = new WeakMap<X509Certificate, Uint8Array>()

  /** `maximum`: how many certificates are kept; the oldest goes first. A certificate takes a few kilobytes. */
  constructor(maximum = 128) {
    this.#maximum = maximum
  }

  /** The remembered certificate with exactly these bytes. */
  find(der: Uint8Array): X509Certificate | undefined {
    const certificate = this.#certificates.get(fingerprint(der))
    return certificate !== undefined && equalBytes(certificate.der, der) ? certificate : undefined
  }

  /** Whether a remembered certificate was signed by the key of this issuer. */
  wasSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
    const key = this.#signedBy.get(certificate)
    return key !== undefined && equalBytes(key, issuer.subjectPublicKeyInfo)
  }

  /** Takes in a path that was verified: every certificate but the anchor, which the context holds anyway. */
  remember(path: readonly X509Certificate[]): void {
    for (let depth = 0; depth < path.length - 1; depth++) {
      const certificate = path[depth] as X509Certificate
      const issuer = path[depth + 1] as X509Certificate
      if (this.find(certificate.der) === certificate) continue
      if (this.#certificates.size >= this.#maximum) {
        for (const oldest of this.#certificates.keys()) {
          this.#certificates.delete(oldest)
          break
        }
      }
      // A copy, because the bytes are views of a connection's buffer.
      const kept = decodeCertificate(new Uint8Array(certificate.der))
      this.#certificates.set(fingerprint(kept.der), kept)
      this.#signedBy.set(kept, new Uint8Array(issuer.subjectPublicKeyInfo))
    }
  }
}

/** The end of a certificate is the end of its signature: enough to tell certificates apart; all bytes are compared afterwards. */
function fingerprint(der: Uint8Array): string {
  return String.fromCharCode(...der.subarray(-24))
}
