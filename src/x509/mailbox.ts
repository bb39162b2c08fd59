import { isDomainName } from './domain-name.ts'

/** A mail address: the local part is compared as it is, the domain in lower case. */
export interface Mailbox {
  /** Without quotes. */
  readonly local: string
  readonly domain: string
}

/** An rfc822Name (`Mailbox` of RFC 5321, Section 4.1.2), or `undefined` where it is none. Address literals are not taken. */
export function parseMailbox(text: string): Mailbox | undefined {
  const at = text.lastIndexOf('@')
  if (at < 1) return undefined
  const domain = text.slice(at + 1).toLowerCase()
  const local = parseLocalPart(text.slice(0, at))
  return local === undefined || !isDomainName(domain) ? undefined : { local, domain }
}

/** The host of a URI, in lower case, where it has one and it is a domain name and no address; otherwise `undefined`. */
export function parseUriHost(uri: string): string | undefined {
  const host = URI_HOST.exec(uri)?.[1]?.toLowerCase()
  if (host === undefined || !isDomainName(host) || NUMERIC_END.test(host)) return undefined
  return host
}

function parseLocalPart(text: string): string | undefined {
  if (!text.startsWith('"')) return DOT_STRING.test(text) ? text : undefined
  return QUOTED_STRING.test(text) ? text.slice(1, -1).replace(/\\(.)/g, '$1') : undefined
}

const DOT_STRING = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/
const QUOTED_STRING = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"$/
/** RFC 3986, Section 3.2, with a scheme and an authority. */
const URI_HOST = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/?#]*@)?([^@/?#:[\]]*)(?::[0-9]*)?(?:[/?#]|$)/i
/** A host whose last label is a number is an IPv4 address, whatever its form. */
const NUMERIC_END = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/
