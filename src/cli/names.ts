import { longestDelayMilliseconds } from '../config/arguments.ts'
import { CipherSuite } from '../config/cipher-suite.ts'
import { NamedGroup } from '../config/named-group.ts'
import type { CodePoint } from '../config/registry.ts'
import type { NegotiatedVersion } from '../config/tls-version.ts'
import { UsageFailure } from './exit-code.ts'
import { nearest } from './nearest.ts'

/** Reads the values of options: names of IANA's registries in any letter case, numbers, lists of them. */

/** `1.2`, `1.3`, `TLSv1.3`, `tls1.3`. */
export function parseVersion(text: string): NegotiatedVersion {
  const version = text
    .trim()
    .toLowerCase()
    .replace(/^tls\s*v?/, '')
  if (version === '1.2') return 'TLSv1.2'
  if (version === '1.3') return 'TLSv1.3'
  const hint = /^(1\.[01]|1|ssl.*)$/.test(version)
    ? 'nothing older than TLS 1.2 is offered: RFC 8996 forbids it'
    : 'the versions are 1.2 and 1.3'
  throw new UsageFailure(`'${text}' is not a version of TLS that can be asked for`, { hint })
}

export function parseCiphers(text: string): readonly CodePoint[] {
  return listOf(text, /[,:]/).map((name) => codePointOf('cipher suite', name, CipherSuite))
}

export function parseGroups(text: string): readonly CodePoint[] {
  return listOf(text, /[,:]/).map((name) =>
    codePointOf('group', groupAliases.get(name.toLowerCase()) ?? name, NamedGroup),
  )
}

/** What NIST and older tools call them. */
const groupAliases: ReadonlyMap<string, string> = new Map([
  ['p-256', 'secp256r1'],
  ['p-384', 'secp384r1'],
  ['p-521', 'secp521r1'],
  ['prime256v1', 'secp256r1'],
])

/** Comma-separated, for names of hosts and of protocols. */
export function parseList(text: string): readonly string[] {
  return listOf(text, /,/)
}

export function parseMilliseconds(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > longestDelayMilliseconds) {
    throw new UsageFailure(`'${text}' is not a whole number of milliseconds from 1 to ${longestDelayMilliseconds}`)
  }
  return value
}

/** A port to connect to. */
export function parsePort(text: string): number {
  return portFrom(1, text)
}

/** A port to listen on, where 0 stands for any that is free. */
export function parseOwnPort(text: string): number {
  return portFrom(0, text)
}

function portFrom(lowest: number, text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < lowest || value > 0xffff)
    throw new UsageFailure(`'${text}' is not a port from ${lowest} to 65535`)
  return value
}

function listOf(text: string, separator: RegExp): readonly string[] {
  const names = text.split(separator).map((each) => each.trim())
  if (names.includes('')) throw new UsageFailure(`'${text}' is not a list of names: one of them is empty`)
  return names
}

function codePointOf(what: string, name: string, registry: Readonly<Record<string, CodePoint>>): CodePoint {
  const entry = Object.entries(registry).find(([each]) => each.toLowerCase() === name.toLowerCase())
  if (entry !== undefined) return entry[1]
  if (/^0x[0-9a-f]{1,4}$/i.test(name)) return Number(name)
  const names = Object.keys(registry)
  const close = nearest(name, names)
  throw new UsageFailure(`there is no ${what} of the name '${name}'`, {
    hint: close === undefined ? `the names are ${names.join(', ')}` : `did you mean ${close}?`,
  })
}
