import { DecodeError } from '../codec/decode-error.ts'
import type { HashAlgorithm } from '../crypto/algorithms.ts'
import { CertificateError } from '../errors.ts'
import { equalBytes, type X509Certificate } from './certificate.ts'
import { type CheckContext, chooseKey } from './certificate-checks.ts'
import { type CertificateFault, certificateError } from './certificate-fault.ts'
import { KeyUsage } from './extensions.ts'
import { revokedFault } from './revocation.ts'
import type { StatusVerifier } from './signature-verifier.ts'
import {
  type CertificateId,
  type CertificateStatus,
  decodeStatusResponse,
  type ResponderId,
  type StatusResponse,
} from './status-response.ts'
import { formatTime } from './time.ts'

export interface StapledStatusRequest {
  /** Whose status is in question. */
  readonly leaf: X509Certificate
  /** Who vouches for it, in the path that was verified. */
  readonly issuer: X509Certificate
  /** What the server stapled: an OCSPResponse in DER. */
  readonly response: Uint8Array | undefined
  readonly longestResponseBytes: number
  readonly crypto: StatusVerifier
  readonly timeMilliseconds: number
  /** Whether there has to be a response; without it only a certificate that promises one (RFC 7633) needs it. */
  readonly isRequired: boolean
}

/**
 * Verifies what a server staples to its certificate: RFC 6960, Section 3.2. A response that is there has to be a good one, whoever wants
 * it. For a certificate that is trusted itself nobody is to ask: it has no issuer that could say anything.
 * @throws CertificateError with the reason `revoked` or `revocation-unknown`.
 */
export function verifyStapledStatus(request: StapledStatusRequest): void {
  const { leaf, response, isRequired } = request
  if (response === undefined) {
    const isPromised = leaf.extensions.tlsFeatures.includes(statusRequest)
    if (!isRequired && !isPromised) return
    const why = isPromised ? 'promises a stapled status, and there is none' : 'came without a stapled status'
    throw statusError({ reason: 'revocation-unknown', problem: why }, leaf)
  }
  const fault = findStatusFault(response, request)
  if (fault !== undefined) throw statusError(fault, leaf)
}

/** The alert is the one that RFC 6066, Section 8, has for all of it. */
function statusError(fault: CertificateFault, leaf: X509Certificate): CertificateError {
  const error = certificateError(fault, 0, leaf)
  const { depth, subject, cause } = error
  return new CertificateError(error.reason, error.message, {
    alert: 'bad_certificate_status_response',
    depth,
    subject,
    cause,
  })
}

function findStatusFault(
  der: Uint8Array,
  { leaf, issuer, longestResponseBytes, crypto, timeMilliseconds }: StapledStatusRequest,
): CertificateFault | undefined {
  const unknown = (problem: string, cause?: unknown): CertificateFault => ({
    reason: 'revocation-unknown',
    problem: `has a stapled status that cannot be relied on: ${problem}`,
    cause,
  })
  if (der.length > longestResponseBytes) return unknown('it is longer than any responder needs')
  let response: StatusResponse
  try {
    response = decodeStatusResponse(der)
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    return unknown(cause.message, cause)
  }
  const timeSeconds = Math.floor(timeMilliseconds / 1000)
  const context: CheckContext = { crypto, timeSeconds, purpose: 'server-authentication', profile: 'interoperable' }
  const forged = findAuthenticityProblem(response, issuer, crypto, context)
  if (forged !== undefined) return unknown(forged)
  let problem = 'it is about another certificate'
  let isGood = false
  for (const entry of response.entries.filter(({ id }) => isAbout(id, leaf, issuer, crypto))) {
    if (entry.unknownCritical !== undefined) return unknown(unknownCriticalProblem(entry.unknownCritical))
    // A certificate that was revoked stays so, whatever the age of the answer.
    if (typeof entry.status === 'object') return revokedFault(entry.status)
    const stale = findCurrencyProblem(entry, timeSeconds)
    if (stale !== undefined) problem = stale
    else if (entry.status === 'good') isGood = true
    else problem = 'the responder does not know the certificate'
  }
  return isGood ? undefined : unknown(problem)
}

