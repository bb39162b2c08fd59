/** What programs give to functions, held against its type before anything is done with it. What may be left out may be `undefined`. */
import { ConfigurationError } from '../errors.ts'
import { typeOf } from './source.ts'

/** The longest delay that a timer takes, some 24 days: a longer one would fire at once. */
export const longestDelayMilliseconds = 0x7fffffff

/** @throws TypeError for what is no object with options; of a function that says `where`, or of a field. */
export function requireObject(where: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where, 'an object', value)
}

export function optionalObject(field: string, value: unknown): void {
  if (value !== undefined) requireObject(field, value)
}

/** @throws TypeError for what is no text; ConfigurationError for none at all. */
export function requireText(field: string, value: unknown): void {
  if (typeof value !== 'string') throw wrong(field, 'a string', value)
  if (value === '') throw new ConfigurationError(field, 'is empty')
}

export function optionalText(field: string, value: unknown): void {
  if (value !== undefined) requireText(field, value)
}

export function optionalBoolean(field: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw wrong(field, 'true or false', value)
}

export function requireFunction(field: string, value: unknown): void {
  if (typeof value !== 'function') throw wrong(field, 'a function', value)
}

export function optionalFunction(field: string, value: unknown): void {
  if (value !== undefined) requireFunction(field, value)
}

/** @throws TypeError for what is no number; ConfigurationError for one that is not whole or out of its range. */
export function optionalWhole(
  field: string,
  value: unknown,
  { from, to = longestDelayMilliseconds }: { readonly from: number; readonly to?: number },
): void {
  if (value === undefined) return
  if (typeof value !== 'number') throw wrong(field, 'a number', value)
  if (Number.isInteger(value) && value >= from && value <= to) return
  const range = `${from.toLocaleString('en')} to ${to.toLocaleString('en')}`
  throw new ConfigurationError(field, `${value} is not a whole number from ${range}`)
}

/** @throws TypeError for what is no number; ConfigurationError for one that no port has. */
export function requirePort(field: string, value: unknown): void {
  if (value === undefined) throw wrong(field, 'a number', value)
  optionalWhole(field, value, { from: 1, to: 65_535 })
}

function wrong(field: string, what: string, got: unknown): TypeError {
  return new TypeError(`${field}: expected ${what}, got ${typeOf(got)}`)
}
