import { contextTag, DerReader } from '../codec/der.ts'
import { type CertificatePolicies, decodePolicyExtension, isPolicyExtension } from './certificate-policies.ts'
import { decodeGeneralName, decodeGeneralNames, type GeneralName } from './general-name.ts'
import { decodeNameConstraints, type NameConstraints } from './name-constraints.ts'

/** An extension as it stands in a certificate or CRL: RFC 5280, Section 4.1. */
export interface Extension {
  readonly oid: string
  readonly critical: boolean
  /** The contents of `extnValue`. */
  readonly value: Uint8Array
}

/** What a certificate's extensions say. An absent extension is `undefined`. */
export interface CertificateExtensions extends CertificatePolicies {
  readonly all: readonly Extension[]
  /** Critical extensions that nothing here processes: a certificate with one must not be used. */
  readonly unknownCritical: readonly string[]
  readonly basicConstraints: BasicConstraints | undefined
  /** Bit i is bit i of KeyUsage: see {@link KeyUsage}. */
  readonly keyUsage: number | undefined
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly subjectAlternativeName: readonly GeneralName[] | undefined
  readonly nameConstraints: NameConstraints | undefined
  readonly subjectKeyIdentifier: Uint8Array | undefined
  readonly authorityKeyIdentifier: AuthorityKeyIdentifier | undefined
  /** The encodings of the names of all distribution points; empty where there are none. */
  readonly distributionPoints: readonly Uint8Array[]
  /** The TLS extensions that a server with this certificate promises to answer: RFC 7633. 5 is a stapled status ("must staple"). */
  readonly tlsFeatures: readonly number[]
}

export interface BasicConstraints {
  readonly isAuthority: boolean
  /** How many intermediate certificates, not counting self-issued ones, may follow; `undefined` for any number. */
  readonly pathLength: number | undefined
}

export interface AuthorityKeyIdentifier {
  readonly keyIdentifier: Uint8Array | undefined
  readonly hasIssuer: boolean
  readonly hasSerial: boolean
}

/** Bits of KeyUsage: RFC 5280, Section 4.2.1.3. */
export const KeyUsage = {
  digitalSignature: 1,
  keyEncipherment: 4,
  keyAgreement: 16,
  keyCertSign: 32,
  cRLSign: 64,
} as const

export const ExtensionId = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  deltaCrlIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  nameConstraints: '2.5.29.30',
  cRLDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
  tlsFeature: '1.3.6.1.5.5.7.1.24',
  authorityInformationAccess: '1.3.6.1.5.5.7.1.1',
} as const

/** Reads `Extensions`, each at most once (RFC 5280, Section 4.2). */
export function decodeExtensionList(reader: DerReader, field: string): Extension[] {
  const sequence = reader.sequence(field)
  if (sequence.done) throw sequence.fault('an empty list')
  const all: Extension[] = []
  const seen = new Set<string>()
  while (!sequence.done) {
    const extension = sequence.sequence()
    const oid = extension.oid('extnID')
    if (seen.has(oid)) throw sequence.fault(`the extension ${oid} twice`)
    seen.add(oid)
    const critical = extension.booleanOrFalse('critical')
    all.push({ oid, critical, value: extension.octetString('extnValue') })
    extension.end()
  }
  return all
}

/** Interprets a certificate's extensions; one that is known and malformed makes the certificate malformed, critical or not. */
export function decodeCertificateExtensions(all: readonly Extension[]): CertificateExtensions {
  const found: Partial<Mutable<CertificateExtensions>> = {}
  const unknownCritical: string[] = []
  for (const extension of all) {
    const reader = new DerReader(extension.value, `the extension ${extension.oid}`)
    if (!decodeExtension(extension.oid, reader, found) && extension.critical) unknownCritical.push(extension.oid)
  }
  return { ...ABSENT, ...found, all, unknownCritical }
}
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Whether the extension is one that the validation of paths takes into account. */
function decodeExtension(oid: string, reader: DerReader, found: Partial<Mutable<CertificateExtensions>>): boolean {
  switch (oid) {
    case ExtensionId.basicConstraints:
      found.basicConstraints = decodeBasicConstraints(reader)
      break
    case ExtensionId.keyUsage:
      found.keyUsage = decodeKeyUsage(reader)
      break
    case ExtensionId.extendedKeyUsage:
      found.extendedKeyUsage = decodeExtendedKeyUsage(reader)
      break
    case ExtensionId.subjectAlternativeName:
      found.subjectAlternativeName = decodeSubjectAlternativeName(reader)
      break
    case ExtensionId.nameConstraints:
      found.nameConstraints = decodeNameConstraints(reader)
      break
    case ExtensionId.subjectKeyIdentifier:
      found.subjectKeyIdentifier = reader.octetString()
      break
    case ExtensionId.authorityKeyIdentifier:
      found.authorityKeyIdentifier = decodeAuthorityKeyIdentifier(reader)
      break
    case ExtensionId.cRLDistributionPoints:
      found.distributionPoints = decodeDistributionPoints(reader)
      break
    case ExtensionId.tlsFeature:
      found.tlsFeatures = decodeTlsFeatures(reader)
      break
    case ExtensionId.authorityInformationAccess:
      decodeInformationAccess(reader)
      reader.end()
      return false
    default:
      if (!isPolicyExtension(oid)) return false
      Object.assign(found, decodePolicyExtension(oid, reader))
  }
  reader.end()
  return true
}

