import type { Dialogue, Outcome, Reading, Script } from './dialogue.ts'
import type { Talk } from './talk.ts'

/** What a server of IMAP said of itself, in plain text: nobody has vouched for it. Inside TLS a client asks anew. */
export interface IMAPLearned {
  /** The text behind OK in the greeting. */
  readonly greeting: string
  /** What CAPABILITY lists, such as `IMAP4rev1`. */
  readonly capabilities: readonly string[]
}

/** RFC 9051, Section 6.2.1. */
export const imap: Dialogue<unknown, IMAPLearned> = {
  protocol: 'imap',
  specification: 'RFC 9051',
  ports: [143],
  role: 'client',
  *speak(talk): Script<IMAPLearned> {
    const line = yield* talk.line()
    const [, kind = '', greeting = ''] = /^\* (OK|PREAUTH|BYE)(?: (.*))?$/i.exec(line) ?? []
    if (kind === '') throw talk.malformed('a greeting', line)
    if (/^BYE$/i.test(kind)) throw talk.refused('the server does not want to speak with us', line)
    let capabilities = capabilitiesIn(`OK ${greeting}`) ?? []
    // In a greeting there may be fewer than there are.
    if (!has(capabilities, 'STARTTLS')) {
      const { untagged } = yield* command(talk, 'a1', 'CAPABILITY')
      capabilities = untagged.map(capabilitiesIn).find((list) => list !== undefined) ?? capabilities
    }
    const learned = { greeting, capabilities }
    if (/^PREAUTH$/i.test(kind)) return authenticatedAlready(learned, line)
    if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }
    if (!has(capabilities, 'STARTTLS')) {
      return { kind: 'not-offered', learned, message: 'the server does not offer STARTTLS' }
    }

    const { status, text } = yield* command(talk, 'a2', 'STARTTLS')
    if (status === 'OK') return { kind: 'go-ahead', learned }
    return { kind: 'refused', learned, message: 'the server refused STARTTLS', said: text }
  },
}

/** STARTTLS belongs to the state before authentication: with PREAUTH, somebody on the way can keep a client from TLS. */
function authenticatedAlready(learned: IMAPLearned, said: string): Outcome<IMAPLearned> {
  return {
    kind: 'not-offered',
    learned,
    message: 'the server greets us as authenticated already (PREAUTH), where STARTTLS is not allowed',
    said,
    hint: 'no server does that to whom it does not know: somebody on the way may have',
  }
}

/** Sends a command and reads to its tagged answer. */
function* command(
  talk: Talk,
  tag: string,
  words: string,
): Reading<{ readonly untagged: readonly string[]; readonly status: string; readonly text: string }> {
  talk.say(`${tag} ${words}\r\n`)
  const untagged: string[] = []
  for (;;) {
    const line = yield* talk.line()
    if (/^\* BYE\b/i.test(line)) throw talk.refused('the server ends the connection', line)
    if (line.startsWith('* ')) {
      untagged.push(line.slice(2))
      continue
    }
    const [, ownTag, status = ''] = /^(\S+) (OK|NO|BAD)(?: |$)/i.exec(line) ?? []
    if (ownTag !== tag) throw talk.malformed(`the answer to ${words}`, line)
    return { untagged, status: status.toUpperCase(), text: line }
  }
}

/** The list in an untagged CAPABILITY, or in the response code of an OK. */
function capabilitiesIn(text: string): readonly string[] | undefined {
  const list = /^CAPABILITY (.*)$/i.exec(text)?.[1] ?? /^(?:OK|PREAUTH) \[CAPABILITY ([^\]]*)\]/i.exec(text)?.[1]
  return list?.split(' ').filter((word) => word !== '')
}

function has(capabilities: readonly string[], name: string): boolean {
  return capabilities.some((each) => each.toUpperCase() === name)
}
