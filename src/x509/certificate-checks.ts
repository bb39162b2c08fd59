import type { PublicKey } from '../crypto/provider.ts'
import { isSelfIssued, type X509Certificate } from './certificate.ts'
import type { CertificateFault } from './certificate-fault.ts'
import { findNonconformance, type Position, type VerificationProfile } from './conformance.ts'
import { KeyUsage } from './extensions.ts'
import type { GeneralName } from './general-name.ts'
import { describeServerNames, matchesServerIdentity, type ServerIdentity } from './server-identity.ts'
import type { SignatureVerifier } from './signature-verifier.ts'
import { formatTime } from './time.ts'

/** What a certificate is to prove. */
export type PathPurpose = 'server-authentication' | 'client-authentication'

/** What every certificate of a path is measured by. */
export interface CheckContext {
  readonly crypto: SignatureVerifier
  readonly purpose: PathPurpose
  readonly timeSeconds: number
  readonly profile: VerificationProfile
}

export const MINIMUM_RSA_BITS = 2048

/** A public key that policy accepts, or why not. */
export type KeyChoice =
  | { readonly key: PublicKey; readonly fault: undefined }
  | { readonly key: undefined; readonly fault: CertificateFault }

/**
 * Imports the certificate's key and applies the policy on keys: RSA from 2048 bits, the curves and Edwards keys that the provider has.
 * Done once for a certificate and provider: importing costs as much as verifying with some providers, and anchors live long.
 */
export function chooseKey(certificate: X509Certificate, crypto: SignatureVerifier): KeyChoice {
  let choices = keyChoices.get(crypto)
  if (choices === undefined) {
    choices = new WeakMap()
    keyChoices.set(crypto, choices)
  }
  let choice = choices.get(certificate)
  if (choice === undefined) {
    choice = importKey(certificate, crypto)
    choices.set(certificate, choice)
  }
  return choice
}
const keyChoices = new WeakMap<SignatureVerifier, WeakMap<X509Certificate, KeyChoice>>()

function importKey(certificate: X509Certificate, crypto: SignatureVerifier): KeyChoice {
  const imported = crypto.importPublicKey(certificate.subjectPublicKeyInfo)
  if (imported.key === undefined) {
    const malformed = imported.fault === 'malformed'
    const problem = `has a key that is ${malformed ? 'malformed' : 'not accepted'}: ${imported.reason}`
    return { key: undefined, fault: { reason: malformed ? 'malformed' : 'weak-key', problem } }
  }
  const { algorithm } = imported.key
  if ((algorithm.type === 'rsa' || algorithm.type === 'rsa-pss') && algorithm.bits < MINIMUM_RSA_BITS) {
    const problem = `has an RSA key of ${algorithm.bits} bits, less than ${MINIMUM_RSA_BITS}`
    return { key: undefined, fault: { reason: 'weak-key', problem } }
  }
  return { key: imported.key, fault: undefined }
}

/**
 * Why this certificate cannot be an issuer in any path, or `undefined`: what does not depend on the certificates below it. RFC 5280,
 * Section 6.1.4, steps (k) to (o).
 */
export function findIssuerFault(
  certificate: X509Certificate,
  position: 'intermediate' | 'anchor',
  key: KeyChoice,
  context: CheckContext,
): CertificateFault | undefined {
  const { basicConstraints, keyUsage } = certificate.extensions
  const extension = findExtensionFault(certificate)
  if (extension !== undefined) return extension
  // Before extensions there were only roots to trust: an anchor of version 1 that signs itself is one because we were told so.
  const oldRoot = position === 'anchor' && certificate.version === 1 && isSelfIssued(certificate)
  if (!basicConstraints?.isAuthority && !oldRoot) {
    const problem = basicConstraints === undefined ? 'has no basic constraints' : 'is marked as no authority'
    return { reason: 'not-an-authority', problem: `${problem}, and so cannot issue certificates` }
  }
  if (keyUsage !== undefined && (keyUsage & KeyUsage.keyCertSign) === 0) {
    return { reason: 'not-an-authority', problem: 'has a key that may not sign certificates (keyCertSign)' }
  }
  const purpose = findPurposeFault(certificate, context.purpose)
  if (purpose !== undefined) return purpose
  return (
    key.fault ??
    findProfileFault(certificate, position, key, context) ??
    findValidityFault(certificate, context.timeSeconds)
  )
}