/** RFC 5280, Section 4.2.1.9. */
function decodeBasicConstraints(reader: DerReader): BasicConstraints {
  const sequence = reader.sequence()
  const isAuthority = sequence.booleanOrFalse('cA')
  const pathLength = sequence.done ? undefined : sequence.smallInteger('pathLenConstraint', { saturate: true })
  sequence.end()
  return { isAuthority, pathLength }
}

/** RFC 5280, Section 4.2.1.3. No bit at all, which it forbids, is read as no usage at all. */
function decodeKeyUsage(reader: DerReader): number {
  const { bytes } = reader.bits()
  let usage = 0
  for (let bit = 0; bit < Math.min(bytes.length * 8, 16); bit++) {
    if (((bytes[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0) usage |= 1 << bit
  }
  return usage
}

/** RFC 5280, Section 4.2.1.12: at least one purpose. */
function decodeExtendedKeyUsage(reader: DerReader): string[] {
  const sequence = reader.sequence()
  const purposes: string[] = []
  do purposes.push(sequence.oid('KeyPurposeId'))
  while (!sequence.done)
  return purposes
}

/** RFC 5280, Section 4.2.1.6. */
function decodeSubjectAlternativeName(reader: DerReader): GeneralName[] {
  const names = decodeGeneralNames(reader.sequence(), 'name')
  for (const name of names) {
    if (name.form === 'ip' && name.bytes.length !== 4 && name.bytes.length !== 16) {
      throw reader.fault(`an IP address of ${name.bytes.length} bytes`)
    }
  }
  return names
}

/** RFC 5280, Section 4.2.1.1. */
function decodeAuthorityKeyIdentifier(reader: DerReader): AuthorityKeyIdentifier {
  const sequence = reader.sequence()
  const implicit = (number: number) => contextTag(number, 'primitive')
  const keyIdentifier = sequence.nextTag === implicit(0) ? sequence.content(implicit(0)) : undefined
  const issuer = sequence.optional(contextTag(1), 'authorityCertIssuer')
  if (issuer !== undefined) decodeGeneralNames(issuer, 'name')
  const serial =
    sequence.nextTag === implicit(2) ? sequence.integer('authorityCertSerialNumber', implicit(2)) : undefined
  sequence.end()
  return { keyIdentifier, hasIssuer: issuer !== undefined, hasSerial: serial !== undefined }
}

/** RFC 5280, Section 4.2.1.13. */
function decodeDistributionPoints(reader: DerReader): Uint8Array[] {
  const sequence = reader.sequence()
  const points: Uint8Array[] = []
  do {
    const point = sequence.sequence('DistributionPoint')
    const name = point.optional(contextTag(0), 'distributionPoint')
    if (name !== undefined) points.push(...decodeDistributionPointName(name))
    if (point.nextTag === contextTag(1, 'primitive')) point.bits('reasons', contextTag(1, 'primitive'))
    const issuer = point.optional(contextTag(2), 'cRLIssuer')
    if (issuer !== undefined) decodeGeneralNames(issuer, 'name')
    point.end()
  } while (!sequence.done)
  return points
}

/** The encodings of the full names of a `DistributionPointName`; a name relative to the issuer yields none. */
export function decodeDistributionPointName(reader: DerReader): Uint8Array[] {
  const names: Uint8Array[] = []
  const full = reader.optional(contextTag(0), 'fullName')
  if (full === undefined) reader.content(contextTag(1), 'nameRelativeToCRLIssuer')
  else
    do names.push(full.element().encoding)
    while (!full.done)
  reader.end()
  return names
}

/** RFC 7633, Section 4.1. */
function decodeTlsFeatures(reader: DerReader): number[] {
  const features: number[] = []
  for (const sequence = reader.sequence(); !sequence.done; ) {
    features.push(sequence.smallInteger('feature', { saturate: true }))
  }
  return features
}

/** RFC 5280, Section 4.2.2.1: where to find issuers and OCSP. Nothing is fetched; only the form is checked. */
function decodeInformationAccess(reader: DerReader): void {
  const sequence = reader.sequence()
  do {
    const description = sequence.sequence('AccessDescription')
    description.oid('accessMethod')
    decodeGeneralName(description, 'accessLocation')
    description.end()
  } while (!sequence.done)
}

const ABSENT = {
  basicConstraints: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  subjectAlternativeName: undefined,
  nameConstraints: undefined,
  subjectKeyIdentifier: undefined,
  authorityKeyIdentifier: undefined,
  distributionPoints: [],
  tlsFeatures: [],
  certificatePolicies: undefined,
  policyMappings: [],
  policyConstraints: undefined,
  inhibitAnyPolicy: undefined,
} as const
