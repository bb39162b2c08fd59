import { ByteReader } from '../codec/byte-reader.ts'
import type { Dialogue, Reading, Script } from './dialogue.ts'
import type { Talk } from './talk.ts'

/** How a client of MySQL or MariaDB asks for TLS. */
export interface MySQLClientOptions {
  /**
   * The capability flags of the login that is to follow, which has to repeat them; `CLIENT_SSL` is added. Default: those of protocol 4.1 with
   * the server's choice of authentication.
   */
  readonly clientCapabilities?: number | undefined
  /** The character set of the login to follow, by its number. Default: 45, utf8mb4_general_ci. */
  readonly characterSet?: number | undefined
}

/** The server's greeting, in plain text: nobody has vouched for it. The login inside TLS needs it. */
export interface MySQLLearned {
  /** The handshake packet as it came, its header included. */
  readonly greeting: Uint8Array
  readonly serverVersion: string
  readonly connectionID: number
  /** The server's capability flags. */
  readonly serverCapabilities: number
  /** The flags that the login has to repeat. */
  readonly clientCapabilities: number
  readonly characterSet: number
  /** The number of the packet of the login. */
  readonly nextSequenceID: number
}

/** MySQL Internals, "Connection Phase": SSL Handshake; the same in MariaDB. */
export const mysql: Dialogue<MySQLClientOptions, MySQLLearned> = {
  protocol: 'mysql',
  specification: 'MySQL, Connection Phase',
  ports: [3306],
  role: 'client',
  *speak(talk, { clientCapabilities = defaultCapabilities, characterSet = 45 }): Script<MySQLLearned> {
    const { sequenceID, packet, payload } = yield* readPacket(talk)
    if (payload[0] === ERR) throw talk.refused('the server does not want to speak with us', errorText(payload))
    if (payload[0] !== PROTOCOL_VERSION) throw talk.malformed('a greeting of protocol version 10')
    const { serverVersion, connectionID, serverCapabilities } = readGreeting(payload)
    talk.note('server', `greeting of ${serverVersion}`)
    const offersTLS = (serverCapabilities & CLIENT_SSL) !== 0
    const asksForTLS = offersTLS && talk.tls !== 'declined'
    const learned = {
      greeting: packet,
      serverVersion,
      connectionID,
      serverCapabilities,
      clientCapabilities: (clientCapabilities | (asksForTLS ? CLIENT_SSL : 0)) >>> 0,
      characterSet,
      nextSequenceID: sequenceID + (asksForTLS ? 2 : 1),
    }
    if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }
    if (!offersTLS) return { kind: 'not-offered', learned, message: 'the server does not do TLS' }
    // The server answers nothing: TLS begins.
    talk.say(sslRequest(learned, sequenceID + 1), 'SSLRequest')
    return { kind: 'go-ahead', learned }
  },
}

function* readPacket(
  talk: Talk,
): Reading<{ readonly sequenceID: number; readonly packet: Uint8Array; readonly payload: Uint8Array }> {
  const [a = 0, b = 0, c = 0, sequenceID = 0] = yield* talk.peek(4)
  const length = a | (b << 8) | (c << 16)
  // A greeting has some hundred bytes; whatever else is on this port says other numbers here.
  if (length === 0 || length > 8192) throw talk.malformed('a greeting of MySQL')
  const packet = yield* talk.take(4 + length)
  return { sequenceID, packet, payload: packet.subarray(4) }
}

function readGreeting(payload: Uint8Array): {
  readonly serverVersion: string
  readonly connectionID: number
  readonly serverCapabilities: number
} {
  const end = payload.indexOf(0, 1)
  const rest = new ByteReader(payload, 'greeting', end < 0 ? payload.length : end + 1)
  const connectionID = littleEndian(rest.take(4, 'connection id'))
  rest.take(8 + 1, 'scramble')
  const lower = littleEndian(rest.take(2, 'capabilities'))
  // What follows was added in 4.1, long ago.
  if (rest.remaining < 5)
    return { serverVersion: latin(payload.subarray(1, end)), connectionID, serverCapabilities: lower }
  rest.take(1 + 2, 'character set, status')
  const upper = littleEndian(rest.take(2, 'capabilities'))
  const serverCapabilities = (lower | (upper << 16)) >>> 0
  return { serverVersion: latin(payload.subarray(1, end)), connectionID, serverCapabilities }
}

/** Number, and since 4.1 `#` with five characters of SQL state, then text. */
function errorText(payload: Uint8Array): string {
  return `${littleEndian(payload.subarray(1, 3))} ${latin(payload.subarray(3)).replace(/^#\w{5}/, '')}`
}

function sslRequest(login: MySQLLearned, sequenceID: number): Uint8Array {
  const packet = new Uint8Array(4 + 32)
  const view = new DataView(packet.buffer)
  view.setUint32(0, 32 | (sequenceID << 24), true)
  view.setUint32(4, login.clientCapabilities, true)
  view.setUint32(8, maxPacketBytes, true)
  view.setUint8(12, login.characterSet)
  return packet
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)
}

function latin(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

const PROTOCOL_VERSION = 10
const ERR = 0xff
const CLIENT_SSL = 0x800
/** LONG_PASSWORD, LONG_FLAG, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH. */
const defaultCapabilities = 0x1 | 0x4 | 0x200 | 0x2000 | 0x8000 | 0x80000
const maxPacketBytes = 16 * 1024 * 1024
