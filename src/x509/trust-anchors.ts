import { DecodeError } from '../codec/decode-error.ts'
import { decodeCertificate, equalBytes, type X509Certificate } from './certificate.ts'

/**
 * The certificates that are trusted, indexed by subject. Made once per context: decoding a system's trust store takes some ten
 * milliseconds, a lookup none.
 *
 * Any certificate can be an anchor: a root, an intermediate authority (paths end there), or a peer's own certificate, which then is trusted
 * as it is.
 */
export class TrustAnchors {
  readonly certificates: readonly X509Certificate[]
  readonly #bySubject = new Map<string, X509Certificate[]>()

  constructor(certificates: readonly X509Certificate[]) {
    this.certificates = certificates
    for (const certificate of certificates) {
      const key = certificate.subject.key
      const same = this.#bySubject.get(key)
      if (same === undefined) this.#bySubject.set(key, [certificate])
      else same.push(certificate)
    }
  }

  /** The anchors whose subject has this key (see `DistinguishedName.key`). */
  withSubject(key: string): readonly X509Certificate[] {
    return this.#bySubject.get(key) ?? []
  }

  /** The anchor that is exactly this certificate. */
  find(certificate: X509Certificate): X509Certificate | undefined {
    return this.withSubject(certificate.subject.key).find((anchor) => equalBytes(anchor.der, certificate.der))
  }
}

/**
 * Anchors from certificates in DER. Malformed ones are left out and reported: in a system's trust store they are to be passed over, in
 * what an application configures they are an error.
 */
export function decodeTrustAnchors(ders: readonly Uint8Array[]): {
  readonly anchors: TrustAnchors
  readonly malformed: readonly { readonly index: number; readonly error: DecodeError }[]
} {
  const certificates: X509Certificate[] = []
  const malformed: { index: number; error: DecodeError }[] = []
  for (const [index, der] of ders.entries()) {
    try {
      certificates.push(decodeCertificate(der, `trusted certificate ${index}`))
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      malformed.push({ index, error })
    }
  }
  return { anchors: new TrustAnchors(certificates), malformed }
}
