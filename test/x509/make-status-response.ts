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
import { extension, nameOf, type TestKey } from './make-certificate.ts'

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
  readonly version?: number
  readonly producedAt?: string
  /** With which the signer signs, unless its key is of Ed25519. */
  readonly hash?: keyof typeof SIGNATURE_HASHES
  /** Stands behind all that is signed. */
  readonly appendix?: Uint8Array
  readonly extensions?: readonly Uint8Array[]
}
export interface StatusEntry {
  readonly serial: number
  readonly status?: 'good' | 'unknown' | { readonly revoked: string; readonly reason?: number }
  readonly thisUpdate?: string
  readonly nextUpdate?: string | undefined
  readonly hash?: keyof typeof HASHES
  /** Of whom the hashes are, where not of the issuer. */
  readonly of?: { readonly name: string; readonly key: TestKey }
  readonly extensions?: readonly Uint8Array[]
}

export function makeStatusResponse(options: StatusResponseOptions): Uint8Array {
  const { issuer, signer = issuer, entries, byKey = false, certificates = [], version, extensions } = options
  const { producedAt = '2024-12-31', hash = 'sha256', appendix = new Uint8Array(0) } = options
  if (options.responseStatus !== undefined)
    return encodeSequence(encodeElement(Tag.ENUMERATED, Uint8Array.of(options.responseStatus)))
  const tbs = encodeSequence(
    ...(version === undefined ? [] : [encodeContext(0, encodeUnsigned(version))]),
    byKey
      ? encodeContext(2, encodeOctetString(createHash('sha1').update(publicKeyOf(signer.key)).digest()))
      : encodeContext(1, nameOf(signer.name)),
    time(producedAt),
    encodeSequence(...entries.map((entry) => entryOf(entry, issuer))),
    ...(extensions === undefined ? [] : [encodeContext(1, encodeSequence(...extensions))]),
  )
  const { privateKey } = signer.key
  const type = privateKey.asymmetricKeyType as 'ec' | 'ed25519' | 'rsa'
  const algorithm = type === 'ed25519' ? '1.3.101.112' : SIGNATURE_HASHES[hash][type]
  const basic = encodeSequence(
    tbs,
    encodeSequence(encodeObjectIdentifier(algorithm), ...(type === 'rsa' ? [encodeNull()] : [])),
    encodeBitString(sign(type === 'ed25519' ? null : hash, tbs, privateKey)),
    ...(certificates.length === 0 ? [] : [encodeContext(0, encodeSequence(...certificates))]),
  )
  return encodeSequence(
    encodeElement(Tag.ENUMERATED, Uint8Array.of(0)),
    encodeContext(
      0,
      encodeSequence(encodeObjectIdentifier(basicResponse), encodeOctetString(Buffer.concat([basic, appendix]))),
    ),
  )
}

/** A response of so many bytes, most of them in an extension that nobody knows and nobody needs to. */
export function paddedTo(length: number, make: (extensions: readonly Uint8Array[]) => Uint8Array): Uint8Array {
  // The lengths of signatures differ by some bytes.
  for (let padding = length; ; ) {
    const made = make([extension('1.2.3', encodeOctetString(Buffer.alloc(padding)))])
    if (made.length === length) return made
    padding += length - made.length
  }
}

function entryOf(entry: StatusEntry, issuer: StatusResponseOptions['issuer']): Uint8Array {
  const { serial, status = 'good', thisUpdate = '2024-12-31', hash = 'sha1', of: owner = issuer, extensions } = entry
  const nextUpdate = 'nextUpdate' in entry ? entry.nextUpdate : '2025-01-07'
  const digest = (data: Uint8Array): Uint8Array => encodeOctetString(createHash(hash).update(data).digest())
  return encodeSequence(
    encodeSequence(
      encodeSequence(encodeObjectIdentifier(HASHES[hash]), encodeNull()),
      digest(nameOf(owner.name)),
      digest(publicKeyOf(owner.key)),
      encodeUnsigned(serial),
    ),
    statusOf(status),
    time(thisUpdate),
    ...(nextUpdate === undefined ? [] : [encodeContext(0, time(nextUpdate))]),
    ...(extensions === undefined ? [] : [encodeContext(1, encodeSequence(...extensions))]),
  )
}

function statusOf(status: NonNullable<StatusEntry['status']>): Uint8Array {
  if (typeof status === 'string') return encodeElement(status === 'good' ? 0x80 : 0x82)
  const { revoked, reason } = status
  const why = reason === undefined ? [] : [encodeContext(0, encodeElement(Tag.ENUMERATED, Uint8Array.of(reason)))]
  return encodeContext(1, time(revoked), ...why)
}

/** OCSP has GeneralizedTime alone. What is no time is taken as it is. */
function time(text: string): Uint8Array {
  const digits = (): string => new Date(text).toISOString().replace(/\D/g, '').slice(0, 14)
  return encodeElement(Tag.GENERALIZED_TIME, Buffer.from(Number.isNaN(Date.parse(text)) ? text : `${digits()}Z`))
}

/** The content of the BIT STRING of a P-256 key. */
function publicKeyOf({ spki }: TestKey): Uint8Array {
  return spki.subarray(-65)
}

const HASHES = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1', md5: '1.2.840.113549.2.5' } as const
const SIGNATURE_HASHES = {
  sha1: { ec: '1.2.840.10045.4.1', rsa: '1.2.840.113549.1.1.5' },
  sha224: { ec: '1.2.840.10045.4.3.1', rsa: '1.2.840.113549.1.1.14' },
  sha256: { ec: '1.2.840.10045.4.3.2', rsa: '1.2.840.113549.1.1.11' },
  sha384: { ec: '1.2.840.10045.4.3.3', rsa: '1.2.840.113549.1.1.12' },
} as const
/** id-pkix-ocsp-basic. */
const basicResponse = '1.3.6.1.5.5.7.48.1.1'
