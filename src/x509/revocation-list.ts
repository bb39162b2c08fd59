import { contextTag, DerReader, Tag } from '../codec/der.ts'
import {
  type AlgorithmIdentifier,
  chooseSignatureAlgorithm,
  decodeAlgorithmIdentifier,
  type SignatureAlgorithmChoice,
} from './algorithm-identifier.ts'
import { equalBytes } from './certificate.ts'
import { type DistinguishedName, decodeName } from './distinguished-name.ts'
import { decodeDistributionPointName, decodeExtensionList, type Extension, ExtensionId } from './extensions.ts'
import { decodeTime } from './time.ts'

/** A certificate revocation list, decoded and not yet verified: RFC 5280, Section 5.1. Made once per context. */
export interface RevocationList {
  readonly version: 1 | 2
  readonly tbs: Uint8Array
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly signatureChoice: SignatureAlgorithmChoice
  readonly signature: Uint8Array
  readonly issuer: DistinguishedName
  readonly thisUpdateSeconds: number
  readonly nextUpdateSeconds: number | undefined
  readonly extensions: readonly Extension[]
  readonly authorityKeyIdentifier: Uint8Array | undefined
  readonly distributionPoint: IssuingDistributionPoint | undefined
  /** Why the list cannot tell the status of any certificate, for us: a delta, an indirect list, something critical and unknown. */
  readonly unusable: string | undefined
  /** By the serial number's bytes: see {@link serialKey}. */
  readonly entries: ReadonlyMap<string, RevokedCertificate>
}
export interface RevokedCertificate {
  readonly revokedSeconds: number
  /** RFC 5280, Section 5.3.1; `undefined` where no reason is given. */
  readonly reasonCode: number | undefined
}
/** RFC 5280, Section 5.2.5. */
export interface IssuingDistributionPoint {
  /** Encodings of the full names; `undefined` where the list is for every point. */
  readonly names: readonly Uint8Array[] | undefined
  readonly onlyUsers: boolean
  readonly onlyAuthorities: boolean
}

/** Decodes one list in DER; every fault is a `DecodeError`. */
export function decodeRevocationList(der: Uint8Array, what = 'certificate revocation list'): RevocationList {
  const outer = new DerReader(der, what)
  const list = outer.sequence()
  outer.end()
  const tbs = list.encoding(Tag.SEQUENCE, 'tbsCertList')
  const signatureAlgorithm = decodeAlgorithmIdentifier(list, 'signatureAlgorithm')
  const signature = list.bitString('signatureValue')
  list.end()

  const reader = new DerReader(tbs, what).sequence()
  const version = reader.nextTag === Tag.INTEGER ? reader.smallInteger('version') + 1 : 1
  if (version > 2) throw reader.fault('no known version', 'version')
  if (!equalBytes(decodeAlgorithmIdentifier(reader, 'signature').encoding, signatureAlgorithm.encoding)) {
    throw reader.fault('it differs from signatureAlgorithm outside', 'signature')
  }
  const issuer = decodeName(reader, 'issuer')
  const thisUpdateSeconds = decodeTime(reader, 'thisUpdate').seconds
  const timeFollows = reader.nextTag === Tag.UTC_TIME || reader.nextTag === Tag.GENERALIZED_TIME
  const nextUpdateSeconds = timeFollows ? decodeTime(reader, 'nextUpdate').seconds : undefined
  const { entries, unknownCritical } = decodeEntries(reader.optional(Tag.SEQUENCE, 'revokedCertificates'))
  const explicit = reader.optional(contextTag(0), 'crlExtensions')
  const extensions = explicit === undefined ? [] : decodeExtensionList(explicit, 'list')
  explicit?.end()
  reader.end()
  return {
    version: version as 1 | 2,
    tbs,
    signatureAlgorithm,
    signatureChoice: chooseSignatureAlgorithm(signatureAlgorithm),
    signature,
    issuer,
    thisUpdateSeconds,
    nextUpdateSeconds,
    extensions,
    entries,
    ...interpretExtensions(extensions, unknownCritical),
  }
}

