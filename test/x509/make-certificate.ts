import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { Tag } from '#polytls/codec/der.js'
import {
  encodeBitString,
  encodeBoolean,
  encodeContext,
  encodeElement,
  encodeObjectIdentifier,
  encodeOctetString,
  encodeSequence,
  encodeUnsigned,
} from '#polytls/codec/der-writer.js'

/** Certificates for tests, well-formed or not as the test wants it: everything is given, nothing is checked. */
export interface CertificateOptions {
  readonly subject: string | Uint8Array
  readonly issuer?: string | Uint8Array
  readonly key?: TestKey
  /** Who signs; by default the certificate's own key. */
  readonly signer?: TestKey
  readonly serial?: number | Uint8Array
  readonly notBefore?: string
  readonly notAfter?: string
  readonly version?: 1 | 2 | 3
  readonly extensions?: readonly Uint8Array[]
  /** AlgorithmIdentifier inside and outside; by default that of the signer. */
  readonly innerAlgorithm?: Uint8Array
  readonly outerAlgorithm?: Uint8Array
  readonly hash?: 'sha256' | 'sha384' | 'sha1'
}
export interface TestKey {
  readonly privateKey: KeyObject
  readonly spki: Uint8Array
}

export function makeKey(type: 'p256' | 'p384' | 'ed25519' | 'rsa1024' | 'rsa2048' = 'p256'): TestKey {
  const { privateKey, publicKey } =
    type === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : type === 'rsa1024' || type === 'rsa2048'
        ? generateKeyPairSync('rsa', { modulusLength: Number(type.slice(3)) })
        : generateKeyPairSync('ec', { namedCurve: type === 'p256' ? 'prime256v1' : 'secp384r1' })
  return { privateKey, spki: publicKey.export({ format: 'der', type: 'spki' }) }
}

export function makeCertificate(options: CertificateOptions): Uint8Array {
  const { subject, key = defaultKey, signer = key, version = 3, hash = 'sha256' } = options
  const algorithm = algorithmOf(signer.privateKey, hash)
  const extensions = options.extensions ?? []
  const tbs = encodeSequence(
    ...(version === 1 ? [] : [encodeContext(0, encodeUnsigned(version - 1))]),
    serialOf(options.serial),
    options.innerAlgorithm ?? algorithm,
    nameOf(options.issuer ?? subject),
    encodeSequence(timeOf(options.notBefore ?? '2020-01-01'), timeOf(options.notAfter ?? '2040-01-01')),
    nameOf(subject),
    key.spki,
    ...(extensions.length === 0 ? [] : [encodeContext(3, encodeSequence(...extensions))]),
  )
  return signed(tbs, options.outerAlgorithm ?? algorithm, signer.privateKey, hash)
}

export interface RevocationListOptions {
  readonly issuer: string
  readonly signer: TestKey
  readonly revoked?: readonly number[]
  readonly thisUpdate?: string
  readonly nextUpdate?: string | undefined
  readonly extensions?: readonly Uint8Array[]
  readonly entryExtensions?: readonly Uint8Array[]
}

export function makeRevocationList(options: RevocationListOptions): Uint8Array {
  const { issuer, signer, revoked = [], entryExtensions = [] } = options
  const algorithm = algorithmOf(signer.privateKey, 'sha256')
  const extensions = options.extensions ?? [extension('2.5.29.20', encodeUnsigned(1))]
  const nextUpdate = 'nextUpdate' in options ? options.nextUpdate : '2030-01-01'
  const entries = revoked.map((serial) =>
    encodeSequence(
      encodeUnsigned(serial),
      timeOf('2024-06-01'),
      ...(entryExtensions.length === 0 ? [] : [encodeSequence(...entryExtensions)]),
    ),
  )
  const tbs = encodeSequence(
    encodeUnsigned(1),
    algorithm,
    nameOf(issuer),
    timeOf(options.thisUpdate ?? '2024-01-01'),
    ...(nextUpdate === undefined ? [] : [timeOf(nextUpdate)]),
    ...(entries.length === 0 ? [] : [encodeSequence(...entries)]),
    encodeContext(0, encodeSequence(...extensions)),
  )
  return signed(tbs, algorithm, signer.privateKey, 'sha256')
}

export function extension(oid: string, value: Uint8Array, critical = false): Uint8Array {
  return encodeSequence(
    encodeObjectIdentifier(oid),
    ...(critical ? [encodeBoolean(true)] : []),
    encodeOctetString(value),
  )
}

export const basicConstraints = (authority: boolean, pathLength?: number): Uint8Array =>
  extension(
    '2.5.29.19',
    encodeSequence(
      ...(authority ? [encodeBoolean(true)] : []),
      ...(pathLength === undefined ? [] : [encodeUnsigned(pathLength)]),
    ),
    true,
  )

