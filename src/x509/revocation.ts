import { equalBytes, type X509Certificate } from './certificate.ts'
import type { CheckContext, KeyChoice } from './certificate-checks.ts'
import type { CertificateFault } from './certificate-fault.ts'
import { ExtensionId, KeyUsage } from './extensions.ts'
import { type RevocationList, type RevokedCertificate, serialKey } from './revocation-list.ts'
import { formatTime } from './time.ts'
import type { WorkBudget } from './work-budget.ts'

/** What to do with the revocation lists that the application gives. */
export interface RevocationPolicy {
  readonly lists: readonly RevocationList[]
  /**
   * Of a certificate whose issuer has no list among these. A list that is there, and is out of date or wrongly signed, is refused always.
   */
  readonly missing: 'accept' | 'reject'
  /** The peer's own certificate only, or every certificate but the anchor (default). */
  readonly scope?: 'leaf' | 'path'
}

/**
 * Why a certificate cannot be relied on, by the lists of its issuer: RFC 5280, Section 6.3.3, for complete lists that the certificate's
 * own issuer signed. The newest that is authentic and current decides: a certificate that was on hold is good again once it is off the
 * list. Where none is current, one that names the certificate counts all the same.
 */
export function findRevocationFault(
  certificate: X509Certificate,
  issuer: X509Certificate,
  issuerKey: KeyChoice,
  policy: RevocationPolicy,
  context: CheckContext,
  budget: WorkBudget,
): CertificateFault | undefined {
  const lists = policy.lists.filter((list) => covers(list, certificate, issuer))
  if (lists.length === 0) {
    if (policy.missing === 'accept') return undefined
    return {
      reason: 'revocation-unknown',
      problem: 'cannot be checked: no revocation list of its issuer is configured',
    }
  }
  let unusable: string | undefined
  let revoked: RevokedCertificate | undefined
  for (const list of lists.sort((a, b) => b.thisUpdateSeconds - a.thisUpdateSeconds)) {
    const forged = findAuthenticityProblem(list, issuer, issuerKey, context, budget)
    if (forged !== undefined) {
      unusable ??= forged
      continue
    }
    const entry = list.entries.get(serialKey(certificate.serialNumber))
    const stale = findCurrencyProblem(list, context)
    if (stale === undefined) return entry && revokedFault(entry)
    unusable ??= stale
    revoked ??= entry
  }
  if (revoked !== undefined) return revokedFault(revoked)
  return { reason: 'revocation-unknown', problem: `cannot be checked: of its issuer's revocation list, ${unusable}` }
}

export function revokedFault({ revokedSeconds, reasonCode }: RevokedCertificate): CertificateFault {
  const why = REASONS[reasonCode ?? 0]
  return { reason: 'revoked', problem: `was revoked on ${formatTime(revokedSeconds)}${why ? ` (${why})` : ''}` }
}

/** Whether a list is by this issuer and about such certificates. */
function covers(list: RevocationList, certificate: X509Certificate, issuer: X509Certificate): boolean {
  if (list.issuer.key !== certificate.issuer.key) return false
  const issuerId = issuer.extensions.subjectKeyIdentifier
  const listId = list.authorityKeyIdentifier
  if (issuerId !== undefined && listId !== undefined && !equalBytes(issuerId, listId)) return false
  const point = list.distributionPoint
  if (point === undefined) return true
  const authority = certificate.extensions.basicConstraints?.isAuthority === true
  if ((point.onlyUsers && authority) || (point.onlyAuthorities && !authority)) return false
  const wanted = certificate.extensions.distributionPoints
  return point.names === undefined || point.names.some((name) => wanted.some((other) => equalBytes(name, other)))
}

function findAuthenticityProblem(
  list: RevocationList,
  issuer: X509Certificate,
  issuerKey: KeyChoice,
  context: CheckContext,
  budget: WorkBudget,
): string | undefined {
  if (list.unusable !== undefined) return list.unusable
  const { keyUsage } = issuer.extensions
  if (keyUsage !== undefined && (keyUsage & KeyUsage.cRLSign) === 0) return 'the issuer may not sign any (cRLSign)'
  const { algorithm } = list.signatureChoice
  if (algorithm === undefined) return `the signature is by ${list.signatureChoice.name}, which is not accepted`
  if (issuerKey.key === undefined) return `the issuer ${issuerKey.fault.problem}`
  const verifiedWith = verified.get(list)
  if (verifiedWith !== undefined && equalBytes(verifiedWith, issuer.subjectPublicKeyInfo)) return undefined
  budget.spend('signatureChecks')
  if (!context.crypto.verifyWith(algorithm, issuerKey.key, list.tbs, list.signature)) return 'the signature is wrong'
  verified.set(list, issuer.subjectPublicKeyInfo)
  return undefined
}

function findCurrencyProblem(list: RevocationList, { timeSeconds, profile }: CheckContext): string | undefined {
  if (timeSeconds < list.thisUpdateSeconds) return `it begins on ${formatTime(list.thisUpdateSeconds)} only`
  if (list.nextUpdateSeconds !== undefined && timeSeconds > list.nextUpdateSeconds) {
    return `a newer one was due on ${formatTime(list.nextUpdateSeconds)}`
  }
  if (profile !== 'strict') return undefined
  if (list.version !== 2 || list.nextUpdateSeconds === undefined) return 'it has no version 2, or no time of the next'
  const number = list.extensions.find(({ oid }) => oid === ExtensionId.crlNumber)
  if (number === undefined || number.critical) return 'its number is missing or critical'
  return undefined
}

/** Lists whose signature was right, and by which key: a list serves many handshakes, and one check is enough. */
const verified = new WeakMap<RevocationList, Uint8Array>()

/** RFC 5280, Section 5.3.1. */
const REASONS: { readonly [code: number]: string } = {
  1: 'key compromise',
  2: 'compromise of the authority',
  3: 'affiliation changed',
  4: 'superseded',
  5: 'cessation of operation',
  6: 'on hold',
  9: 'privilege withdrawn',
  10: 'compromise of the attribute authority',
}
