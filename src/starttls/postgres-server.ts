import { ByteReader } from '../codec/byte-reader.ts'
import { ByteWriter } from '../codec/byte-writer.ts'
import type { Dialogue, Script } from './dialogue.ts'

/** How a client of PostgreSQL came to TLS. */
export interface PostgresClientLearned {
  /** `undefined` where it did not. */
  readonly negotiation: 'request' | 'direct' | undefined
}

/**
 * PostgreSQL documentation, "Frontend/Backend Protocol", SSL Session Encryption. A client that begins with TLS at once has to agree to the
 * ALPN name `postgresql`, which is offered where the configuration says nothing of the kind.
 */
export const postgresServer: Dialogue<unknown, PostgresClientLearned> = {
  protocol: 'postgres',
  specification: 'PostgreSQL, Frontend/Backend Protocol',
  ports: [5432],
  role: 'server',
  innerProtocol: () => innerProtocol,
  *speak(talk): Script<PostgresClientLearned> {
    for (;;) {
      const [first] = yield* talk.peek(1)
      if (first === HANDSHAKE_RECORD) {
        talk.note('client', 'TLS from the first byte')
        const learned = { negotiation: 'direct' } as const
        return { kind: 'go-ahead', learned, hasBegun: true, innerProtocol }
      }
      const header = new ByteReader(yield* talk.peek(8), 'startup packet')
      const length = header.u32('length')
      const code = header.u32('code')
      // As long as the server's own limit for it.
      if (length < 8 || length > 10_000) throw talk.malformed('a startup packet')
      if (code === SSL_REQUEST && length === 8) {
        yield* talk.take(8)
        talk.note('client', 'SSLRequest')
        talk.say('S')
        return { kind: 'go-ahead', learned: { negotiation: 'request' } }
      }
      if (code === GSSENC_REQUEST && length === 8) {
        yield* talk.take(8)
        talk.note('client', 'GSSENCRequest')
        talk.say('N')
        continue
      }
      if (code >>> 16 !== 3 && code !== CANCEL_REQUEST) throw talk.malformed('a startup packet')
      const message = `the client went on with ${code === CANCEL_REQUEST ? 'CancelRequest' : 'StartupMessage'} and did not ask for TLS`
      talk.note('client', code === CANCEL_REQUEST ? 'CancelRequest' : 'StartupMessage')
      if (talk.tls === 'optional') return { kind: 'not-requested', learned: { negotiation: undefined }, message }
      if (code !== CANCEL_REQUEST) talk.say(encodeError(), 'ErrorResponse')
      throw talk.notRequested(message)
    }
  },
}

/** Severity, SQL state "invalid authorization specification", and text. */
function encodeError(): Uint8Array {
  const fields = new TextEncoder().encode('SFATAL\0VFATAL\0C28000\0MTLS is required\0\0')
  return new ByteWriter()
    .u8(0x45)
    .u32(4 + fields.length)
    .raw(fields)
    .finish()
}

/** Registered with IANA. */
const innerProtocol = 'postgresql'

const HANDSHAKE_RECORD = 0x16
const CANCEL_REQUEST = 80877102
const SSL_REQUEST = 80877103
const GSSENC_REQUEST = 80877104