/** Bits by number: 0 digitalSignature, 5 keyCertSign, 6 cRLSign. */
export const keyUsage = (...bits: readonly number[]): Uint8Array => {
  const byte = bits.reduce((value, bit) => value | (0x80 >> bit), 0)
  const unused = 7 - Math.max(...bits, 0)
  return extension('2.5.29.15', encodeBitString(Uint8Array.of(byte), unused), true)
}

export const extendedKeyUsage = (...purposes: readonly string[]): Uint8Array =>
  extension('2.5.29.37', encodeSequence(...purposes.map(encodeObjectIdentifier)))

export const alternativeNames = (...names: readonly Uint8Array[]): Uint8Array =>
  extension('2.5.29.17', encodeSequence(...names))

export const nameConstraints = (
  permitted: readonly Uint8Array[],
  excluded: readonly Uint8Array[],
  critical = true,
): Uint8Array => extension('2.5.29.30', nameConstraintsValue(permitted, excluded), critical)

export const nameConstraintsValue = (permitted: readonly Uint8Array[], excluded: readonly Uint8Array[]): Uint8Array =>
  encodeSequence(
    ...(permitted.length === 0 ? [] : [encodeContext(0, ...permitted.map((name) => encodeSequence(name)))]),
    ...(excluded.length === 0 ? [] : [encodeContext(1, ...excluded.map((name) => encodeSequence(name)))]),
  )

export const subjectKeyIdentifier = (id: Uint8Array): Uint8Array => extension('2.5.29.14', encodeOctetString(id))
export const authorityKeyIdentifier = (id: Uint8Array): Uint8Array =>
  extension('2.5.29.35', encodeSequence(encodeElement(0x80, id)))

/** GeneralNames. */
export const dns = (name: string): Uint8Array => encodeElement(0x82, text(name))
export const email = (name: string): Uint8Array => encodeElement(0x81, text(name))
export const uri = (name: string): Uint8Array => encodeElement(0x86, text(name))
export const ip = (...bytes: readonly number[]): Uint8Array => encodeElement(0x87, Uint8Array.from(bytes))
export const directory = (name: string | Uint8Array): Uint8Array => encodeContext(4, nameOf(name))
export const otherName = (oid: string): Uint8Array =>
  encodeContext(0, encodeObjectIdentifier(oid), encodeContext(0, encodeElement(Tag.UTF8_STRING, text('x'))))

/** A name from `CN=a,O=b`, most general last as in RFC 4514; no escapes. Bytes are taken as they are. */
export function nameOf(name: string | Uint8Array, tag: number = Tag.UTF8_STRING): Uint8Array {
  if (typeof name !== 'string') return name
  const parts = name === '' ? [] : name.split(',').reverse()
  return encodeSequence(
    ...parts.map((part) => {
      const [type = '', value = ''] = part.split('=')
      const oid = ATTRIBUTES[type] ?? type
      return encodeElement(
        Tag.SET,
        encodeSequence(encodeObjectIdentifier(oid), encodeElement(tag, new TextEncoder().encode(value))),
      )
    }),
  )
}

/** `2030-01-01` or `2030-01-01T00:00:00Z`, as UTCTime until 2049. */
export function timeOf(time: string): Uint8Array {
  const digits = new Date(time).toISOString().replace(/\D/g, '').slice(0, 14)
  return digits < '2050'
    ? encodeElement(Tag.UTC_TIME, text(`${digits.slice(2)}Z`))
    : encodeElement(Tag.GENERALIZED_TIME, text(`${digits}Z`))
}

function signed(tbs: Uint8Array, algorithm: Uint8Array, key: KeyObject, hash: string): Uint8Array {
  const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : hash, tbs, key)
  return encodeSequence(tbs, algorithm, encodeBitString(signature))
}

function algorithmOf(key: KeyObject, hash: 'sha256' | 'sha384' | 'sha1'): Uint8Array {
  if (key.asymmetricKeyType === 'ed25519') return encodeSequence(encodeObjectIdentifier('1.3.101.112'))
  if (key.asymmetricKeyType === 'rsa') {
    const oid = { sha256: '1.2.840.113549.1.1.11', sha384: '1.2.840.113549.1.1.12', sha1: '1.2.840.113549.1.1.5' }[hash]
    return encodeSequence(encodeObjectIdentifier(oid), Uint8Array.of(5, 0))
  }
  const oid = { sha256: '1.2.840.10045.4.3.2', sha384: '1.2.840.10045.4.3.3', sha1: '1.2.840.10045.4.1' }[hash]
  return encodeSequence(encodeObjectIdentifier(oid))
}

function serialOf(serial: number | Uint8Array | undefined): Uint8Array {
  return serial instanceof Uint8Array ? encodeElement(Tag.INTEGER, serial) : encodeUnsigned(serial ?? 1)
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

const ATTRIBUTES: { readonly [name: string]: string } = {
  CN: '2.5.4.3',
  C: '2.5.4.6',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  emailAddress: '1.2.840.113549.1.9.1',
}

/** Making keys is the slow part: certificates that do not care share one. */
export const defaultKey: TestKey = makeKey()
