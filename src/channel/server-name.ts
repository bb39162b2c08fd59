import { typeOf } from '../config/source.ts'
import { ConfigurationError } from '../errors.ts'

/** What a peer has to prove to be: a host name as it goes over the wire, or an address. */
export type ServerName =
  | { readonly kind: 'dns'; readonly name: string }
  | { readonly kind: 'ip'; readonly address: string; readonly bytes: Uint8Array }

/**
 * Reads what the caller calls the server: a host name (also an international one, also with the root's dot) or an IP address (with
 * or without a zone, brackets are for URLs). RFC 6066, Section 3, sends names without the last dot and addresses not at all.
 * @throws ConfigurationError where it is neither.
 */
export function parseServerName(text: string): ServerName {
  if (last === undefined || last.text !== text) last = { text, name: parse(text) }
  return last.name
}

/** Most clients ask for the same server again. */
let last: { readonly text: string; readonly name: ServerName } | undefined

function parse(text: string): ServerName {
  if (typeof text !== 'string' || text === '') {
    const given = typeof text === 'object' || typeof text === 'function' ? typeOf(text) : String(text)
    throw refused(given, 'expected a host name or an IP address')
  }
  const bytes = parseIPv4(text) ?? parseIPv6(text)
  if (bytes !== undefined) return { kind: 'ip', address: text.replace(/%.*$/, ''), bytes }
  return { kind: 'dns', name: parseHostName(text) }
}

/** The name or address as text, without the root's dot and an address's zone. */
export function nameText(serverName: ServerName | undefined): string | undefined {
  return serverName?.kind === 'dns' ? serverName.name : serverName?.address
}

function parseHostName(text: string): string {
  const name = toAscii(text.endsWith('.') ? text.slice(0, -1) : text)
  // RFC 1034, Section 3.1: labels of 1 to 63 characters, 253 in all. Underscores occur in practice and do no harm.
  if (
    name === undefined ||
    name.length > 253 ||
    !name.split('.').every((label) => /^(?!-)[a-z0-9_-]{1,63}$/.test(label))
  ) {
    throw refused(text, 'is neither a host name nor an IP address')
  }
  // The last label of a name is never a number, or addresses that were written wrongly would pass as names.
  if (/(^|\.)\d+$/.test(name)) throw refused(text, 'is not an IP address, and no name ends in a number')
  return name
}

/** The A-label form of an international name, by the rules that the runtime's URLs follow. */
function toAscii(text: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is the range of ASCII
  if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase()
  return hostOfURL(text)
}

function parseIPv4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return Uint8Array.from(parts, Number)
}

function parseIPv6(text: string): Uint8Array | undefined {
  const address = text.replace(/%[^%]+$/, '')
  if (!address.includes(':') || /[^0-9a-f:.]/i.test(address)) return undefined
  // URLs write every address in its one canonical form, without a dotted tail.
  const canonical = hostOfURL(`[${address}]`)?.slice(1, -1)
  if (canonical === undefined) return undefined
  const [head = '', tail] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...new Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]),
  )
}

function hostOfURL(host: string): string | undefined {
  try {
    return new URL(`http://${host}/`).hostname
  } catch {
    return undefined
  }
}

function refused(text: string, why: string): ConfigurationError {
  return new ConfigurationError('serverName', `'${text.slice(0, 64)}' ${why}`)
}
