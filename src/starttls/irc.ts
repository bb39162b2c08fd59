import type { Dialogue, Reading, Script } from './dialogue.ts'
import type { Talk } from './talk.ts'

/** What a server of IRC said of itself, in plain text: nobody has vouched for it. Inside TLS a client asks anew. */
export interface IRCLearned {
  /** What CAP LS lists, such as `sasl=PLAIN`; empty where the server does not know it. */
  readonly capabilities: readonly string[]
}

/** IRCv3, "tls" extension 3.1, and capability negotiation. */
export const irc: Dialogue<unknown, IRCLearned> = {
  protocol: 'irc',
  specification: 'IRCv3 tls 3.1',
  ports: [6667],
  role: 'client',
  *speak(talk): Script<IRCLearned> {
    talk.say('CAP LS 302\r\n')
    const capabilities: string[] = []
    let knowsCap = true
    for (;;) {
      const { command, parameters } = yield* readMessage(talk)
      // Unknown command, or "you have not registered" from servers that know none before.
      if (command === '421' || command === '451') {
        knowsCap = false
        break
      }
      if (command !== 'CAP' || parameters[1]?.toUpperCase() !== 'LS') continue
      capabilities.push(...(parameters.at(-1) ?? '').split(' ').filter((word) => word !== ''))
      if (parameters[2] !== '*') break
    }
    const learned = { capabilities }
    if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }
    if (knowsCap && !capabilities.some((each) => /^tls(=|$)/i.test(each))) {
      return { kind: 'not-offered', learned, message: 'the server does not offer the capability tls' }
    }

    talk.say('STARTTLS\r\n')
    for (;;) {
      const { command, said } = yield* readMessage(talk)
      if (command === '670') return { kind: 'go-ahead', learned }
      if (command === '691') return { kind: 'refused', learned, message: 'the server refused STARTTLS', said }
      if (command === '421' || command === '451') {
        return { kind: 'not-offered', learned, message: 'the server does not know STARTTLS', said }
      }
    }
  },
}

interface Message {
  readonly command: string
  readonly parameters: readonly string[]
  readonly said: string
}

/** The next message that is not a PING, which is answered. RFC 1459, Section 2.3. */
function* readMessage(talk: Talk): Reading<Message> {
  for (;;) {
    const said = yield* talk.line()
    const match = /^(?:@\S+ +)?(?::\S+ +)?([A-Za-z]+|\d{3})((?: +[^: ]\S*)*)(?: +:(.*))? *$/.exec(said)
    if (match === null) throw talk.malformed('a message', said)
    const [, command = '', middle = '', trailing] = match
    const parameters = [
      ...middle.split(' ').filter((word) => word !== ''),
      ...(trailing === undefined ? [] : [trailing]),
    ]
    switch (command.toUpperCase()) {
      case 'PING':
        talk.say(`PONG :${parameters.at(-1) ?? ''}\r\n`)
        break
      case 'ERROR':
        throw talk.refused('the server ends the connection', said)
      default:
        return { command: command.toUpperCase(), parameters, said }
    }
  }
}
