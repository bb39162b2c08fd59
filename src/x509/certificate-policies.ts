import { contextTag, type DerReader, Tag } from '../codec/der.ts'

/** The extensions that govern certificate policies. */
export interface CertificatePolicies {
  /** RFC 5280, Section 4.2.1.4: policies by their identifiers, without qualifiers. */
  readonly certificatePolicies: readonly string[] | undefined
  /** RFC 5280, Section 4.2.1.5. */
  readonly policyMappings: readonly PolicyMapping[]
  /** RFC 5280, Section 4.2.1.11. */
  readonly policyConstraints: PolicyConstraints | undefined
  /** RFC 5280, Section 4.2.1.14: how many certificates may follow before anyPolicy counts no more. */
  readonly inhibitAnyPolicy: number | undefined
}
export interface PolicyMapping {
  readonly issuerDomain: string
  readonly subjectDomain: string
}
export interface PolicyConstraints {
  readonly requireExplicitPolicy: number | undefined
  readonly inhibitPolicyMapping: number | undefined
}

export const ANY_POLICY = '2.5.29.32.0'

export function isPolicyExtension(oid: string): boolean {
  return oid === '2.5.29.32' || oid === '2.5.29.33' || oid === '2.5.29.36' || oid === '2.5.29.54'
}

/** Reads one of the policy extensions. */
export function decodePolicyExtension(oid: string, reader: DerReader): Partial<CertificatePolicies> {
  switch (oid) {
    case '2.5.29.32':
      return { certificatePolicies: decodePolicies(reader) }
    case '2.5.29.33':
      return { policyMappings: decodeMappings(reader) }
    case '2.5.29.36':
      return { policyConstraints: decodeConstraints(reader) }
    default:
      return { inhibitAnyPolicy: reader.smallInteger('SkipCerts', { saturate: true }) }
  }
}

/** At least one policy, and none twice. */
function decodePolicies(reader: DerReader): string[] {
  const sequence = reader.sequence()
  const policies = new Set<string>()
  do {
    const information = sequence.sequence('PolicyInformation')
    const policy = information.oid('policyIdentifier')
    if (policies.has(policy)) throw reader.fault(`the policy ${policy} twice`)
    policies.add(policy)
    if (!information.done) information.content(Tag.SEQUENCE, 'policyQualifiers')
    information.end()
  } while (!sequence.done)
  return [...policies]
}

function decodeMappings(reader: DerReader): PolicyMapping[] {
  const sequence = reader.sequence()
  const mappings: PolicyMapping[] = []
  do {
    const mapping = sequence.sequence('mapping')
    mappings.push({
      issuerDomain: mapping.oid('issuerDomainPolicy'),
      subjectDomain: mapping.oid('subjectDomainPolicy'),
    })
    mapping.end()
  } while (!sequence.done)
  return mappings
}

/** At least one of the two. */
function decodeConstraints(reader: DerReader): PolicyConstraints {
  const sequence = reader.sequence()
  const skipCertificates = (number: number, field: string) => {
    const tag = contextTag(number, 'primitive')
    return sequence.nextTag === tag ? sequence.smallInteger(field, { tag, saturate: true }) : undefined
  }
  const requireExplicitPolicy = skipCertificates(0, 'requireExplicitPolicy')
  const inhibitPolicyMapping = skipCertificates(1, 'inhibitPolicyMapping')
  sequence.end()
  if (requireExplicitPolicy === undefined && inhibitPolicyMapping === undefined) {
    throw reader.fault('no constraint at all')
  }
  return { requireExplicitPolicy, inhibitPolicyMapping }
}