/** RFC 6960, Section 4.2.2.2: the issuer itself has signed, or somebody whom the issuer itself has named for it. */
function findAuthenticityProblem(
  response: StatusResponse,
  issuer: X509Certificate,
  crypto: StatusVerifier,
  context: CheckContext,
): string | undefined {
  if (response.unknownCritical !== undefined) return unknownCriticalProblem(response.unknownCritical)
  const { signatureChoice } = response
  const { algorithm } = signatureChoice
  if (algorithm === undefined) return `its signature is by ${signatureChoice.name}, which is not accepted`
  let problem = 'its signer is not the issuer of the certificate, nor named by it'
  for (const signer of [issuer, ...response.certificates]) {
    const { key } = chooseKey(signer, crypto)
    if (key === undefined || !isResponder(response.responder, signer, key.subjectPublicKey, crypto)) continue
    const unfit = signer === issuer ? undefined : findDelegationProblem(signer, issuer, context)
    if (unfit !== undefined) problem = unfit
    else if (crypto.verifyWith(algorithm, key, response.tbs, response.signature)) return undefined
    else problem = 'its signature is wrong'
  }
  return problem
}

function unknownCriticalProblem(oid: string): string {
  return `a critical extension of it is not known: ${oid}`
}

function isResponder(id: ResponderId, signer: X509Certificate, publicKey: Uint8Array, crypto: StatusVerifier): boolean {
  return 'nameKey' in id ? id.nameKey === signer.subject.key : equalBytes(id.keyHash, crypto.sha1(publicKey))
}

function findDelegationProblem(
  signer: X509Certificate,
  issuer: X509Certificate,
  { crypto, timeSeconds }: CheckContext,
): string | undefined {
  const { extendedKeyUsage, keyUsage, unknownCritical } = signer.extensions
  if (signer.issuer.key !== issuer.subject.key) return "its signer's certificate is by another issuer"
  if (!extendedKeyUsage?.includes(ocspSigning)) return 'its signer is not named for this purpose (OCSPSigning)'
  if (keyUsage !== undefined && (keyUsage & KeyUsage.digitalSignature) === 0) return 'its signer may not sign'
  // That nobody needs to check the responder's own certificate is what is done anyway: RFC 6960, Section 4.2.2.2.1.
  if (unknownCritical.some((oid) => oid !== noCheck))
    return `its signer's certificate has a critical extension that is not known`
  if (timeSeconds < signer.notBefore.seconds || timeSeconds > signer.notAfter.seconds)
    return "its signer's certificate is not valid now"
  const { algorithm } = signer.signatureChoice
  const { key } = chooseKey(issuer, crypto)
  if (algorithm === undefined || key === undefined)
    return "its signer's certificate is signed in a way that is not accepted"
  return crypto.verifyWith(algorithm, key, signer.tbs, signer.signature)
    ? undefined
    : "the signature of its signer's certificate is wrong"
}

function isAbout(id: CertificateId, leaf: X509Certificate, issuer: X509Certificate, crypto: StatusVerifier): boolean {
  if (!equalBytes(id.serialNumber, leaf.serialNumber)) return false
  const { key } = chooseKey(issuer, crypto)
  const hash = hashFor(id.hashOid, crypto)
  if (key === undefined || hash === undefined) return false
  return (
    equalBytes(id.issuerNameHash, hash(leaf.issuer.encoding)) &&
    equalBytes(id.issuerKeyHash, hash(key.subjectPublicKey))
  )
}

function hashFor(oid: string, crypto: StatusVerifier): ((data: Uint8Array) => Uint8Array) | undefined {
  if (oid === sha1) return (data) => crypto.sha1(data)
  const algorithm = hashes.get(oid)
  return algorithm && ((data) => crypto.digest(algorithm, data))
}

function findCurrencyProblem(
  { thisUpdateSeconds, nextUpdateSeconds }: CertificateStatus,
  timeSeconds: number,
): string | undefined {
  if (timeSeconds + skewSeconds < thisUpdateSeconds) return `it begins on ${formatTime(thisUpdateSeconds)} only`
  const end = nextUpdateSeconds ?? thisUpdateSeconds + longestSeconds
  return timeSeconds - skewSeconds > end ? `a newer one was due on ${formatTime(end)}` : undefined
}

/** The number of the extension `status_request`: RFC 6066, Section 8. */
const statusRequest = 5
/** id-kp-OCSPSigning. */
const ocspSigning = '1.3.6.1.5.5.7.3.9'
/** id-pkix-ocsp-nocheck. */
const noCheck = '1.3.6.1.5.5.7.48.1.5'
const sha1 = '1.3.14.3.2.26'
const hashes: ReadonlyMap<string, HashAlgorithm> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])

/** By how much clocks may differ. */
const skewSeconds = 300
/** How long an answer counts that does not say when the next one is due. */
const longestSeconds = 7 * 24 * 60 * 60
