import type { Dialogue, Script } from './dialogue.ts'
import { readMultiline, readStatus } from './text-responses.ts'

/** What a server of NNTP said of itself, in plain text: nobody has vouched for it. Inside TLS a client asks anew. */
export interface NNTPLearned {
  /** The text of the greeting. */
  readonly greeting: string
  /** Whether the greeting allows posting. */
  readonly postingAllowed: boolean
  /** What CAPABILITIES lists, such as `READER`; empty where the server does not know it. */
  readonly capabilities: readonly string[]
}

/** RFC 4642, Section 2; CAPABILITIES is RFC 3977, Section 5.2. */
export const nntp: Dialogue<unknown, NNTPLearned> = {
  protocol: 'nntp',
  specification: 'RFC 4642',
  ports: [119],
  role: 'client',
  *speak(talk): Script<NNTPLearned> {
    const first = yield* readStatus(talk)
    if (first.code !== 200 && first.code !== 201) {
      throw talk.refused('the server does not want to speak with us', first.said)
    }

    talk.say('CAPABILITIES\r\n')
    const known = yield* readStatus(talk)
    const capabilities = known.code === 101 ? yield* readMultiline(talk) : []
    const learned = { greeting: first.text, postingAllowed: first.code === 200, capabilities }
    if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }
    // Servers from before RFC 3977 may know the command without the list.
    if (known.code === 101 && !capabilities.some((line) => /^STARTTLS\s*$/i.test(line))) {
      return { kind: 'not-offered', learned, message: 'the server does not offer STARTTLS' }
    }

    talk.say('STARTTLS\r\n')
    const { code, said } = yield* readStatus(talk)
    if (code === 382) return { kind: 'go-ahead', learned }
    return { kind: 'refused', learned, message: 'the server refused STARTTLS', said }
  },
}
