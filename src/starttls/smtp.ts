import type { Dialogue, Reading, Script } from './dialogue.ts'
import { requireWord } from './option-checks.ts'
import type { Talk } from './talk.ts'

/** How a client of SMTP or LMTP introduces itself. */
export interface SMTPClientOptions {
  /**
   * Our name for EHLO (LHLO), a domain name or an address in brackets. Default: our address, as RFC 5321, Section 4.1.4. has it for who has
   * no name.
   */
  readonly clientName?: string | undefined
}

/** What a server of SMTP or LMTP said of itself, in plain text: nobody has vouched for it. Behind TLS a client says EHLO anew. */
export interface SMTPLearned {
  /** The text of the greeting; several lines are joined by line feeds. */
  readonly greeting: string
  /** The lines of the answer to EHLO but the first, such as `SIZE 35882577`. Empty where the server knows no EHLO. */
  readonly capabilities: readonly string[]
}

export const smtp: Dialogue<SMTPClientOptions, SMTPLearned> = clientOf('smtp', 'RFC 3207', [25, 587])

/** Its own protocol since a server answers for each recipient; until TLS it differs from SMTP in one word. RFC 2033, Section 4.1. */
export const lmtp: Dialogue<SMTPClientOptions, SMTPLearned> = clientOf('lmtp', 'RFC 2033, RFC 3207', [24])

function clientOf(
  protocol: 'smtp' | 'lmtp',
  specification: string,
  ports: readonly number[],
): Dialogue<SMTPClientOptions, SMTPLearned> {
  return {
    protocol,
    specification,
    ports,
    role: 'client',
    *speak(talk, options): Script<SMTPLearned> {
      const clientName = requireWord('clientName', options.clientName ?? literalOf(talk.surroundings.localAddress))
      const first = yield* readReply(talk)
      const greeting = first.lines.join('\n')
      if (first.code !== 220) throw talk.refused('the server does not want to speak with us', first.said)

      talk.say(`${protocol === 'smtp' ? 'EHLO' : 'LHLO'} ${clientName}\r\n`)
      const hello = yield* readReply(talk)
      if (hello.code !== 250) {
        if (protocol === 'lmtp') throw talk.refused('the server refuses LHLO', hello.said)
        talk.say(`HELO ${clientName}\r\n`)
        const old = yield* readReply(talk)
        if (old.code !== 250) throw talk.refused('the server refuses EHLO and HELO', old.said)
        const message = 'the server knows no EHLO, and so no STARTTLS'
        return { kind: 'not-offered', learned: { greeting, capabilities: [] }, message, said: hello.said }
      }
      const learned = { greeting, capabilities: hello.lines.slice(1) }
      if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }
      if (!learned.capabilities.some((line) => /^STARTTLS\s*$/i.test(line))) {
        return { kind: 'not-offered', learned, message: 'the server does not offer STARTTLS' }
      }

      // Nothing is sent along with it: RFC 3207, Section 4.
      talk.say('STARTTLS\r\n')
      const answer = yield* readReply(talk)
      if (answer.code === 220) return { kind: 'go-ahead', learned }
      return { kind: 'refused', learned, message: 'the server refused STARTTLS', said: answer.said }
    },
  }
}

/** A reply of one or more lines. RFC 5321, Section 4.2.1. FTP has it too. */
export function* readReply(talk: Talk): Reading<{
  readonly code: number
  /** The texts of the lines. */
  readonly lines: readonly string[]
  /** All of it, as it was said. */
  readonly said: string
}> {
  const lines: string[] = []
  const said: string[] = []
  let code: string | undefined
  for (;;) {
    const line = yield* talk.line()
    const match = /^([2-5]\d\d)(?:([ -])(.*))?$/.exec(line)
    if (match === null || (code !== undefined && match[1] !== code)) throw talk.malformed('a reply with a code', line)
    code = match[1]
    lines.push(match[3] ?? '')
    said.push(line)
    if (match[2] !== '-') return { code: Number(code), lines, said: said.join('\n') }
  }
}

function literalOf(address = '127.0.0.1'): string {
  const bare = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return bare.includes(':') ? `[IPv6:${bare.replace(/%.*$/, '')}]` : `[${bare}]`
}
