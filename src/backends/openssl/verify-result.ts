import type { AlertName } from '../../alerts.ts'
import { CertificateError, type CertificateReason } from '../../errors.ts'
import { namePrintFlags } from './constants.ts'
import { encodeStack } from './facts.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/** What X509_verify_cert objected to. */
export interface VerifyFailure {
  readonly code: number
  readonly depth: number
  /** The subject of the certificate in question. */
  readonly subject: string | undefined
  /** What the peer sent, DER, its own certificate first. */
  readonly peerChain: readonly Uint8Array[]
}

export function readVerifyFailure(library: Library, storeContext: Pointer): VerifyFailure {
  const { native } = library
  const certificate = native.X509_STORE_CTX_get_current_cert(storeContext)
  return {
    code: native.X509_STORE_CTX_get_error(storeContext),
    depth: native.X509_STORE_CTX_get_error_depth(storeContext),
    subject: certificate === null ? undefined : subjectOf(library, certificate),
    peerChain: encodeStack(library, native.X509_STORE_CTX_get0_untrusted(storeContext)),
  }
}

/** The subject as a string in the manner of RFC 4514; `undefined` where it is empty. */
export function subjectOf({ native }: Library, certificate: Pointer): string | undefined {
  const bio = native.BIO_new(native.BIO_s_mem())
  if (bio === null) return undefined
  try {
    native.X509_NAME_print_ex(bio, native.X509_get_subject_name(certificate), 0, namePrintFlags)
    const text = Buffer.alloc(native.BIO_ctrl_pending(bio))
    native.BIO_read(bio, text, text.length)
    return text.length === 0 ? undefined : text.toString('utf8')
  } finally {
    native.BIO_free(bio)
  }
}

export function certificateErrorOf(
  library: Library,
  failure: VerifyFailure,
  serverName: string | undefined,
): CertificateError {
  const { reason, alert } = verdicts.get(failure.code) ?? { reason: 'other', alert: 'certificate_unknown' }
  const text = library.native.X509_verify_cert_error_string(failure.code) ?? `code ${failure.code}`
  const wanted = reason === 'wrong-host' && serverName !== undefined ? ` (wanted: ${serverName})` : ''
  return new CertificateError(reason, `the peer's certificate was not accepted: ${text}${wanted}`, {
    alert,
    depth: failure.depth,
    subject: failure.subject,
    peerChain: failure.peerChain,
    hint: hints[reason],
  })
}

const hints: { readonly [R in CertificateReason]?: string } = {
  'unknown-issuer':
    'trust the authority that issued it (trustStore), or have the server send its intermediate certificates',
  'self-signed': 'if it is the certificate that you expect, trust exactly it: TrustStore.fromCertificates',
  'self-signed-in-chain': 'the chain ends at an authority that is not in the trust store',
  expired: 'have the certificate renewed, or check the clock of this machine',
  'revocation-unknown':
    'give the current list of the issuer, and of every authority above it (revocation.lists), or say what is to be checked',
  'not-yet-valid': 'check the clock of this machine',
  'wrong-host': 'connect to a name that the certificate is for, or say which one with serverName',
  missing: 'the peer has to be configured with a certificate',
}

/**
 * The reasons behind OpenSSL's codes, and the alert that it sends for each: both by the tables of its sources
 * (x509_vfy.h; ssl_x509err2alert).
 */
const verdicts: ReadonlyMap<number, { readonly reason: CertificateReason; readonly alert: AlertName }> = new Map([
  [2, verdict('unknown-issuer', 'unknown_ca')],
  [3, verdict('revocation-unknown', 'unknown_ca')],
  [4, verdict('bad-signature', 'bad_certificate')],
  [6, verdict('malformed', 'bad_certificate')],
  [7, verdict('bad-signature', 'decrypt_error')],
  [8, verdict('revocation-unknown', 'decrypt_error')],
  [9, verdict('not-yet-valid', 'bad_certificate')],
  [10, verdict('expired', 'certificate_expired')],
  [11, verdict('revocation-unknown', 'bad_certificate')],
  [12, verdict('revocation-unknown', 'certificate_expired')],
  [13, verdict('malformed', 'bad_certificate')],
  [14, verdict('malformed', 'bad_certificate')],
  [18, verdict('self-signed', 'unknown_ca')],
  [19, verdict('self-signed-in-chain', 'unknown_ca')],
  [20, verdict('unknown-issuer', 'unknown_ca')],
  [21, verdict('unknown-issuer', 'unknown_ca')],
  [22, verdict('chain-too-complex', 'unknown_ca')],
  [23, verdict('revoked', 'certificate_revoked')],
  [24, verdict('malformed', 'certificate_unknown')],
  [25, verdict('path-too-long', 'unknown_ca')],
  [26, verdict('wrong-purpose', 'unsupported_certificate')],
  [27, verdict('unknown-issuer', 'bad_certificate')],
  [28, verdict('vetoed', 'bad_certificate')],
  [32, verdict('wrong-key-usage', 'certificate_unknown')],
  [33, verdict('revocation-unknown', 'certificate_unknown')],
  [34, verdict('unknown-critical-extension', 'certificate_unknown')],
  [35, verdict('revocation-unknown', 'certificate_unknown')],
  [36, verdict('revocation-unknown', 'certificate_unknown')],
  [37, verdict('not-an-authority', 'certificate_unknown')],
  [39, verdict('wrong-key-usage', 'certificate_unknown')],
  [41, verdict('malformed', 'certificate_unknown')],
  [42, verdict('malformed', 'certificate_unknown')],
  [44, verdict('revocation-unknown', 'certificate_unknown')],
  [46, verdict('malformed', 'certificate_unknown')],
  [47, verdict('name-constraints', 'certificate_unknown')],
  [48, verdict('name-constraints', 'certificate_unknown')],
  [49, verdict('name-constraints', 'certificate_unknown')],
  [51, verdict('name-constraints', 'certificate_unknown')],
  [52, verdict('name-constraints', 'certificate_unknown')],
  [53, verdict('name-constraints', 'certificate_unknown')],
  [54, verdict('revocation-unknown', 'certificate_unknown')],
  [55, verdict('chain-too-complex', 'certificate_unknown')],
  [62, verdict('wrong-host', 'bad_certificate')],
  [64, verdict('wrong-host', 'bad_certificate')],
  [66, verdict('weak-key', 'bad_certificate')],
  [67, verdict('weak-key', 'bad_certificate')],
  [68, verdict('weak-signature', 'bad_certificate')],
  [76, verdict('weak-signature', 'certificate_unknown')],
  [77, verdict('malformed', 'certificate_unknown')],
  [78, verdict('malformed', 'certificate_unknown')],
  [79, verdict('not-an-authority', 'unknown_ca')],
  [80, verdict('malformed', 'certificate_unknown')],
  [94, verdict('weak-key', 'bad_certificate')],
])

function verdict(
  reason: CertificateReason,
  alert: AlertName,
): { readonly reason: CertificateReason; readonly alert: AlertName } {
  return { reason, alert }
}
