import type { Dialogue, Script } from './dialogue.ts'

/** What a server of Telnet sent before TLS: nobody has vouched for it. */
export interface TelnetLearned {
  /** What came as data. */
  readonly text: string
}

/** The option START_TLS, 46. draft-altman-telnet-starttls-02, Sections 2 and 4. */
export const telnet: Dialogue<unknown, TelnetLearned> = {
  protocol: 'telnet',
  specification: 'draft-altman-telnet-starttls-02',
  ports: [23],
  role: 'client',
  *speak(talk): Script<TelnetLearned> {
    const data: number[] = []
    const learned = (): TelnetLearned => ({ text: new TextDecoder().decode(Uint8Array.from(data)) })
    if (talk.tls === 'declined') return { kind: 'declined', learned: learned(), message: 'TLS was not asked for' }
    talk.say(Uint8Array.of(IAC, WILL, START_TLS), 'WILL START_TLS')
    let isAgreed = false
    for (;;) {
      const [byte = 0] = yield* talk.take(1)
      if (byte !== IAC) {
        data.push(byte)
        continue
      }
      const [verb = 0] = yield* talk.take(1)
      if (verb === IAC) data.push(IAC)
      else if (verb === SB) {
        const [option = 0, ...parameters] = yield* talk.take(1)
        for (;;) {
          const [next = 0] = yield* talk.take(1)
          if (next === IAC && ((yield* talk.take(1))[0] ?? 0) === SE) break
          parameters.push(next)
        }
        if (option !== START_TLS) continue
        if (!isAgreed || parameters.length !== 1 || parameters[0] !== FOLLOWS) {
          throw talk.malformed('START_TLS FOLLOWS', `SB ${[option, ...parameters].join(' ')}`)
        }
        talk.note('server', 'SB START_TLS FOLLOWS')
        return { kind: 'go-ahead', learned: learned() }
      } else if (verb >= WILL) {
        const [option = 0] = yield* talk.take(1)
        talk.note('server', `${verbNames[verb - WILL]} ${option === START_TLS ? 'START_TLS' : option}`)
        // Other options have time until TLS is there.
        if (option !== START_TLS) {
          if (verb === DO) talk.say(Uint8Array.of(IAC, WONT, option), `WONT ${option}`)
          if (verb === WILL) talk.say(Uint8Array.of(IAC, DONT, option), `DONT ${option}`)
        } else if (verb === DONT) {
          return {
            kind: 'not-offered',
            learned: learned(),
            message: 'the server does not know START_TLS',
            said: 'DONT',
          }
        } else if (verb === DO && !isAgreed) {
          isAgreed = true
          talk.say(Uint8Array.of(IAC, SB, START_TLS, FOLLOWS, IAC, SE), 'SB START_TLS FOLLOWS')
        }
      }
    }
  },
}

/** RFC 854. */
const IAC = 0xff
const DONT = 0xfe
const DO = 0xfd
const WONT = 0xfc
const WILL = 0xfb
const SB = 0xfa
const SE = 0xf0
const verbNames = ['WILL', 'WONT', 'DO', 'DONT'] as const

const START_TLS = 46
const FOLLOWS = 1
