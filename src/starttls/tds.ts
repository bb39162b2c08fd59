import { ByteReader } from '../codec/byte-reader.ts'
import type { Dialogue, Reading, Script } from './dialogue.ts'
import type { Talk } from './talk.ts'
import { encodeMessage, headerBytes, PacketType, preloginFraming } from './tds-packet.ts'

/** How a client of MS SQL Server comes to TLS. */
export interface TDSClientOptions {
  /**
   * `prelogin`: TLS's handshake travels inside TDS's own packets, up to TLS 1.2 as a rule. `strict`: TDS 8.0, TLS from the first byte with
   * the ALPN name `tds/8.0`, from SQL Server 2022 on; there is nothing in plain text then. Default: `prelogin`.
   */
  readonly encryption?: 'prelogin' | 'strict' | undefined
  /** Which of the instances of the host is meant. Default: whichever answers. */
  readonly instance?: string | undefined
}

/** What the server said of itself, in plain text: nobody has vouched for it. */
export interface TDSLearned {
  /** Such as `16.0.4105`; `undefined` with `strict`. */
  readonly serverVersion: string | undefined
  /** Whether it lets nobody in without TLS. */
  readonly isRequired: boolean
}

/** [MS-TDS], Sections 2.2.6.5 and 3.2.5. */
export const tds: Dialogue<TDSClientOptions, TDSLearned> = {
  protocol: 'tds',
  specification: '[MS-TDS]',
  ports: [1433],
  role: 'client',
  innerProtocol: ({ encryption }) => (encryption === 'strict' ? innerProtocol : undefined),
  *speak(talk, { encryption, instance = '' }): Script<TDSLearned> {
    const nothing = { serverVersion: undefined, isRequired: encryption === 'strict' }
    if (encryption === 'strict') {
      if (talk.tls === 'declined') return { kind: 'declined', learned: nothing, message: 'TLS was not asked for' }
      return { kind: 'go-ahead', learned: nothing, innerProtocol }
    }
    const wish = talk.tls === 'declined' ? Encryption.NOT_SUPPORTED : Encryption.ON
    talk.say(encodeMessage(PacketType.PRELOGIN, preloginOptions(wish, instance)), `PRELOGIN ${encryptionNames[wish]}`)
    const options = yield* readPrelogin(talk)
    const chosen = options.get(Option.ENCRYPTION)?.[0]
    const said = encryptionNames[chosen ?? -1]
    if (chosen === undefined || said === undefined) throw talk.malformed('a choice of encryption', `option ${chosen}`)
    const learned = {
      serverVersion: versionIn(options.get(Option.VERSION)),
      isRequired: chosen === Encryption.REQUIRED,
    }
    talk.note('server', `PRELOGIN ${said}`)
    switch (chosen) {
      case Encryption.REQUIRED:
      case Encryption.ON:
        if (talk.tls === 'declined') throw talk.refused('the server lets nobody in without TLS', said)
        return { kind: 'go-ahead', learned, framing: preloginFraming() }
      case Encryption.NOT_SUPPORTED:
        if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }
        return { kind: 'not-offered', learned, message: 'the server does not do TLS', said }
      default:
        // It would be TLS for the password, and plain text again behind it.
        throw talk.refused('the server would secure no more than the login', said)
    }
  },
}

/** Registered with IANA. */
const innerProtocol = 'tds/8.0'

const Option = { VERSION: 0, ENCRYPTION: 1, INSTOPT: 2, TERMINATOR: 0xff } as const
const Encryption = { OFF: 0, ON: 1, NOT_SUPPORTED: 2, REQUIRED: 3 } as const
const encryptionNames: { readonly [code: number]: string } = {
  0: 'ENCRYPT_OFF',
  1: 'ENCRYPT_ON',
  2: 'ENCRYPT_NOT_SUP',
  3: 'ENCRYPT_REQ',
}

/** For each option its token, and where its data is and how long. */
function preloginOptions(encryption: number, instance: string): Uint8Array {
  const data: readonly (readonly [number, Uint8Array])[] = [
    [Option.VERSION, new Uint8Array(6)],
    [Option.ENCRYPTION, Uint8Array.of(encryption)],
    [Option.INSTOPT, new TextEncoder().encode(`${instance}\0`)],
  ]
  const head: number[] = []
  const body: number[] = []
  const start = data.length * 5 + 1
  for (const [token, bytes] of data) {
    const offset = start + body.length
    head.push(token, offset >> 8, offset & 0xff, bytes.length >> 8, bytes.length & 0xff)
    body.push(...bytes)
  }
  return Uint8Array.of(...head, Option.TERMINATOR, ...body)
}

/** The options of the server's answer, which comes as a TABULAR_RESULT. */
function* readPrelogin(talk: Talk): Reading<ReadonlyMap<number, Uint8Array>> {
  const [type, status = 0, high = 0, low = 0] = yield* talk.peek(4)
  if (type !== PacketType.TABULAR_RESULT || (status & 1) === 0) throw talk.malformed('the answer to PRELOGIN')
  const length = high * 256 + low
  if (length < headerBytes) throw talk.malformed('a packet')
  const message = (yield* talk.take(length)).subarray(headerBytes)
  const reader = new ByteReader(message, 'PRELOGIN')
  const options = new Map<number, Uint8Array>()
  for (let token = reader.u8('option'); token !== Option.TERMINATOR; token = reader.u8('option')) {
    const offset = reader.u16('offset')
    const end = offset + reader.u16('length')
    if (end > message.length) throw reader.fault('an option that is longer than its message')
    options.set(token, message.subarray(offset, end))
  }
  return options
}

function versionIn(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length < 4) return undefined
  const [major = 0, minor = 0, high = 0, low = 0] = bytes
  return `${major}.${minor}.${high * 256 + low}`
}
