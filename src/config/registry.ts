import { typeOf } from './source.ts'

/**
 * A number that a registry of IANA assigns. Every registry of this library is a table of the names it knows; a number that is in
 * none of them is accepted as it is, and the backend says whether it can do it.
 */
export type CodePoint = number

/** The registered name of a code point, or its hexadecimal form when the registry does not know it. */
export function codePointName(registry: Readonly<Record<string, CodePoint>>, codePoint: CodePoint): string {
  requireCodePoint(codePoint)
  for (const [name, value] of Object.entries(registry)) if (value === codePoint) return name
  return `0x${codePoint.toString(16).padStart(4, '0')}`
}

/** @throws TypeError */
export function requireCodePoint(codePoint: unknown): void {
  if (typeof codePoint !== 'number') throw new TypeError(`codePoint: expected a number, got ${typeOf(codePoint)}`)
}
