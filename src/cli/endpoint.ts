import { isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { UsageFailure } from './exit-code.ts'

export interface Endpoint {
  /** A name in ASCII, or an address without brackets. */
  readonly host: string
  readonly port: number
}

/** Reads `HOST`, `HOST:PORT`, `[IPv6]:PORT` and a bare IPv6 address. */
export function parseEndpoint(text: string, defaultPort = 443): Endpoint {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) throw new UsageFailure(`'${text}' is a URL`, { hint: hintForURL(text) })
  if (isIPv6(text)) return { host: text, port: defaultPort }
  const match = /^(?:\[(?<address>[^\]]*)\]|(?<name>[^:[\]/\s]+))(?::(?<port>\d+))?$/.exec(text)
  const { address, name = '', port: digits = String(defaultPort) } = match?.groups ?? {}
  const port = Number(digits)
  const host = address ?? domainToASCII(name)
  if (match === null || host === '' || port < 1 || port > 0xffff || (address !== undefined && !isIPv6(address))) {
    throw new UsageFailure(`'${text}' is not HOST[:PORT]`, {
      hint: 'write example.org, example.org:443, 192.0.2.1:443 or [2001:db8::1]:443',
    })
  }
  return { host, port }
}

/** The same in writing, with brackets where they are needed. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

function hintForURL(text: string): string | undefined {
  try {
    const { hostname, port } = new URL(text)
    return hostname === '' ? undefined : `give the host and port alone: ${hostname}${port === '' ? '' : `:${port}`}`
  } catch {
    return undefined
  }
}
