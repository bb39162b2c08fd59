import type { Dialogue, Reading, Script } from './dialogue.ts'
import type { Talk } from './talk.ts'

/** How a client of FTP comes to TLS on the control connection. */
export interface FTPClientOptions {
  /**
   * What is agreed for the data connections, by PBSZ and PROT inside TLS: `private` is TLS for them too, `clear` is plain text. `unset` says
   * nothing, and the program has to. Default: `private`.
   */
  readonly dataProtection?: 'private' | 'clear' | 'unset' | undefined
}

/** What a server of FTP said of itself, in plain text: nobody has vouched for it. */
export interface FTPLearned {
  /** The text of the greeting; several lines are joined by line feeds. */
  readonly greeting: string
}

/** RFC 4217, Sections 4 and 9. */
export const ftp: Dialogue<FTPClientOptions, FTPLearned> = {
  protocol: 'ftp',
  specification: 'RFC 4217',
  ports: [21],
  role: 'client',
  *speak(talk, { dataProtection = 'private' }): Script<FTPLearned> {
    let first = yield* readFTPReply(talk)
    // "Ready in some minutes": the time is limited elsewhere.
    while (first.code === 120) first = yield* readFTPReply(talk)
    if (first.code !== 220) throw talk.refused('the server does not want to speak with us', first.said)
    const learned = { greeting: first.text }
    if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }

    // FEAT would tell whether it is offered; but the answer to AUTH itself is the better one, and every server has it.
    talk.say('AUTH TLS\r\n')
    const { code, said } = yield* readFTPReply(talk)
    if (code === 234) {
      if (dataProtection === 'unset') return { kind: 'go-ahead', learned }
      return { kind: 'go-ahead', learned, epilogue: (inside) => protect(inside, dataProtection) }
    }
    // 500 and 502: no such command; 504: no such mechanism; 530: not before a login.
    const knows = code !== 500 && code !== 502 && code !== 504
    if (knows) return { kind: 'refused', learned, message: 'the server refused AUTH TLS', said }
    return { kind: 'not-offered', learned, message: 'the server does not know AUTH TLS', said }
  },
}

function* protect(talk: Talk, dataProtection: 'private' | 'clear'): Reading<void> {
  for (const command of ['PBSZ 0', dataProtection === 'private' ? 'PROT P' : 'PROT C']) {
    talk.say(`${command}\r\n`)
    const { code, said } = yield* readFTPReply(talk)
    if (code !== 200) throw talk.refused(`the server refused ${command}`, said, "dataProtection: 'unset' does not ask")
  }
}

/** A reply of one or more lines, of which those in the middle may be anything. RFC 959, Section 4.2. */
function* readFTPReply(talk: Talk): Reading<{ readonly code: number; readonly text: string; readonly said: string }> {
  const said = [yield* talk.line()]
  const [, code = '', separator] = /^([1-6]\d\d)(?:([ -])|$)/.exec(said[0] ?? '') ?? []
  if (code === '') throw talk.malformed('a reply with a code', said[0])
  if (separator === '-') {
    let line: string
    do {
      line = yield* talk.line()
      said.push(line)
    } while (!line.startsWith(`${code} `) && line !== code)
  }
  const text = said.map((line) => (line.startsWith(code) ? line.slice(code.length + 1) : line)).join('\n')
  return { code: Number(code), text, said: said.join('\n') }
}
