import { readFirstProtocol } from './codec/client-hello.ts'
import type { ClientHello } from './config/client-hello.ts'
import { nobleDigest } from './crypto/noble/hash.ts'

/**
 * The JA4 fingerprint of a client: what it offers, in a form that tells programs apart and not connections. The same program has the same
 * one whatever the order of its extensions; that two have the same proves nothing. GREASE (RFC 8701) does not count.
 * Source: FoxIO, JA4, "Technical Details".
 */
export function ja4(clientHello: ClientHello): string {
  const isWhole =
    clientHello?.raw instanceof Uint8Array &&
    (['versions', 'ciphers', 'extensions', 'signatureSchemes'] as const).every((list) =>
      Array.isArray(clientHello[list]),
    )
  if (!isWhole) throw new TypeError('clientHello: expected what chooseContext is given')
  const ciphers = withoutGrease(clientHello.ciphers)
  const extensions = withoutGrease(clientHello.extensions)
  const named = new Set([serverNameType, alpnType])
  const schemes = withoutGrease(clientHello.signatureSchemes).map(hexOf)
  const sorted = (values: readonly number[]): string => values.map(hexOf).sort().join()
  const others = sorted(extensions.filter((type) => !named.has(type)))
  const summary = [
    't',
    versionOf(clientHello.versions),
    extensions.includes(serverNameType) ? 'd' : 'i',
    countOf(ciphers),
    countOf(extensions),
    endsOf(readFirstProtocol(clientHello.raw)),
  ]
  return [
    summary.join(''),
    digestOf(sorted(ciphers)),
    digestOf(schemes.length === 0 ? others : `${others}_${schemes.join()}`),
  ].join('_')
}

const serverNameType = 0x0000
const alpnType = 0x0010

function versionOf(versions: readonly number[]): string {
  const highest = Math.max(0, ...withoutGrease(versions))
  return { 772: '13', 771: '12', 770: '11', 769: '10', 768: 's3' }[highest] ?? '00'
}

function countOf(values: readonly number[]): string {
  return String(Math.min(values.length, 99)).padStart(2, '0')
}

/** The first and the last character; of the hexadecimal form where one of them is neither letter nor digit. */
function endsOf(protocol: Uint8Array | undefined): string {
  const ends = [protocol?.at(0), protocol?.at(-1)].filter((byte) => byte !== undefined)
  if (protocol === undefined || ends.length === 0) return '00'
  const text = String.fromCharCode(...ends)
  if (/^[0-9A-Za-z]{2}$/.test(text)) return text
  const hex = hexOfBytes(protocol)
  return `${hex.at(0)}${hex.at(-1)}`
}

function digestOf(list: string): string {
  if (list === '') return '000000000000'
  return hexOfBytes(nobleDigest('sha256', new TextEncoder().encode(list))).slice(0, 12)
}

function withoutGrease(values: readonly number[]): readonly number[] {
  return values.filter((value) => (value & 0x0f0f) !== 0x0a0a || value >> 8 !== (value & 0xff))
}

function hexOf(value: number): string {
  return value.toString(16).padStart(4, '0')
}

function hexOfBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
