import type { Dialogue, Reading, Script } from './dialogue.ts'
import type { Talk } from './talk.ts'

/**
 * What a server of ManageSieve said of itself, in plain text: nobody has vouched for it. Inside TLS it says it again without being asked
 * (RFC 5804, Section 2.2.), for the program to read.
 */
export interface ManageSieveLearned {
  /** Capabilities by name in capital letters, with their values, such as `SASL` with `PLAIN`; an empty value where there is none. */
  readonly capabilities: ReadonlyMap<string, string>
}

/** RFC 5804, Section 2.2. */
export const managesieve: Dialogue<unknown, ManageSieveLearned> = {
  protocol: 'managesieve',
  specification: 'RFC 5804',
  ports: [4190],
  role: 'client',
  *speak(talk): Script<ManageSieveLearned> {
    const greeting = yield* readResponse(talk)
    if (greeting.status !== 'OK') throw talk.refused('the server does not want to speak with us', greeting.said)
    const capabilities = new Map(greeting.data.map(([name = '', value = '']) => [name.toUpperCase(), value] as const))
    const learned = { capabilities }
    if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }
    if (!capabilities.has('STARTTLS')) {
      return { kind: 'not-offered', learned, message: 'the server does not offer STARTTLS' }
    }

    talk.say('STARTTLS\r\n')
    const { status, said } = yield* readResponse(talk)
    if (status === 'OK') return { kind: 'go-ahead', learned }
    if (status === 'BYE') throw talk.refused('the server ends the connection', said)
    return { kind: 'refused', learned, message: 'the server refused STARTTLS', said }
  },
}

interface Response {
  /** The strings of each line before the last. */
  readonly data: readonly (readonly string[])[]
  readonly status: 'OK' | 'NO' | 'BYE'
  /** The last line, as it was said. */
  readonly said: string
}

function* readResponse(talk: Talk): Reading<Response> {
  const data: (readonly string[])[] = []
  for (;;) {
    const line = yield* talk.line()
    const status = /^(OK|NO|BYE)(?: |$)/i.exec(line)?.[1]?.toUpperCase() as Response['status'] | undefined
    if (status === undefined) data.push(yield* stringsOf(talk, line))
    else {
      const said = yield* withLiteral(talk, line)
      return { data, status, said }
    }
  }
}

/** Strings in quotes, or as literals: `{5}` at the end of a line, and then so many bytes. RFC 5804, Section 4. */
function* stringsOf(talk: Talk, first: string): Reading<readonly string[]> {
  const strings: string[] = []
  let rest = yield* withLiteral(talk, first)
  while (rest !== '') {
    const [whole, quoted] = /^"((?:[^"\\]|\\["\\])*)"(?: |$)/.exec(rest) ?? []
    if (whole === undefined || quoted === undefined) throw talk.malformed('strings in quotes', first)
    strings.push(quoted.replace(/\\(.)/g, '$1'))
    rest = rest.slice(whole.length)
  }
  if (strings.length === 0) throw talk.malformed('a capability, OK, NO or BYE', first)
  return strings
}

/** The line with its literals written as strings in quotes. */
function* withLiteral(talk: Talk, first: string): Reading<string> {
  let line = first
  for (;;) {
    const [marker, length] = /\{(\d{1,6})\+?\}$/.exec(line) ?? []
    if (marker === undefined) return line
    const text = new TextDecoder().decode(yield* talk.take(Number(length)))
    line = `${line.slice(0, -marker.length)}"${text.replace(/["\\]/g, '\\$&')}"${yield* talk.line()}`
  }
}
