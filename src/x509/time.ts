import { type DerReader, Tag } from '../codec/der.ts'

/**
 * A `Time` as certificates and CRLs have it, in seconds since 1970-01-01T00:00:00Z. Only the forms of RFC 5280, Sections 4.1.2.5.1 and
 * 4.1.2.5.2: in UTC (`Z`), with seconds, without fractions.
 */
export function decodeTime(reader: DerReader, field: string): CertificateTime {
  const generalized = reader.nextTag === Tag.GENERALIZED_TIME
  const content = reader.content(generalized ? Tag.GENERALIZED_TIME : Tag.UTC_TIME, field)
  const yearDigits = generalized ? 4 : 2
  if (content.length !== yearDigits + 11 || content[content.length - 1] !== 0x5a) {
    throw reader.fault('a time that is not in UTC with seconds', field)
  }
  const digits = (at: number, count: number): number => {
    let value = 0
    for (let i = at; i < at + count; i++) {
      const digit = (content[i] as number) - 0x30
      if (digit < 0 || digit > 9) throw reader.fault('a time with something else than digits', field)
      value = value * 10 + digit
    }
    return value
  }
  let year = digits(0, yearDigits)
  if (!generalized) year += year >= 50 ? 1900 : 2000
  const month = digits(yearDigits, 2)
  const day = digits(yearDigits + 2, 2)
  const hour = digits(yearDigits + 4, 2)
  const minute = digits(yearDigits + 6, 2)
  const second = digits(yearDigits + 8, 2)
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  if (
    date.getUTCFullYear() !== year ||
    date.getUTCMonth() !== month - 1 ||
    date.getUTCDate() !== day ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  ) {
    throw reader.fault('a time that no calendar has', field)
  }
  return { seconds: date.getTime() / 1000, generalized }
}

export interface CertificateTime {
  readonly seconds: number
  /** Whether it is written as GeneralizedTime, which RFC 5280 keeps for the years from 2050. */
  readonly generalized: boolean
}

/** For messages: `2026-07-01 12:00:00 UTC`. */
export function formatTime(seconds: number): string {
  const text = new Date(seconds * 1000).toISOString()
  return `${text.slice(0, -5).replace('T', ' ')} UTC`
}
