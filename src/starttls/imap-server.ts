import type { Dialogue, Script } from './dialogue.ts'
import { requireLine, requireWord } from './option-checks.ts'
import { firstWords, wentOn } from './plain-clients.ts'

/** How a server of IMAP introduces itself. */
export interface IMAPServerOptions {
  /** The text of the greeting. Default: `ready`. */
  readonly greeting?: string | undefined
  /** What is offered beside `IMAP4rev1`, `STARTTLS` and `LOGINDISABLED`. Default: nothing. */
  readonly capabilities?: readonly string[] | undefined
}

/** A client of IMAP says nothing of itself. */
export type IMAPClientLearned = Readonly<Record<string, never>>

/** RFC 9051, Section 6.2.1. */
export const imapServer: Dialogue<IMAPServerOptions, IMAPClientLearned> = {
  protocol: 'imap',
  specification: 'RFC 9051',
  ports: [143],
  role: 'server',
  *speak(talk, { greeting = 'ready', capabilities = [] }): Script<IMAPClientLearned> {
    const required = talk.tls === 'required' ? ['LOGINDISABLED'] : []
    const more = capabilities.map((word) => requireWord('capabilities', word))
    const offered = ['IMAP4rev1', 'STARTTLS', ...required, ...more].join(' ')
    talk.say(`* OK [CAPABILITY ${offered}] ${requireLine('greeting', greeting)}\r\n`)
    for (;;) {
      const line = yield* talk.line(firstWords(2))
      const [, tag, verb = '', parameters] = /^([^\s(){%*"\\+]+) ([A-Za-z]+)( .*)?$/.exec(line) ?? []
      if (tag === undefined) {
        talk.say('* BAD a command has a tag\r\n')
        continue
      }
      switch (verb.toUpperCase()) {
        case 'STARTTLS':
          if (parameters !== undefined) {
            talk.say(`${tag} BAD no parameters allowed\r\n`)
            break
          }
          talk.say(`${tag} OK begin TLS now\r\n`)
          return { kind: 'go-ahead', learned: {} }
        case 'CAPABILITY':
          talk.say(`* CAPABILITY ${offered}\r\n${tag} OK done\r\n`)
          break
        case 'NOOP':
          talk.say(`${tag} OK done\r\n`)
          break
        case 'LOGOUT':
          talk.say(`* BYE\r\n${tag} OK bye\r\n`)
          throw talk.notRequested('the client left without asking for TLS')
        default:
          if (talk.tls === 'optional') {
            talk.putBackLine()
            return wentOn({}, verb)
          }
          talk.say(`${tag} NO [PRIVACYREQUIRED] STARTTLS comes first\r\n`)
      }
    }
  },
}
