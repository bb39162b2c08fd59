import { X509Certificate } from 'node:crypto'
import type { AlertName } from '../../alerts.ts'
import { CertificateError, type CertificateReason } from '../../errors.ts'
import { TrustError, trustInfoSelfSigned } from './constants.ts'
import type { CertificateChain, ChainElement } from './native.ts'
import { subjectOf } from './sources.ts'
import { Status, statusName } from './status.ts'

/** Why Windows does not accept a certificate, in this library's words. */
export interface TrustFault {
  readonly reason: CertificateReason
  /** Where in the chain: 0 is the peer's own certificate. */
  readonly depth: number
  /** Windows' own word for it, where it has one. */
  readonly detail: string | undefined
  /** The certificate in question, DER, where it is not one that the peer sent. */
  readonly certificate?: Uint8Array
}

/** What is wrong with one of these certificates, apart from whether anybody trusts the last. Signatures first, then from the top down. */
export function firstFault(elements: readonly ChainElement[], now: number): TrustFault | undefined {
  const descending = elements.map((element, depth) => ({ element, depth })).reverse()
  const forged = descending.find(({ element }) => (element.errorStatus & TrustError.IS_NOT_SIGNATURE_VALID) !== 0)
  if (forged !== undefined) return faultAt(forged.element, forged.depth, 'bad-signature')
  for (const { element, depth } of descending) {
    const reason = reasonOf(element, now)
    // What is constrained by an authority is the name of the peer, at whichever of the two Windows notes it.
    if (reason === 'name-constraints') return faultAt(elements[0] ?? element, 0, reason)
    if (reason !== undefined) return faultAt(element, depth, reason)
  }
  return undefined
}

/** Whether the chain ends where it may: with what the caller gave it does not, and of Windows' own trust its status tells. */
export function faultOfTrust({ elements, errorStatus }: CertificateChain, isGiven: boolean): TrustFault | undefined {
  const isUntrusted = (errorStatus & (TrustError.IS_UNTRUSTED_ROOT | TrustError.IS_PARTIAL_CHAIN)) !== 0
  if (!isGiven && !isUntrusted) {
    // Bits that belong to no certificate, such as a cycle.
    const rest = errorStatus & ~(passedOver | everyReason)
    return rest === 0 ? undefined : { reason: 'other', depth: 0, detail: hexOf(rest) }
  }
  const depth = Math.max(0, elements.length - 1)
  const top = elements[depth]
  const isSelfSigned = top !== undefined && (top.infoStatus & trustInfoSelfSigned) !== 0
  if (!isSelfSigned) return { reason: 'unknown-issuer', depth, detail: undefined }
  return top && faultAt(top, depth, depth === 0 ? 'self-signed' : 'self-signed-in-chain')
}

/**
 * What the policy for SSL objects to. What it says of certificates above the anchor, or of trust where the chain has met an anchor, has been
 * judged already.
 */
export function faultOfPolicy(error: number, elementIndex: number, anchor: number): TrustFault | undefined {
  const reason = reasonsOfPolicy.get(error >>> 0) ?? 'other'
  if (anchor >= 0 && (elementIndex > anchor || reason === 'unknown-issuer')) return undefined
  return { reason, depth: Math.max(0, elementIndex), detail: statusName(error) }
}

export function certificateErrorOf(
  { reason, depth, detail, certificate }: TrustFault,
  peerChain: readonly Uint8Array[],
  { serverName, alert }: { readonly serverName: string | undefined; readonly alert: AlertName | undefined },
): CertificateError {
  const wanted = reason === 'wrong-host' && serverName !== undefined ? ` (wanted: ${serverName})` : ''
  const native = detail === undefined ? '' : ` (${detail})`
  const inQuestion = certificate ?? peerChain[depth]
  return new CertificateError(reason, `the peer's certificate was not accepted: ${words[reason]}${wanted}${native}`, {
    alert,
    depth,
    subject: inQuestion && subjectOf(inQuestion),
    peerChain,
    hint: hints[reason],
  })
}

function faultAt(element: ChainElement, depth: number, reason: CertificateReason): TrustFault {
  return { reason, depth, detail: hexOf(element.errorStatus), certificate: element.certificate }
}

function reasonOf(element: ChainElement, now: number): CertificateReason | undefined {
  const status = element.errorStatus & ~passedOver
  if (status === 0) return undefined
  if ((status & TrustError.IS_NOT_TIME_VALID) !== 0) return isEarly(element, now) ? 'not-yet-valid' : 'expired'
  if ((status & TrustError.INVALID_BASIC_CONSTRAINTS) !== 0) {
    return new X509Certificate(element.certificate).ca ? 'path-too-long' : 'not-an-authority'
  }
  return reasonsOfBits.find(([bits]) => (status & bits) !== 0)?.[1] ?? 'other'
}

/** Whether a certificate that is out of its time is too new, not too old. */
function isEarly({ certificate }: ChainElement, now: number): boolean {
  return now < Date.parse(new X509Certificate(certificate).validFrom)
}

/** Revocation is not asked for, and trust is judged by itself. */
const passedOver =
  TrustError.IS_UNTRUSTED_ROOT |
  TrustError.IS_PARTIAL_CHAIN |
  TrustError.REVOCATION_STATUS_UNKNOWN |
  TrustError.IS_OFFLINE_REVOCATION

