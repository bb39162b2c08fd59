import { createHash, X509Certificate } from 'node:crypto'
import { isIPv6 } from 'node:net'

/** What a person or a script wants to know of a certificate. */
export interface CertificateDescription {
  /** In the manner of RFC 4514. */
  readonly subject: string
  readonly issuer: string
  /** Host names and addresses as they are; other kinds with what they are in front, such as `URI:…`. */
  readonly subjectAltNames: readonly string[]
  /** ISO 8601, UTC. */
  readonly notBefore: string
  readonly notAfter: string
  /** Of the whole certificate, in hexadecimal. */
  readonly sha256: string
}

export function describeCertificate(der: Uint8Array): CertificateDescription {
  const certificate = new X509Certificate(der)
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    subjectAltNames: alternativeNames(certificate.subjectAltName),
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: new Date(certificate.validTo).toISOString(),
    sha256: createHash('sha256').update(der).digest('hex'),
  }
}

/** Whole days from now until then, negative when it is past. */
export function daysUntil(iso: string, now: number = Date.now()): number {
  return Math.floor((Date.parse(iso) - now) / 86_400_000)
}

/** Node gives one attribute on each line, escaped, the most general first; RFC 4514, Section 2.1, has them the other way round. */
function distinguishedName(lines: string | undefined): string {
  // A certificate may have no subject; Node then gives undefined in spite of its types.
  return (lines ?? '').split('\n').reverse().join(',')
}

/** Node writes `DNS:a, IP Address:b`, and quotes values that could be mistaken for more than one. */
function alternativeNames(text: string | undefined): readonly string[] {
  const entries = (text ?? '').match(/[^:,]+:(?:"(?:[^"\\]|\\.)*"|[^,]*)/g) ?? []
  return entries.map((entry) => {
    const colon = entry.indexOf(':')
    const kind = entry.slice(0, colon).trim()
    const value = unquoted(entry.slice(colon + 1))
    if (kind === 'DNS') return value
    if (kind === 'IP Address') return isIPv6(value) ? new URL(`http://[${value}]`).hostname.slice(1, -1) : value
    return `${kind}:${value}`
  })
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value
  try {
    return String(JSON.parse(value))
  } catch {
    return value
  }
}
