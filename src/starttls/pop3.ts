import type { Dialogue, Script } from './dialogue.ts'
import { readMultiline } from './text-responses.ts'

/** What a server of POP3 said of itself, in plain text: nobody has vouched for it. Inside TLS a client asks anew. */
export interface POP3Learned {
  /** The text behind +OK in the greeting; a time stamp for APOP may be in it. */
  readonly greeting: string
  /** What CAPA lists, such as `UIDL`; empty where the server does not know it. */
  readonly capabilities: readonly string[]
}

/** RFC 2595, Section 4; CAPA is RFC 2449. */
export const pop3: Dialogue<unknown, POP3Learned> = {
  protocol: 'pop3',
  specification: 'RFC 2595',
  ports: [110],
  role: 'client',
  *speak(talk): Script<POP3Learned> {
    const first = yield* talk.line()
    if (/^-ERR\b/i.test(first)) throw talk.refused('the server does not want to speak with us', first)
    if (!/^\+OK\b/i.test(first)) throw talk.malformed('a greeting', first)
    const greeting = first.slice(4)

    talk.say('CAPA\r\n')
    const known = yield* talk.line()
    const knowsCapa = /^\+OK\b/i.test(known)
    if (!knowsCapa && !/^-ERR\b/i.test(known)) throw talk.malformed('+OK or -ERR', known)
    const learned = { greeting, capabilities: knowsCapa ? yield* readMultiline(talk) : [] }
    if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }
    // A server that has no such list may still know the command.
    if (knowsCapa && !learned.capabilities.some((line) => /^STLS\s*$/i.test(line))) {
      return { kind: 'not-offered', learned, message: 'the server does not offer STLS' }
    }

    talk.say('STLS\r\n')
    const answer = yield* talk.line()
    if (/^\+OK\b/i.test(answer)) return { kind: 'go-ahead', learned }
    if (/^-ERR\b/i.test(answer)) return { kind: 'refused', learned, message: 'the server refused STLS', said: answer }
    throw talk.malformed('+OK or -ERR', answer)
  },
}