/** What each of the other bits means, in the order in which they count. */
const reasonsOfBits: readonly (readonly [bits: number, reason: CertificateReason])[] = [
  [TrustError.IS_REVOKED, 'revoked'],
  [
    TrustError.INVALID_NAME_CONSTRAINTS |
      TrustError.HAS_NOT_SUPPORTED_NAME_CONSTRAINT |
      TrustError.HAS_NOT_DEFINED_NAME_CONSTRAINT |
      TrustError.HAS_NOT_PERMITTED_NAME_CONSTRAINT |
      TrustError.HAS_EXCLUDED_NAME_CONSTRAINT,
    'name-constraints',
  ],
  [TrustError.HAS_NOT_SUPPORTED_CRITICAL_EXT, 'unknown-critical-extension'],
  [TrustError.INVALID_EXTENSION, 'malformed'],
  [TrustError.IS_NOT_VALID_FOR_USAGE, 'wrong-purpose'],
  [TrustError.HAS_WEAK_SIGNATURE, 'weak-signature'],
  [TrustError.IS_CYCLIC, 'unknown-issuer'],
]

const everyReason =
  reasonsOfBits.reduce((bits, [each]) => bits | each, 0) |
  TrustError.IS_NOT_TIME_VALID |
  TrustError.IS_NOT_SIGNATURE_VALID |
  TrustError.INVALID_BASIC_CONSTRAINTS

/** What CertVerifyCertificateChainPolicy answers for CERT_CHAIN_POLICY_SSL, by its documentation. */
const reasonsOfPolicy: ReadonlyMap<number, CertificateReason> = new Map<number, CertificateReason>([
  [Status.CERT_E_EXPIRED, 'expired'],
  [Status.CERT_E_VALIDITYPERIODNESTING, 'expired'],
  [Status.CERT_E_ROLE, 'not-an-authority'],
  [Status.TRUST_E_BASIC_CONSTRAINTS, 'not-an-authority'],
  [Status.CERT_E_PATHLENCONST, 'path-too-long'],
  [Status.CERT_E_CRITICAL, 'unknown-critical-extension'],
  [Status.CERT_E_PURPOSE, 'wrong-purpose'],
  [Status.CERT_E_WRONG_USAGE, 'wrong-purpose'],
  [Status.CERT_E_MALFORMED, 'malformed'],
  [Status.CERT_E_UNTRUSTEDROOT, 'unknown-issuer'],
  [Status.CERT_E_UNTRUSTEDCA, 'unknown-issuer'],
  [Status.CERT_E_CHAINING, 'unknown-issuer'],
  [Status.CERT_E_REVOKED, 'revoked'],
  [Status.CRYPT_E_REVOKED, 'revoked'],
  [Status.CERT_E_REVOCATION_FAILURE, 'revocation-unknown'],
  [Status.CRYPT_E_NO_REVOCATION_CHECK, 'revocation-unknown'],
  [Status.CRYPT_E_REVOCATION_OFFLINE, 'revocation-unknown'],
  [Status.CERT_E_CN_NO_MATCH, 'wrong-host'],
  [Status.CERT_E_INVALID_NAME, 'name-constraints'],
  [Status.TRUST_E_CERT_SIGNATURE, 'bad-signature'],
])

const words: { readonly [R in CertificateReason]: string } = {
  missing: 'there is none',
  malformed: 'it is malformed',
  expired: 'it has expired',
  'not-yet-valid': 'it is not valid yet',
  'unknown-issuer': 'nobody that is trusted has issued it',
  'self-signed': 'it is its own issuer, and not trusted',
  'self-signed-in-chain': 'its chain ends at an authority that is not trusted',
  'bad-signature': 'the signature on it is wrong',
  'weak-signature': 'the signature on it is weak',
  'weak-key': 'its key is weak',
  'not-an-authority': 'its issuer is no authority',
  'path-too-long': 'an authority in its chain may not have so many below it',
  'wrong-key-usage': 'its key is not for this',
  'wrong-purpose': 'it is for another purpose',
  'name-constraints': 'its authority may not vouch for its names',
  'unknown-critical-extension': 'it has a critical extension that is not understood',
  'wrong-host': 'it is for another host',
  revoked: 'it was revoked',
  'revocation-unknown': 'whether it was revoked cannot be found out',
  'chain-too-complex': 'its chain is too complex',
  vetoed: 'the application refused it',
  other: 'Windows does not say more',
}

const hints: { readonly [R in CertificateReason]?: string } = {
  'unknown-issuer':
    'trust the authority that issued it (trustStore), or have the server send its intermediate certificates',
  'self-signed': 'if it is the certificate that you expect, trust exactly it: TrustStore.fromCertificates',
  'self-signed-in-chain': 'the chain ends at an authority that is not in the trust store',
  expired: 'have the certificate renewed, or check the clock of this machine',
  'not-yet-valid': 'check the clock of this machine',
  'wrong-host': 'connect to a name that the certificate is for, or say which one with serverName',
}

function hexOf(status: number): string {
  return `CERT_TRUST_STATUS 0x${(status >>> 0).toString(16)}`
}
