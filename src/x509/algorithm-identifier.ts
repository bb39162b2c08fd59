import { contextTag, DerReader, Tag } from '../codec/der.ts'
import type { HashAlgorithm, SignatureAlgorithm } from '../crypto/algorithms.ts'

/** RFC 5280, Section 4.1.1.2. */
export interface AlgorithmIdentifier {
  readonly oid: string
  /** The parameters' encoding, or `undefined` where there are none. */
  readonly parameters: Uint8Array | undefined
  readonly encoding: Uint8Array
}

export function decodeAlgorithmIdentifier(reader: DerReader, field: string): AlgorithmIdentifier {
  const encoding = reader.encoding(Tag.SEQUENCE, field)
  const sequence = new DerReader(encoding, field).sequence()
  const oid = sequence.oid('algorithm')
  const parameters = sequence.done ? undefined : sequence.element('parameters').encoding
  sequence.end()
  return { oid, parameters, encoding }
}

/**
 * The algorithm of a certificate's or CRL's signature, if policy accepts it: RSA (PKCS #1 v1.5, PSS) and ECDSA with SHA-256, SHA-384 or
 * SHA-512; Ed25519; Ed448. Otherwise why not: `weak` for broken hashes, `unknown` for the rest.
 */
export function chooseSignatureAlgorithm(identifier: AlgorithmIdentifier): SignatureAlgorithmChoice {
  const plain = PLAIN_ALGORITHMS.get(identifier.oid)
  if (plain !== undefined) {
    const parameters = identifier.parameters
    const isNull = parameters?.length === 2 && parameters[0] === Tag.NULL && parameters[1] === 0
    // RFC 4055, Section 5: NULL, and absent parameters must be accepted too. RFC 5758, Section 3.2 and RFC 8410, Section 3: absent.
    const fitting = parameters === undefined || (plain.type === 'rsa-pkcs1' && isNull)
    return fitting
      ? { algorithm: plain }
      : { algorithm: undefined, fault: 'unknown', name: `${identifier.oid} with parameters` }
  }
  if (identifier.oid === '1.2.840.113549.1.1.10') return choosePss(identifier)
  const weak = WEAK_ALGORITHMS.get(identifier.oid)
  return { algorithm: undefined, fault: weak === undefined ? 'unknown' : 'weak', name: weak ?? identifier.oid }
}
export type SignatureAlgorithmChoice =
  | { readonly algorithm: SignatureAlgorithm }
  | { readonly algorithm: undefined; readonly fault: 'weak' | 'unknown'; readonly name: string }

/** RSASSA-PSS-params: RFC 4055, Section 3.1. Every default is SHA-1, so hash and mask must be given; and be the same. */
function choosePss({ parameters }: AlgorithmIdentifier): SignatureAlgorithmChoice {
  if (parameters === undefined) return { algorithm: undefined, fault: 'weak', name: 'RSASSA-PSS with SHA-1' }
  const reader = new DerReader(parameters, 'RSASSA-PSS-params').sequence()
  const hash = hashOf(reader.optional(contextTag(0)))
  const mask = reader.optional(contextTag(1))?.sequence('maskGenAlgorithm')
  const mgf = mask?.oid('algorithm')
  const mgfHash = hashOf(mask)
  const saltLength = reader.optional(contextTag(2))?.smallInteger('saltLength') ?? 20
  const trailer = reader.optional(contextTag(3))?.smallInteger('trailerField') ?? 1
  reader.end()
  if (hash === undefined || mgf !== '1.2.840.113549.1.1.8' || hash !== mgfHash || trailer !== 1) {
    const weak = hash === undefined || mgfHash === undefined
    return { algorithm: undefined, fault: weak ? 'weak' : 'unknown', name: 'RSASSA-PSS with these parameters' }
  }
  return { algorithm: { type: 'rsa-pss', hash, mgfHash, saltLength } }
}

function hashOf(reader: DerReader | undefined): HashAlgorithm | undefined {
  if (reader === undefined) return undefined
  const identifier = decodeAlgorithmIdentifier(reader, 'hash')
  return HASHES.get(identifier.oid)
}

const HASHES: ReadonlyMap<string, HashAlgorithm> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])

/** RFC 4055, RFC 5758, RFC 8410. */
const PLAIN_ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map<string, SignatureAlgorithm>([
  ['1.2.840.10045.4.3.2', { type: 'ecdsa', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { type: 'ecdsa', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { type: 'ecdsa', hash: 'sha512' }],
  ['1.2.840.113549.1.1.11', { type: 'rsa-pkcs1', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { type: 'rsa-pkcs1', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { type: 'rsa-pkcs1', hash: 'sha512' }],
  ['1.3.101.112', { type: 'ed25519' }],
  ['1.3.101.113', { type: 'ed448' }],
])

const WEAK_ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.2', 'RSA with MD2'],
  ['1.2.840.113549.1.1.3', 'RSA with MD4'],
  ['1.2.840.113549.1.1.4', 'RSA with MD5'],
  ['1.2.840.113549.1.1.5', 'RSA with SHA-1'],
  ['1.3.14.3.2.29', 'RSA with SHA-1'],
  ['1.2.840.113549.1.1.14', 'RSA with SHA-224'],
  ['1.2.840.10045.4.1', 'ECDSA with SHA-1'],
  ['1.2.840.10045.4.3.1', 'ECDSA with SHA-224'],
  ['1.2.840.10040.4.3', 'DSA with SHA-1'],
  ['2.16.840.1.101.3.4.3.2', 'DSA with SHA-256'],
])
