import type { Dialogue, Script } from './dialogue.ts'
import { describe } from './talk.ts'

/** Nothing is told in plain text. */
export type AMQPLearned = Readonly<Record<string, never>>

/** AMQP 1.0's own way to TLS, on the port of plain text: OASIS AMQP 1.0, Part 5, Section 5.2.1. */
export const amqp: Dialogue<unknown, AMQPLearned> = {
  protocol: 'amqp',
  specification: 'OASIS AMQP 1.0, Part 5',
  ports: [5672],
  role: 'client',
  *speak(talk): Script<AMQPLearned> {
    if (talk.tls === 'declined') return { kind: 'declined', learned: {}, message: 'TLS was not asked for' }
    talk.say(tlsHeader, shown(tlsHeader))
    const header = yield* talk.take(8)
    talk.note('server', shown(header))
    if (!tlsHeader.subarray(0, 4).every((byte, at) => header[at] === byte)) {
      throw talk.malformed('a protocol header of AMQP', describe(header))
    }
    if (tlsHeader.every((byte, at) => header[at] === byte)) return { kind: 'go-ahead', learned: {} }
    // It names what it would rather speak, and closes: Part 2, Section 2.2.
    throw talk.refused(
      'the server does not know the protocol header of TLS, it would speak',
      shown(header),
      'most brokers speak TLS from the first byte, on port 5671',
    )
  },
}

/** Protocol id 2, version 1.0.0. */
const tlsHeader: Uint8Array = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 2, 1, 0, 0)

function shown(header: Uint8Array): string {
  const [id = 0, major, minor, revision] = header.subarray(4)
  const layer = { 0: 'AMQP', 2: 'TLS', 3: 'SASL' }[id] ?? `protocol ${id}`
  return `AMQP header: ${layer} ${major}.${minor}.${revision}`
}
