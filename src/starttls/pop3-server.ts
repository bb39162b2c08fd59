import type { Dialogue, Script } from './dialogue.ts'
import { requireLine } from './option-checks.ts'
import { firstWords, wentOn } from './plain-clients.ts'

/** How a server of POP3 introduces itself. */
export interface POP3ServerOptions {
  /** The text of the greeting. Default: `ready`. */
  readonly greeting?: string | undefined
  /** What is offered beside STLS, such as `UIDL`. Default: nothing. */
  readonly capabilities?: readonly string[] | undefined
}

/** A client of POP3 says nothing of itself. */
export type POP3ClientLearned = Readonly<Record<string, never>>

/** RFC 2595, Section 4. */
export const pop3Server: Dialogue<POP3ServerOptions, POP3ClientLearned> = {
  protocol: 'pop3',
  specification: 'RFC 2595',
  ports: [110],
  role: 'server',
  *speak(talk, { greeting = 'ready', capabilities = [] }): Script<POP3ClientLearned> {
    const offered = [...capabilities.map((line) => requireLine('capabilities', line)), 'STLS']
    talk.say(`+OK ${requireLine('greeting', greeting)}\r\n`)
    for (;;) {
      const line = yield* talk.line(firstWords(1))
      const [verb = '', ...rest] = line.trim().split(/ +/)
      switch (verb.toUpperCase()) {
        case 'STLS':
          if (rest.length > 0) {
            talk.say('-ERR no parameters allowed\r\n')
            break
          }
          talk.say('+OK begin TLS\r\n')
          return { kind: 'go-ahead', learned: {} }
        case 'CAPA':
          talk.say(`+OK\r\n${offered.map((each) => `${each}\r\n`).join('')}.\r\n`)
          break
        case 'QUIT':
          talk.say('+OK bye\r\n')
          throw talk.notRequested('the client left without asking for TLS')
        default:
          if (talk.tls === 'optional') {
            talk.putBackLine()
            return wentOn({}, verb)
          }
          talk.say('-ERR STLS comes first\r\n')
      }
    }
  },
}
