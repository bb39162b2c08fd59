import { contextTag, DerReader, Tag } from '../codec/der.ts'
import {
  type AlgorithmIdentifier,
  chooseSignatureAlgorithm,
  decodeAlgorithmIdentifier,
  type SignatureAlgorithmChoice,
} from './algorithm-identifier.ts'
import { type DistinguishedName, decodeName } from './distinguished-name.ts'
import {
  type CertificateExtensions,
  decodeCertificateExtensions,
  decodeExtensionList,
  type Extension,
} from './extensions.ts'
import { type CertificateTime, decodeTime } from './time.ts'

/** A certificate, decoded and checked for form, and trusted for nothing yet: RFC 5280, Section 4.1. */
export interface X509Certificate {
  readonly der: Uint8Array
  /** What is signed. */
  readonly tbs: Uint8Array
  readonly version: 1 | 2 | 3
  /** Two's complement, at most 20 bytes. */
  readonly serialNumber: Uint8Array
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly signatureChoice: SignatureAlgorithmChoice
  readonly signature: Uint8Array
  readonly issuer: DistinguishedName
  readonly subject: DistinguishedName
  readonly notBefore: CertificateTime
  readonly notAfter: CertificateTime
  readonly subjectPublicKeyInfo: Uint8Array
  readonly extensions: CertificateExtensions
}

/**
 * Decodes one certificate in DER, strictly: whatever does not follow X.690's distinguished rules or RFC 5280's syntax is a `DecodeError`,
 * as are an extension that occurs twice, a known extension that is malformed, an empty issuer, a negative or over-long serial number,
 * and a signature algorithm inside that differs from the one outside.
 */
export function decodeCertificate(der: Uint8Array, what = 'certificate'): X509Certificate {
  const outer = new DerReader(der, what)
  const certificate = outer.sequence()
  outer.end()
  const tbs = certificate.encoding(Tag.SEQUENCE, 'tbsCertificate')
  const signatureAlgorithm = decodeAlgorithmIdentifier(certificate, 'signatureAlgorithm')
  const signature = certificate.bitString('signatureValue')
  certificate.end()

  const reader = new DerReader(tbs, what).sequence()
  const version = decodeVersion(reader)
  const serialNumber = reader.integer('serialNumber')
  if (serialNumber.length > 20) throw reader.fault('more than 20 bytes', 'serialNumber')
  if ((serialNumber[0] as number) >= 0x80) throw reader.fault('a negative number', 'serialNumber')
  const inner = decodeAlgorithmIdentifier(reader, 'signature')
  if (!equalBytes(inner.encoding, signatureAlgorithm.encoding)) {
    throw reader.fault('it differs from signatureAlgorithm outside', 'signature')
  }
  const issuer = decodeName(reader, 'issuer')
  if (issuer.isEmpty) throw reader.fault('an empty name', 'issuer')
  const validity = reader.sequence('validity')
  const notBefore = decodeTime(validity, 'notBefore')
  const notAfter = decodeTime(validity, 'notAfter')
  validity.end()
  const subject = decodeName(reader, 'subject')
  const subjectPublicKeyInfo = reader.encoding(Tag.SEQUENCE, 'subjectPublicKeyInfo')
  decodeUniqueIdentifiers(reader, version)
  const extensions = decodeCertificateExtensions(decodeExtensions(reader, version))
  reader.end()
  return {
    der,
    tbs,
    version,
    serialNumber,
    signatureAlgorithm,
    signatureChoice: chooseSignatureAlgorithm(signatureAlgorithm),
    signature,
    issuer,
    subject,
    notBefore,
    notAfter,
    subjectPublicKeyInfo,
    extensions,
  }
}

/** Whether subject and issuer are the same name: such certificates do not count for path lengths. RFC 5280, Section 3.2. */
export function isSelfIssued(certificate: X509Certificate): boolean {
  return (
    equalBytes(certificate.subject.encoding, certificate.issuer.encoding) ||
    certificate.subject.key === certificate.issuer.key
  )
}

/** For public data only: takes as long as the common beginning. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function decodeVersion(reader: DerReader): 1 | 2 | 3 {
  const explicit = reader.optional(contextTag(0), 'version')
  if (explicit === undefined) return 1
  const version = explicit.smallInteger()
  explicit.end()
  if (version === 1) return 2
  if (version === 2) return 3
  throw reader.fault(version === 0 ? 'version 1 is the default, which DER leaves out' : 'no known version', 'version')
}

function decodeUniqueIdentifiers(reader: DerReader, version: number): void {
  for (const number of [1, 2]) {
    const tag = contextTag(number, 'primitive')
    if (reader.nextTag !== tag) continue
    if (version === 1) throw reader.fault('a unique identifier in a certificate of version 1')
    reader.bits('uniqueIdentifier', tag)
  }
}

function decodeExtensions(reader: DerReader, version: number): Extension[] {
  const explicit = reader.optional(contextTag(3), 'extensions')
  if (explicit === undefined) return []
  if (version !== 3) throw reader.fault(`extensions in a certificate of version ${version}`)
  const list = decodeExtensionList(explicit, 'list')
  explicit.end()
  return list
}
