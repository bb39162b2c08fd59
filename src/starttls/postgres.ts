import type { Dialogue, Script } from './dialogue.ts'

/** How a client of PostgreSQL comes to TLS. */
export interface PostgresClientOptions {
  /**
   * `request`: by the message SSLRequest, which every version of the server understands. `direct`: with TLS from the first byte and the
   * ALPN name `postgresql`, from PostgreSQL 17 on; there is nothing in plain text then. Default: `request`.
   */
  readonly negotiation?: 'request' | 'direct' | undefined
}

/** Nothing is told in plain text. */
export type PostgresLearned = Readonly<Record<string, never>>

/** PostgreSQL documentation, "Frontend/Backend Protocol", SSL Session Encryption. */
export const postgres: Dialogue<PostgresClientOptions, PostgresLearned> = {
  protocol: 'postgres',
  specification: 'PostgreSQL, Frontend/Backend Protocol',
  ports: [5432],
  role: 'client',
  innerProtocol: ({ negotiation }) => (negotiation === 'direct' ? innerProtocol : undefined),
  *speak(talk, { negotiation }): Script<PostgresLearned> {
    if (talk.tls === 'declined') return { kind: 'declined', learned: {}, message: 'TLS was not asked for' }
    if (negotiation === 'direct') return { kind: 'go-ahead', learned: {}, innerProtocol }
    talk.say(sslRequest, 'SSLRequest')
    const [answer = 0] = yield* talk.take(1)
    talk.note('server', printableByte(answer))
    if (answer === YES) return { kind: 'go-ahead', learned: {} }
    if (answer === NO) return { kind: 'not-offered', learned: {}, message: 'the server does not do TLS', said: 'N' }
    // The text of an error is nobody's word before TLS, and could be anybody's (CVE-2024-10977): it is not repeated.
    if (answer === ERROR) throw talk.refused('the server answered SSLRequest with an error')
    throw talk.malformed('S or N', printableByte(answer))
  },
}

/** Registered with IANA. */
const innerProtocol = 'postgresql'

/** Length 8, code 80877103. */
const sslRequest = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f)

const YES = 0x53
const NO = 0x4e
const ERROR = 0x45

function printableByte(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `0x${byte.toString(16).padStart(2, '0')}`
}
