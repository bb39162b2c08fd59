import type { KeyAlgorithm } from '../crypto/algorithms.ts'
import { equalBytes, isSelfIssued, type X509Certificate } from './certificate.ts'
import { isDomainName } from './domain-name.ts'
import { ExtensionId, KeyUsage } from './extensions.ts'
import { hasLeadingDot } from './name-constraints.ts'

/**
 * How far a certificate may deviate from what authorities are told to issue, where nothing depends on it.
 *
 * - `interoperable`: as OpenSSL, Go and rustls by default: everything that validation rests on is checked, and certificates of private
 *   authorities, which lack key identifiers or mark the wrong extensions critical, are accepted.
 * - `strict`: RFC 5280's duties of authorities too, and those of the CA/Browser Forum's Baseline Requirements that a client can see.
 */
export type VerificationProfile = 'interoperable' | 'strict'

export type Position = 'leaf' | 'intermediate' | 'anchor'

/** The first rule of the strict profile that a certificate breaks, in words, or `undefined`. */
export function findNonconformance(
  certificate: X509Certificate,
  position: Position,
  key: KeyAlgorithm | undefined,
): string | undefined {
  const facts: Facts = {
    certificate,
    position,
    key,
    authority: certificate.extensions.basicConstraints?.isAuthority === true,
    selfIssued: isSelfIssued(certificate),
    critical: new Set(certificate.extensions.all.filter(({ critical }) => critical).map(({ oid }) => oid)),
  }
  return RULES.find(([, broken]) => broken(facts))?.[0]
}

interface Facts {
  readonly certificate: X509Certificate
  readonly position: Position
  readonly key: KeyAlgorithm | undefined
  readonly authority: boolean
  readonly selfIssued: boolean
  readonly critical: ReadonlySet<string>
}

