/** A DNS name as a certificate presents it: lower case, with the wildcard label taken off. */
export interface PresentedDomain {
  readonly wildcard: boolean
  /** The name; with a wildcard, what follows `*.`. */
  readonly domain: string
}

/**
 * Whether this is a DNS name in the form that hosts have: labels of letters, digits and hyphens (RFC 1034, Section 3.5; RFC 1123,
 * Section 2.1) with at most 63 characters, 253 in all, no dot at the end. Underscores are accepted, because names with them are in use
 * inside organisations; `strict` refuses them, and hyphens at the edge of a label.
 */
export function isDomainName(text: string, options: { strict?: boolean } = {}): boolean {
  return text.length <= 253 && (options.strict ? STRICT_DOMAIN : DOMAIN).test(text)
}

/** A dNSName of a certificate, or `undefined` where it is none: a wildcard counts only as the whole left-most label. */
export function parsePresentedDomain(value: string): PresentedDomain | undefined {
  const wildcard = value.startsWith('*.')
  const domain = (wildcard ? value.slice(2) : value).toLowerCase()
  return isDomainName(domain) ? { wildcard, domain } : undefined
}

/** Whether `domain` is `base` or lies below it. Both in lower case; everything lies below the empty name. */
export function isWithinDomain(domain: string, base: string): boolean {
  if (base === '' || domain === base) return true
  return isBelowDomain(domain, base)
}

/** Whether `domain` has at least one label more than `base`, and ends with it. */
export function isBelowDomain(domain: string, base: string): boolean {
  if (base === '') return true
  return domain.endsWith(base) && domain.charCodeAt(domain.length - base.length - 1) === DOT
}

const DOT = 0x2e
const DOMAIN = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/i
const STRICT_DOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i
