import { certificateAlert } from '../alerts.ts'
import { CertificateError, type CertificateReason } from '../errors.ts'
import type { X509Certificate } from './certificate.ts'
import type { DistinguishedName } from './distinguished-name.ts'

/** Why a certificate cannot be in its place: found by a rule, not yet thrown, because another path may do without it. */
export interface CertificateFault {
  readonly reason: CertificateReason
  /** What is wrong, as it reads after `the certificate of CN=… (depth 1)`. */
  readonly problem: string
  readonly cause?: unknown
}

/** The error for a fault, which names the certificate by depth and subject and gives the alert for the peer. */
export function certificateError(
  fault: CertificateFault,
  depth: number,
  certificate?: X509Certificate,
): CertificateError {
  const subject = certificate?.subject.isEmpty === false ? shortName(certificate.subject) : undefined
  const name =
    subject !== undefined ? `the certificate of ${subject}` : `the ${depth === 0 ? "peer's " : ''}certificate`
  return new CertificateError(fault.reason, `${name} (depth ${depth}) ${fault.problem}`, {
    alert: certificateAlert[fault.reason],
    depth,
    subject,
    hint: HINTS[fault.reason],
    cause: fault.cause,
  })
}

/** A name for messages: a peer may send one of any length, and logs need not carry it. */
export function shortName(name: DistinguishedName): string {
  const text = name.toString()
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}

const HINTS: { readonly [R in CertificateReason]?: string } = {
  expired: 'if the certificate should be valid, compare the clock of this machine',
  'not-yet-valid': 'if the certificate should be valid, compare the clock of this machine',
  'unknown-issuer':
    'either the peer does not send its intermediate certificates, or the authority is not among those that are trusted',
  'self-signed': 'to talk to this one peer, trust exactly this certificate: TrustStore.fromCertificates',
  'self-signed-in-chain':
    'the peer sends the certificate of its own authority: if it is yours, add it to the trust store',
  'wrong-host': 'connect by one of the names in the certificate, or give that name as the server name',
  'weak-signature': 'have the certificate issued again, with SHA-256 or better',
  'weak-key': 'use RSA with 2048 bits or more, P-256, P-384, P-521, Ed25519 or Ed448',
}
