import { longestStapledResponseBytes } from '../../channel/limits.ts'
import { DecodeError } from '../../codec/decode-error.ts'
import { CertificateError } from '../../errors.ts'
import { decodeCertificate } from '../../x509/certificate.ts'
import { verifyStapledStatus } from '../../x509/stapled-status.ts'
import { NID } from './constants.ts'
import { encodeDER } from './der.ts'
import type { Library } from './library.ts'
import type { Native, Pointer } from './prototypes.ts'
import { LibraryVerifier } from './signature-verifier.ts'
import { subjectOf } from './verify-result.ts'

export interface StapledStatusRequest {
  /** The path that was verified, a STACK_OF(X509); the leaf first. */
  readonly path: Pointer
  /** What the server stapled: an OCSPResponse in DER. */
  readonly response: Uint8Array | undefined
  readonly nowMilliseconds: number
  /** Whether there has to be a response; without it only a certificate that promises one (RFC 7633) needs it. */
  readonly isRequired: boolean
}

/**
 * Why a server is refused for the state of its certificate. The judge is that of the portable backend, so that both judge alike, and only
 * signatures are verified by the library: its own OCSP_basic_verify would take any responder that the trust store vouches for, always by
 * the machine's clock, and answers of many forms.
 */
export function findStatusError(library: Library, request: StapledStatusRequest): CertificateError | undefined {
  const { native } = library
  const { path, response, nowMilliseconds, isRequired } = request
  if (native.OPENSSL_sk_num(path) < 2) return undefined
  const certificateAt = (depth: number): Pointer => native.OPENSSL_sk_value(path, depth) as Pointer
  const decoded = (depth: number) => decodeCertificate(encodeDER(library, certificateAt(depth), native.i2d_X509))
  try {
    verifyStapledStatus({
      leaf: decoded(0),
      issuer: decoded(1),
      response,
      longestResponseBytes: longestStapledResponseBytes,
      crypto: new LibraryVerifier(library),
      timeMilliseconds: nowMilliseconds,
      isRequired,
    })
    return undefined
  } catch (error) {
    if (error instanceof CertificateError) return error
    if (!(error instanceof DecodeError)) throw error
    // OpenSSL takes certificates of forms that the judge does not, and where nobody wants to know their state they will do.
    if (response === undefined && !isRequired && !promisesStatus(native, certificateAt(0))) return undefined
    return new CertificateError(
      'revocation-unknown',
      `the state of the peer's certificate cannot be judged: ${error.message}`,
      {
        alert: 'bad_certificate_status_response',
        depth: 0,
        subject: subjectOf(library, certificateAt(0)),
        cause: error,
      },
    )
  }
}

function promisesStatus(native: Native, leaf: Pointer): boolean {
  const features = native.X509_get_ext_d2i(leaf, NID.tlsfeature, null, null)
  if (features === null) return false
  try {
    for (let index = 0; index < native.OPENSSL_sk_num(features); index++) {
      if (native.ASN1_INTEGER_get(native.OPENSSL_sk_value(features, index)) === statusRequest) return true
    }
    return false
  } finally {
    native.TLS_FEATURE_free(features)
  }
}

/** The number of the extension `status_request`: RFC 6066, Section 8. */
const statusRequest = 5