/** What the peer's own certificate has to meet besides being issued properly. */
export interface LeafRequirements {
  /** `undefined`: any name will do. */
  readonly serverIdentity: ServerIdentity | undefined
  /** Whether a key usage, if there is one, must allow signing, as TLS 1.3 demands: RFC 9846, Section 4.4.2.2. */
  readonly mustSign: boolean
}

/** Why the peer's own certificate does not do, once a path is known: in the order in which OpenSSL looks, so that reasons agree. */
export function findLeafFault(
  certificate: X509Certificate,
  key: KeyChoice,
  context: CheckContext,
  { serverIdentity, mustSign }: LeafRequirements,
): CertificateFault | undefined {
  return (
    findExtensionFault(certificate) ??
    findPurposeFault(certificate, context.purpose) ??
    (mustSign ? findSigningFault(certificate) : undefined) ??
    key.fault ??
    findProfileFault(certificate, 'leaf', key, context) ??
    (serverIdentity === undefined ? undefined : findNameFault(certificate, serverIdentity)) ??
    findValidityFault(certificate, context.timeSeconds)
  )
}

/** A key for signatures or for key exchange serves no TLS at all without them; one for key exchange only, no TLS as we speak it. */
function findSigningFault({ extensions: { keyUsage } }: X509Certificate): CertificateFault | undefined {
  if (keyUsage === undefined || (keyUsage & KeyUsage.digitalSignature) !== 0) return undefined
  const exchanges = (keyUsage & (KeyUsage.keyEncipherment | KeyUsage.keyAgreement)) !== 0
  const problem = 'has a key that may not sign handshakes (digitalSignature)'
  return { reason: exchanges ? 'wrong-key-usage' : 'wrong-purpose', problem }
}

function findNameFault({ extensions }: X509Certificate, identity: ServerIdentity): CertificateFault | undefined {
  const names = extensions.subjectAlternativeName ?? []
  if (matchesServerIdentity(names, identity)) return undefined
  const wanted: GeneralName =
    identity.kind === 'ip' ? { form: 'ip', bytes: identity.bytes } : { form: 'dns', value: identity.domain }
  const problem = `is not for ${describeServerNames([wanted])}: it names ${describeServerNames(names)}`
  return { reason: 'wrong-host', problem }
}

/** RFC 5280, Section 4.1.2.5: both ends belong to the period. */
function findValidityFault({ notBefore, notAfter }: X509Certificate, time: number): CertificateFault | undefined {
  if (time < notBefore.seconds) {
    const problem = `is valid from ${formatTime(notBefore.seconds)}, and it is ${formatTime(time)}`
    return { reason: 'not-yet-valid', problem }
  }
  if (time > notAfter.seconds) {
    return { reason: 'expired', problem: `expired on ${formatTime(notAfter.seconds)}, and it is ${formatTime(time)}` }
  }
  return undefined
}

function findExtensionFault({ extensions }: X509Certificate): CertificateFault | undefined {
  const [unknown] = extensions.unknownCritical
  if (unknown === undefined) return undefined
  return { reason: 'unknown-critical-extension', problem: `has a critical extension that is not known: ${unknown}` }
}

/** RFC 5280, Section 4.2.1.12; in authorities' certificates a limit on what they may issue, as every browser and OpenSSL have it. */
function findPurposeFault({ extensions }: X509Certificate, purpose: PathPurpose): CertificateFault | undefined {
  const purposes = extensions.extendedKeyUsage
  if (purposes === undefined || purposes.includes(ANY_PURPOSE) || purposes.includes(PURPOSES[purpose])) return undefined
  const what = purpose === 'server-authentication' ? 'servers' : 'clients'
  return {
    reason: 'wrong-purpose',
    problem: `is not for TLS ${what}: its extended key usage has ${purposes.join(', ')}`,
  }
}

function findProfileFault(
  certificate: X509Certificate,
  position: Position,
  key: KeyChoice,
  context: CheckContext,
): CertificateFault | undefined {
  if (context.profile !== 'strict') return undefined
  const problem = findNonconformance(certificate, position, key.key?.algorithm)
  return problem === undefined ? undefined : { reason: 'malformed', problem: `does not follow the profile: ${problem}` }
}

const ANY_PURPOSE = '2.5.29.37.0'
const PURPOSES: { readonly [P in PathPurpose]: string } = {
  'server-authentication': '1.3.6.1.5.5.7.3.1',
  'client-authentication': '1.3.6.1.5.5.7.3.2',
}
