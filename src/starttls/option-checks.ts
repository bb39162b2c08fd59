import { ConfigurationError } from '../errors.ts'

/**
 * A value that becomes part of a line or of a header: one word of visible characters, so that it cannot say more than its place is for.
 * @throws ConfigurationError
 */
export function requireWord(field: string, value: string): string {
  if (typeof value === 'string' && /^[^\s\p{Cc}]+$/u.test(value)) return value
  throw new ConfigurationError(`dialogue.${field}`, `${JSON.stringify(value)} is not one word of visible characters`)
}

/**
 * A value that becomes a line, or a part of one, with spaces in it.
 * @throws ConfigurationError
 */
export function requireLine(field: string, value: string): string {
  if (typeof value === 'string' && /^[^\p{Cc}]+$/u.test(value)) return value
  throw new ConfigurationError(`dialogue.${field}`, `${JSON.stringify(value)} is not a line of text`)
}
