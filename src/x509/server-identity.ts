import { isDomainName, parsePresentedDomain } from './domain-name.ts'
import type { GeneralName } from './general-name.ts'
import { formatIpAddress, parseIpAddress } from './ip-address.ts'

/** Whom the client wants to talk to: RFC 9525, Section 6.1. */
export type ServerIdentity =
  | { readonly kind: 'dns'; readonly domain: string }
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }

/**
 * The identity that a server name stands for: an IP address (IPv6 with or without brackets) or a DNS name, whose dot at the end is
 * dropped. `undefined` where it is neither; names in Unicode have to be given as A-labels (`xn--…`).
 */
export function parseServerIdentity(serverName: string): ServerIdentity | undefined {
  const bracketed = /^\[(.*:.*)\]$/.exec(serverName)?.[1]
  const bytes = parseIpAddress(bracketed ?? serverName)
  if (bytes !== undefined) return { kind: 'ip', bytes }
  const domain = (serverName.endsWith('.') ? serverName.slice(0, -1) : serverName).toLowerCase()
  return isDomainName(domain) ? { kind: 'dns', domain } : undefined
}

/**
 * Whether one of the alternative names is the server's: RFC 9525, Sections 6.3 and 6.4. Common names do not count. A wildcard
 * stands for exactly one label, and must be followed by two labels at least, as OpenSSL demands (`*.example.com`, not `*.com`).
 * An IP address matches only an address, of the same length and byte by byte.
 */
export function matchesServerIdentity(names: readonly GeneralName[], identity: ServerIdentity): boolean {
  return names.some((name) => {
    if (identity.kind === 'ip') {
      if (name.form !== 'ip' || name.bytes.length !== identity.bytes.length) return false
      return name.bytes.every((byte, i) => byte === identity.bytes[i])
    }
    return name.form === 'dns' && matchesDomain(name.value, identity.domain)
  })
}

/** For messages: the names that a certificate has for a server. */
export function describeServerNames(names: readonly GeneralName[]): string {
  const texts = names.flatMap((name) => {
    if (name.form === 'dns') return [JSON.stringify(name.value)]
    return name.form === 'ip' ? [formatIpAddress(name.bytes)] : []
  })
  if (texts.length === 0) return 'no DNS name or IP address'
  const shown = texts.slice(0, 8).join(', ')
  return texts.length > 8 ? `${shown} and ${texts.length - 8} more` : shown
}

function matchesDomain(value: string, domain: string): boolean {
  const presented = parsePresentedDomain(value)
  if (presented === undefined) return false
  if (!presented.wildcard) return presented.domain === domain
  const dot = domain.indexOf('.')
  return dot > 0 && presented.domain.includes('.') && domain.slice(dot + 1) === presented.domain
}
