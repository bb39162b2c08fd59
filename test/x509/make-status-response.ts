import { createHash, sign } from 'node:crypto'
import { Tag } from '#polytls/codec/der.js'
import {
  encodeBitString,
  encodeContext,
  encodeElement,
  encodeNull,
  encodeObjectIdentifier,
  encodeOctetString,
  encodeSequence,
  encodeUnsigned,
} from '#polytls/codec/der-writer.js'
import { nameOf, type TestKey } from './make-certificate.ts'

/** What a responder of a test says; everything is given, nothing is checked. */
export interface StatusResponseOptions {
  /** The issuer of the certificate in question. */
  readonly issuer: { readonly name: string; readonly key: TestKey }
  /** Who signs; by default the issuer. */
  readonly signer?: { readonly name: string; readonly key: TestKey }
  readonly entries: readonly StatusEntry[]
  readonly byKey?: boolean
  readonly certificates?: readonly Uint8Array[]
  readonly responseStatus?: number
  readonly extensions?: readonly Uint8Array[]
}
export interface StatusEntry {
  readonly serial: number
  readonly status?: 'good' | 'unknown' | { readonly revoked: string; readonly reason?: number }
  readonly thisUpdate?: string
  readonly nextUpdate?: string | undefined
  readonly hash?: 'sha1' | 'sha256'
  /** Of whom the hashes are, where not of the issuer. */
  readonly of?: { readonly name: string; readonly key: TestKey }
}

export function makeStatusResponse(options: StatusResponseOptions): Uint8Array {
  const { issuer, signer = issuer, entries, byKey = false, certificates = [], extensions = [] } = options
  if (options.responseStatus !== undefined)
    return encodeSequence(encodeElement(Tag.ENUMERATED, Uint8Array.of(options.responseStatus)))
  const tbs = encodeSequence(
    byKey
      ? encodeContext(2, encodeOctetString(createHash('sha1').update(publicKeyOf(signer.key)).digest()))
      : encodeContext(1, nameOf(signer.name)),
    time('2024-12-31'),
    encodeSequence(...entries.map((entry) => entryOf(entry, issuer))),
    ...(extensions.length === 0 ? [] : [encodeContext(1, encodeSequence(...extensions))]),
  )
  const isEdwards = signer.key.privateKey.asymmetricKeyType === 'ed25519'
  const basic = encodeSequence(
    tbs,
    encodeSequence(encodeObjectIdentifier(isEdwards ? '1.3.101.112' : '1.2.840.10045.4.3.2')),
    encodeBitString(sign(isEdwards ? null : 'sha256', tbs, signer.key.privateKey)),
    ...(certificates.length === 0 ? [] : [encodeContext(0, encodeSequence(...certificates))]),
  )
  return encodeSequence(
    encodeElement(Tag.ENUMERATED, Uint8Array.of(0)),
    encodeContext(0, encodeSequence(encodeObjectIdentifier('1.3.6.1.5.5.7.48.1.1'), encodeOctetString(basic))),
  )
}

function entryOf(entry: StatusEntry, issuer: StatusResponseOptions['issuer']): Uint8Array {
  const { serial, status = 'good', thisUpdate = '2024-12-31', hash = 'sha1', of: owner = issuer } = entry
  const nextUpdate = 'nextUpdate' in entry ? entry.nextUpdate : '2025-01-07'
  const digest = (data: Uint8Array): Uint8Array => encodeOctetString(createHash(hash).update(data).digest())
  const algorithm = hash === 'sha1' ? '1.3.14.3.2.26' : '2.16.840.1.101.3.4.2.1'
  return encodeSequence(
    encodeSequence(
      encodeSequence(encodeObjectIdentifier(algorithm), encodeNull()),
      digest(nameOf(owner.name)),
      digest(publicKeyOf(owner.key)),
      encodeUnsigned(serial),
    ),
    statusOf(status),
    time(thisUpdate),
    ...(nextUpdate === undefined ? [] : [encodeContext(0, time(nextUpdate))]),
  )
}

function statusOf(status: NonNullable<StatusEntry['status']>): Uint8Array {
  if (typeof status === 'string') return encodeElement(status === 'good' ? 0x80 : 0x82)
  const { revoked, reason } = status
  const why = reason === undefined ? [] : [encodeContext(0, encodeElement(Tag.ENUMERATED, Uint8Array.of(reason)))]
  return encodeContext(1, time(revoked), ...why)
}

/** OCSP has GeneralizedTime alone. */
function time(text: string): Uint8Array {
  const digits = new Date(text).toISOString().replace(/\D/g, '').slice(0, 14)
  return encodeElement(Tag.GENERALIZED_TIME, Buffer.from(`${digits}Z`))
}

/** The content of the BIT STRING of a P-256 key. */
function publicKeyOf({ spki }: TestKey): Uint8Array {
  return spki.subarray(-65)
}
