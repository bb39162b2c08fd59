import type { Certificate } from './certificate.ts'
import type { PrivateKey } from './private-key.ts'

/** What one side shows of itself, and the key that proves it. Source: PEP 748, SigningChain. */
export interface SigningChain {
  /** The own certificate. */
  readonly leaf: Certificate
  readonly key: PrivateKey
  /** The intermediate certificates, each signed by the next; the root is not sent. Default: none. */
  readonly chain?: readonly Certificate[]
  /**
   * The state of the certificate as its authority last signed it: a DER OCSPResponse to staple (RFC 6066, Section 8), of at most 16,380
   * bytes; `undefined`, or empty, where there is none. Asked for each connection whose client wants it, so it has to be quick; renewing it
   * needs no new context. If it throws, or gives something else, the connection fails with a `BackendError`.
   */
  readonly ocspResponse?: () => Uint8Array | undefined
  /**
   * Signed certificate timestamps (RFC 6962, Section 3.3) to send beside the certificate, each a serialized SCT. At most 16,384 bytes, with
   * two of length for each.
   */
  readonly signedCertificateTimestamps?: readonly Uint8Array[]
}
