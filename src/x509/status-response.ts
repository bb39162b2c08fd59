import { contextTag, DerReader, Tag } from '../codec/der.ts'
import {
  chooseSignatureAlgorithm,
  decodeAlgorithmIdentifier,
  type SignatureAlgorithmChoice,
} from './algorithm-identifier.ts'
import { decodeCertificate, type X509Certificate } from './certificate.ts'
import { decodeName } from './distinguished-name.ts'
import { decodeExtensionList } from './extensions.ts'
import type { RevokedCertificate } from './revocation-list.ts'
import { decodeTime } from './time.ts'

/** What a responder says about certificates, decoded and not yet verified: RFC 6960, Section 4.2.1. */
export interface StatusResponse {
  readonly tbs: Uint8Array
  readonly signatureChoice: SignatureAlgorithmChoice
  readonly signature: Uint8Array
  readonly responder: ResponderId
  readonly entries: readonly CertificateStatus[]
  /** Those that the responder sends along, to prove that it may speak. */
  readonly certificates: readonly X509Certificate[]
  /** A critical extension of the whole, which nothing here knows any of. */
  readonly unknownCritical: string | undefined
}

/** Who has signed, by name or by the SHA-1 of the key. */
export type ResponderId = { readonly nameKey: string } | { readonly keyHash: Uint8Array }

export interface CertificateStatus {
  readonly id: CertificateId
  readonly status: 'good' | 'unknown' | RevokedCertificate
  readonly thisUpdateSeconds: number
  readonly nextUpdateSeconds: number | undefined
  /** A critical extension of this answer. */
  readonly unknownCritical: string | undefined
}

/** Which certificate is meant: RFC 6960, Section 4.1.1. */
export interface CertificateId {
  readonly hashOid: string
  readonly issuerNameHash: Uint8Array
  readonly issuerKeyHash: Uint8Array
  readonly serialNumber: Uint8Array
}

/** Decodes an OCSPResponse in DER; every fault is a `DecodeError`, and so is a responder's word that it has no answer. */
export function decodeStatusResponse(der: Uint8Array): StatusResponse {
  const outer = new DerReader(der, 'OCSPResponse')
  const response = outer.sequence()
  outer.end()
  const status = response.smallInteger('responseStatus', { tag: Tag.ENUMERATED })
  if (status !== 0) throw response.fault(`the responder has no answer (status ${status})`, 'responseStatus')
  const explicit = response.nested(contextTag(0), 'responseBytes')
  response.end()
  const bytes = explicit.sequence()
  explicit.end()
  const type = bytes.oid('responseType')
  if (type !== basicResponse) throw bytes.fault(`${type} is no basic response`, 'responseType')
  const basic = bytes.octetString('response')
  bytes.end()
  return decodeBasicResponse(basic)
}

function decodeBasicResponse(der: Uint8Array): StatusResponse {
  const what = 'BasicOCSPResponse'
  const outer = new DerReader(der, what)
  const basic = outer.sequence()
  outer.end()
  const tbs = basic.encoding(Tag.SEQUENCE, 'tbsResponseData')
  const algorithm = decodeAlgorithmIdentifier(basic, 'signatureAlgorithm')
  const signature = basic.bitString('signature')
  const certificates: X509Certificate[] = []
  const explicit = basic.optional(contextTag(0), 'certs')
  for (const list = explicit?.sequence(); list !== undefined && !list.done; ) {
    if (certificates.length === maximumCertificates) throw list.fault('more certificates than any responder needs')
    certificates.push(decodeCertificate(list.encoding(Tag.SEQUENCE, 'certificate'), 'certificate of a responder'))
  }
  explicit?.end()
  basic.end()
  const data = decodeResponseData(new DerReader(tbs, what).sequence())
  return { tbs, signatureChoice: chooseSignatureAlgorithm(algorithm), signature, certificates, ...data }
}

function decodeResponseData(reader: DerReader): Pick<StatusResponse, 'responder' | 'entries' | 'unknownCritical'> {
  const version = reader.optional(contextTag(0), 'version')
  if (version !== undefined && version.smallInteger() !== 0) throw reader.fault('no known version', 'version')
  const responder = decodeResponderId(reader)
  decodeTime(reader, 'producedAt')
  const entries: CertificateStatus[] = []
  for (const list = reader.sequence('responses'); !list.done; ) {
    if (entries.length === maximumEntries) throw list.fault('more answers than anybody asked for')
    const single = list.sequence('SingleResponse')
    entries.push(decodeEntry(single))
    single.end()
  }
  const unknownCritical = decodeCritical(reader, 'responseExtensions')
  reader.end()
  return { responder, entries, unknownCritical }
}

/** The first critical extension of those that may stand at the end. */
function decodeCritical(reader: DerReader, field: string): string | undefined {
  const explicit = reader.optional(contextTag(1), field)
  if (explicit === undefined) return undefined
  const critical = decodeExtensionList(explicit, field).find((each) => each.critical)
  explicit.end()
  return critical?.oid
}

function decodeResponderId(reader: DerReader): ResponderId {
  const byName = reader.optional(contextTag(1), 'responderID.byName')
  if (byName !== undefined) {
    const { key } = decodeName(byName, 'name')
    byName.end()
    return { nameKey: key }
  }
  const byKey = reader.nested(contextTag(2), 'responderID.byKey')
  const keyHash = byKey.octetString()
  byKey.end()
  return { keyHash }
}

function decodeEntry(single: DerReader): CertificateStatus {
  const id = single.sequence('certID')
  const { oid } = decodeAlgorithmIdentifier(id, 'hashAlgorithm')
  const certificateId = {
    hashOid: oid,
    issuerNameHash: id.octetString('issuerNameHash'),
    issuerKeyHash: id.octetString('issuerKeyHash'),
    serialNumber: id.integer('serialNumber'),
  }
  id.end()
  const status = decodeStatus(single)
  const thisUpdateSeconds = decodeTime(single, 'thisUpdate').seconds
  const explicit = single.optional(contextTag(0), 'nextUpdate')
  const nextUpdateSeconds = explicit === undefined ? undefined : decodeTime(explicit, 'time').seconds
  explicit?.end()
  const unknownCritical = decodeCritical(single, 'singleExtensions')
  return { id: certificateId, status, thisUpdateSeconds, nextUpdateSeconds, unknownCritical }
}

function decodeStatus(single: DerReader): CertificateStatus['status'] {
  for (const [number, status] of [
    [0, 'good'],
    [2, 'unknown'],
  ] as const) {
    const tag = contextTag(number, 'primitive')
    if (single.nextTag !== tag) continue
    if (single.content(tag, status).length > 0) throw single.fault('a NULL with contents', status)
    return status
  }
  const revoked = single.nested(contextTag(1), 'revoked')
  const revokedSeconds = decodeTime(revoked, 'revocationTime').seconds
  const explicit = revoked.optional(contextTag(0), 'revocationReason')
  const reasonCode = explicit?.smallInteger(undefined, { tag: Tag.ENUMERATED })
  explicit?.end()
  revoked.end()
  return { revokedSeconds, reasonCode }
}

/** id-pkix-ocsp-basic. */
const basicResponse = '1.3.6.1.5.5.7.48.1.1'
const maximumCertificates = 8
const maximumEntries = 32
