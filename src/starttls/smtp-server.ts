import type { Dialogue, Script } from './dialogue.ts'
import { requireLine, requireWord } from './option-checks.ts'
import { firstWords, wentOn } from './plain-clients.ts'

/** How a server of SMTP introduces itself. */
export interface SMTPServerOptions {
  /** Our domain name, for the greeting. */
  readonly serverName: string
  /** What is offered beside STARTTLS, such as `PIPELINING`. What a client should use inside TLS only is not offered here. Default: nothing. */
  readonly capabilities?: readonly string[] | undefined
}

/** What a client of SMTP said of itself, in plain text. Inside TLS it says so again. */
export interface SMTPClientLearned {
  /** The name in EHLO or HELO; `undefined` where it said neither. */
  readonly clientName: string | undefined
}

/** RFC 3207, Section 4. */
export const smtpServer: Dialogue<SMTPServerOptions, SMTPClientLearned> = {
  protocol: 'smtp',
  specification: 'RFC 3207',
  ports: [25, 587],
  role: 'server',
  *speak(talk, { serverName, capabilities = [] }): Script<SMTPClientLearned> {
    const ourName = requireWord('serverName', serverName)
    const offered = [...capabilities.map((line) => requireLine('capabilities', line)), 'STARTTLS']
    talk.say(`220 ${ourName} ESMTP\r\n`)
    let clientName: string | undefined
    for (;;) {
      const line = yield* talk.line(firstWords(1))
      const [verb = '', ...rest] = line.trim().split(/ +/)
      switch (verb.toUpperCase()) {
        case 'STARTTLS':
          if (rest.length > 0) {
            talk.say('501 5.5.4 no parameters allowed\r\n')
            break
          }
          talk.say('220 2.0.0 ready to start TLS\r\n')
          return { kind: 'go-ahead', learned: { clientName } }
        case 'EHLO':
          clientName = rest[0] ?? ''
          talk.say(replyOf(250, [ourName, ...offered]))
          break
        case 'HELO':
          clientName = rest[0] ?? ''
          talk.say(`250 ${ourName}\r\n`)
          break
        case 'NOOP':
        case 'RSET':
          talk.say('250 2.0.0 ok\r\n')
          break
        case 'QUIT':
          talk.say('221 2.0.0 bye\r\n')
          throw talk.notRequested('the client left without asking for TLS')
        default:
          if (talk.tls === 'optional') {
            talk.putBackLine()
            return wentOn({ clientName }, verb)
          }
          talk.say('530 5.7.0 must issue a STARTTLS command first\r\n')
      }
    }
  },
}

/** A reply of one or more lines. RFC 5321, Section 4.2.1. */
function replyOf(code: number, lines: readonly string[]): string {
  return lines.map((line, at) => `${code}${at === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join('')
}
