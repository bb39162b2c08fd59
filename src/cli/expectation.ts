import { cipherSuiteName } from '../config/cipher-suite.ts'
import { namedGroupName } from '../config/named-group.ts'
import { SignatureScheme } from '../config/signature-scheme.ts'
import { daysUntil } from './certificate-description.ts'
import type { ConnectionReport } from './connection-report.ts'
import { UsageFailure } from './exit-code.ts'
import { parseCiphers, parseGroups, parseVersion } from './names.ts'
import { nearest } from './nearest.ts'

/** One condition of `--expect 'version>=1.3,days>14'`. */
export interface Expectation {
  /** As it was written. */
  readonly text: string
  /** What is instead, where the condition does not hold. */
  violation(report: ConnectionReport): string | undefined
}

/** @throws UsageFailure where it cannot be read: a check that checks nothing would be worse than none. */
export function parseExpectations(text: string): readonly Expectation[] {
  return text.split(',').map((each) => parseExpectation(each.trim()))
}

/** What can be expected, for the help. */
export const expectationSubjects: readonly string[] = [
  'version',
  'days',
  'cipher',
  'group',
  'signature',
  'alpn',
  'verified',
  'resumed',
  'connect',
  'handshake',
]

function parseExpectation(text: string): Expectation {
  const match = /^(?<subject>[a-z]+)\s*(?<operator>>=|<=|!=|==|=|>|<)\s*(?<value>.+)$/i.exec(text)
  if (match === null) {
    throw new UsageFailure(`--expect: '${text}' is not a condition`, {
      hint: "write for instance 'version>=1.3,days>14'",
    })
  }
  const { subject: given = '', operator: sign = '', value = '' } = match.groups ?? {}
  const name = given.toLowerCase()
  const subject = subjects.get(name)
  if (subject === undefined) {
    const close = nearest(name, expectationSubjects)
    throw new UsageFailure(`--expect: '${name}' is nothing that can be expected`, {
      hint: close === undefined ? `there are ${expectationSubjects.join(', ')}` : `did you mean ${close}?`,
    })
  }
  // The pattern lets nothing else through.
  const operator = sign.replace('==', '=') as Operator
  if (!subject.ordered && operator !== '=' && operator !== '!=') {
    throw new UsageFailure(`--expect: ${name} has no order: compare it with = or !=`)
  }
  const wanted = subject.parse(value)
  return {
    text,
    violation(report) {
      const actual = subject.of(report)
      return actual.value !== undefined && holds[operator](compare(actual.value, wanted)) ? undefined : actual.shown
    },
  }
}

type Operator = '=' | '!=' | '>=' | '<=' | '>' | '<'
type Value = string | number

const holds: { readonly [O in Operator]: (order: number) => boolean } = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '>=': (order) => order >= 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '<': (order) => order < 0,
}

function compare(left: Value, right: Value): number {
  if (left === right) return 0
  return left > right ? 1 : -1
}

interface Subject {
  readonly ordered: boolean
  parse(text: string): Value
  of(report: ConnectionReport): { readonly value: Value | undefined; readonly shown: string }
}

const subjects: ReadonlyMap<string, Subject> = new Map<string, Subject>([
  // 'TLSv1.2' and 'TLSv1.3' sort as their versions do.
  ['version', { ordered: true, parse: parseVersion, of: ({ version }) => named(version) }],
  ['days', number(({ chain: [leaf] }) => (leaf === undefined ? undefined : daysUntil(leaf.notAfter)))],
  [
    'cipher',
    {
      ordered: false,
      parse: (text) => cipherSuiteName(only(parseCiphers(text))),
      of: (report) => named(report.cipherSuite),
    },
  ],
  [
    'group',
    { ordered: false, parse: (text) => namedGroupName(only(parseGroups(text))), of: ({ group }) => named(group) },
  ],
  ['signature', { ...word(({ signatureScheme }) => signatureScheme), parse: parseScheme }],
  ['alpn', word(({ alpn }) => alpn)],
  ['verified', yesOrNo(({ verified }) => verified)],
  ['resumed', yesOrNo(({ resumed }) => resumed)],
  ['connect', number(({ milliseconds }) => milliseconds.connect)],
  ['handshake', number(({ milliseconds }) => milliseconds.handshake)],
])

function named(value: string | null): { readonly value: string; readonly shown: string } {
  return { value: value ?? 'none', shown: value ?? 'none' }
}

function word(read: (report: ConnectionReport) => string | null): Subject {
  return { ordered: false, parse: (text) => text, of: (report) => named(read(report)) }
}

function parseScheme(text: string): string {
  const known = Object.keys(SignatureScheme)
  const found = known.find((each) => each.toLowerCase() === text.toLowerCase())
  if (found !== undefined) return found
  const close = nearest(text, known)
  throw new UsageFailure(`--expect: there is no signature scheme of the name '${text}'`, {
    hint: close === undefined ? `the names are ${known.join(', ')}` : `did you mean ${close}?`,
  })
}

function yesOrNo(read: (report: ConnectionReport) => boolean): Subject {
  return {
    ordered: false,
    parse(text) {
      if (/^(yes|true)$/i.test(text)) return 'yes'
      if (/^(no|false)$/i.test(text)) return 'no'
      throw new UsageFailure(`--expect: '${text}' is neither yes nor no`)
    },
    of: (report) => named(read(report) ? 'yes' : 'no'),
  }
}

function number(read: (report: ConnectionReport) => number | undefined): Subject {
  return {
    ordered: true,
    parse(text) {
      const value = Number(text)
      if (text.trim() === '' || !Number.isFinite(value)) throw new UsageFailure(`--expect: '${text}' is not a number`)
      return value
    },
    of(report) {
      const value = read(report)
      return { value, shown: value === undefined ? 'none' : String(value) }
    },
  }
}

function only(values: readonly number[]): number {
  return values[0] ?? 0
}