/** The key of a serial number in `entries`. */
export function serialKey(serialNumber: Uint8Array): string {
  return String.fromCharCode(...serialNumber)
}

function decodeEntries(sequence: DerReader | undefined): {
  entries: Map<string, RevokedCertificate>
  unknownCritical: string | undefined
} {
  const entries = new Map<string, RevokedCertificate>()
  let unknownCritical: string | undefined
  while (sequence !== undefined && !sequence.done) {
    const entry = sequence.sequence('entry')
    const serialNumber = entry.integer('userCertificate')
    if (serialNumber.length > MAXIMUM_SERIAL_BYTES) throw entry.fault('an over-long serial number')
    const revokedSeconds = decodeTime(entry, 'revocationDate').seconds
    let reasonCode: number | undefined
    for (const extension of entry.done ? [] : decodeExtensionList(entry, 'crlEntryExtensions')) {
      if (extension.oid === '2.5.29.21') {
        const reason = new DerReader(extension.value, 'reasonCode')
        reasonCode = reason.smallInteger(undefined, { tag: Tag.ENUMERATED })
        reason.end()
      } else if (extension.critical) unknownCritical = extension.oid
    }
    entry.end()
    entries.set(serialKey(serialNumber), { revokedSeconds, reasonCode })
  }
  return { entries, unknownCritical }
}

function interpretExtensions(
  extensions: readonly Extension[],
  unknownInEntries: string | undefined,
): Pick<RevocationList, 'authorityKeyIdentifier' | 'distributionPoint' | 'unusable'> {
  let authorityKeyIdentifier: Uint8Array | undefined
  let distributionPoint: IssuingDistributionPoint | undefined
  let unusable =
    unknownInEntries === undefined ? undefined : `a critical entry extension is not known: ${unknownInEntries}`
  for (const { oid, critical, value } of extensions) {
    const reader = new DerReader(value, `the extension ${oid}`)
    if (oid === ExtensionId.authorityKeyIdentifier) {
      const sequence = reader.sequence()
      const tag = contextTag(0, 'primitive')
      if (sequence.nextTag === tag) authorityKeyIdentifier = sequence.content(tag)
    } else if (oid === ExtensionId.issuingDistributionPoint) {
      const point = decodeIssuingDistributionPoint(reader)
      distributionPoint = point
      unusable ??= point.unusable
    } else if (oid === ExtensionId.crlNumber) {
      reader.integer()
      reader.end()
    } else if (oid === ExtensionId.deltaCrlIndicator) {
      unusable ??= 'it lists changes only (delta CRL)'
    } else if (critical) {
      unusable ??= `a critical extension is not known: ${oid}`
    }
  }
  return { authorityKeyIdentifier, distributionPoint, unusable }
}

function decodeIssuingDistributionPoint(
  reader: DerReader,
): IssuingDistributionPoint & { readonly unusable: string | undefined } {
  const sequence = reader.sequence()
  const name = sequence.optional(contextTag(0), 'distributionPoint')
  const names = name === undefined ? undefined : decodeDistributionPointName(name)
  const flag = (number: number) => {
    const tag = contextTag(number, 'primitive')
    return sequence.nextTag === tag ? sequence.boolean(undefined, tag) : false
  }
  const onlyUsers = flag(1)
  const onlyAuthorities = flag(2)
  const someReasons = sequence.nextTag === contextTag(3, 'primitive')
  if (someReasons) sequence.bits('onlySomeReasons', contextTag(3, 'primitive'))
  const indirect = flag(4)
  const onlyAttributes = flag(5)
  sequence.end()
  reader.end()
  const unusable = indirect
    ? 'it speaks for other issuers (indirect CRL)'
    : someReasons
      ? 'it covers some reasons only'
      : onlyAttributes
        ? 'it covers attribute certificates only'
        : undefined
  return { names, onlyUsers, onlyAuthorities, unusable }
}

/** RFC 5280 allows 20; some issue more, and a list must not fail for it. */
const MAXIMUM_SERIAL_BYTES = 64