/** What the rule says, and whether it is broken. Section numbers are RFC 5280's; BR is the Baseline Requirements, chapter 7. */
const RULES: readonly (readonly [string, (facts: Facts) => boolean])[] = [
  ['the version must be 3 (BR 7.1.1)', ({ certificate }) => certificate.version !== 3],
  [
    // Roots with the serial number 0 are in every trust store.
    'the serial number must be positive (4.1.2.2)',
    ({ certificate, position }) => position !== 'anchor' && certificate.serialNumber.every((byte) => byte === 0),
  ],
  [
    'years before 2050 must be UTCTime (4.1.2.5)',
    ({ certificate: { notBefore, notAfter } }) =>
      [notBefore, notAfter].some(({ generalized, seconds }) => generalized && seconds < YEAR_2050),
  ],
  [
    'the validity must not end before it begins (4.1.2.5)',
    ({ certificate: c }) => c.notAfter.seconds < c.notBefore.seconds,
  ],
  [
    'an authority must have a subject (4.1.2.6)',
    ({ authority, certificate }) => authority && certificate.subject.isEmpty,
  ],
  ...criticalityRules(),
  [
    // Who is above an anchor does not matter.
    'the key identifier of the authority must be given (4.2.1.1)',
    ({ certificate: { extensions }, position, selfIssued }) =>
      position !== 'anchor' && !selfIssued && extensions.authorityKeyIdentifier?.keyIdentifier === undefined,
  ],
  [
    "the authority's issuer and serial number are given both or not at all (4.2.1.1)",
    ({ certificate: { extensions } }) =>
      extensions.authorityKeyIdentifier?.hasIssuer !== extensions.authorityKeyIdentifier?.hasSerial,
  ],
  [
    "a root's authority key identifier must be its own key identifier, and nothing else (BR 7.1.2.1.3)",
    ({ certificate: { extensions }, selfIssued, position }) => {
      const { authorityKeyIdentifier: authority, subjectKeyIdentifier: own } = extensions
      if (position !== 'anchor' || !selfIssued || authority === undefined) return false
      if (authority.keyIdentifier === undefined || own === undefined || authority.hasIssuer) return true
      return !equalBytes(authority.keyIdentifier, own)
    },
  ],
  [
    'an authority must have a subject key identifier (4.2.1.2)',
    ({ authority, certificate }) => authority && certificate.extensions.subjectKeyIdentifier === undefined,
  ],
  [
    'keyCertSign is for authorities, and authorities with a key usage have it (4.2.1.3, 4.2.1.9)',
    ({ authority, certificate: { extensions } }) =>
      extensions.keyUsage !== undefined && authority !== ((extensions.keyUsage & KeyUsage.keyCertSign) !== 0),
  ],
  [
    'a path length is for authorities (4.2.1.9)',
    ({ authority, certificate }) => !authority && certificate.extensions.basicConstraints?.pathLength !== undefined,
  ],
  [
    'name constraints are for authorities (4.2.1.10)',
    ({ authority, certificate }) => !authority && certificate.extensions.nameConstraints !== undefined,
  ],
  [
    'a DNS name constraint must not begin with a dot (4.2.1.10)',
    ({ certificate: { extensions } }) =>
      extensions.nameConstraints !== undefined && hasLeadingDot(extensions.nameConstraints),
  ],
  [
    'DNS names must have the form of host names (4.2.1.6)',
    ({ certificate: { extensions } }) =>
      extensions.subjectAlternativeName?.some(
        (name) => name.form === 'dns' && !isDomainName(name.value.replace(/^\*\./, ''), { strict: true }),
      ) === true,
  ],
  [
    'a root must not have an extended key usage (BR 7.1.2.1.2)',
    ({ position, selfIssued, certificate }) =>
      position === 'anchor' && selfIssued && certificate.extensions.extendedKeyUsage !== undefined,
  ],
  [
    "a peer's extended key usage must not be any (BR 7.1.2.7.10)",
    ({ position, certificate }) =>
      position === 'leaf' && certificate.extensions.extendedKeyUsage?.includes('2.5.29.37.0') === true,
  ],
  [
    'the length of an RSA modulus must be a multiple of 8 bits (BR 6.1.5)',
    ({ key }) => (key?.type === 'rsa' || key?.type === 'rsa-pss') && key.bits % 8 !== 0,
  ],
]

function criticalityRules(): readonly (readonly [string, (facts: Facts) => boolean])[] {
  const mustBe = (oid: string, { critical, certificate }: Facts) =>
    !critical.has(oid) && certificate.extensions.all.some((extension) => extension.oid === oid)
  return [
    [
      'authorityKeyIdentifier must not be critical (4.2.1.1)',
      (f) => f.critical.has(ExtensionId.authorityKeyIdentifier),
    ],
    ['subjectKeyIdentifier must not be critical (4.2.1.2)', (f) => f.critical.has(ExtensionId.subjectKeyIdentifier)],
    [
      'subjectAltName must be critical exactly when the subject is empty (4.2.1.6, BR 7.1.2.7.12)',
      (f) =>
        f.certificate.extensions.subjectAlternativeName !== undefined &&
        f.critical.has(ExtensionId.subjectAlternativeName) !== f.certificate.subject.isEmpty,
    ],
    [
      "an authority's basicConstraints must be critical (4.2.1.9)",
      (f) => f.authority && mustBe(ExtensionId.basicConstraints, f),
    ],
    ['policyConstraints must be critical (4.2.1.11)', (f) => mustBe(ExtensionId.policyConstraints, f)],
    ['inhibitAnyPolicy must be critical (4.2.1.14)', (f) => mustBe(ExtensionId.inhibitAnyPolicy, f)],
    [
      "a peer's extendedKeyUsage must not be critical (BR 7.1.2.7.6)",
      (f) => f.position === 'leaf' && f.critical.has(ExtensionId.extendedKeyUsage),
    ],
  ]
}

const YEAR_2050 = Date.UTC(2050, 0, 1) / 1000
