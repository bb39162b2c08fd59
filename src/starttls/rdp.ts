import { ByteReader } from '../codec/byte-reader.ts'
import type { Dialogue, Script } from './dialogue.ts'
import { requireWord } from './option-checks.ts'

/** How a client of RDP comes to TLS. */
export interface RDPClientOptions {
  /**
   * What we can do: `ssl` is TLS and then RDP, `hybrid` TLS and then CredSSP (network level authentication), `hybrid-ex` the same with an
   * early answer whether the user may log in. Default: `ssl` and `hybrid`.
   */
  readonly requestedProtocols?: readonly RDPProtocol[] | undefined
  /** The user's name, by which load balancers find his session; it goes in plain text. Default: not said. */
  readonly cookieUser?: string | undefined
}

/** What may protect a connection of RDP: TLS alone, or with CredSSP inside. */
export type RDPProtocol = 'ssl' | 'hybrid' | 'hybrid-ex'

/** What the server chose, in plain text: nobody has vouched for it. The RDP inside TLS repeats it. */
export interface RDPLearned {
  /** `rdp`: no TLS. */
  readonly selectedProtocol: RDPProtocol | 'rdp'
  /** The flags of the response. [MS-RDPBCGR], Section 2.2.1.2.1. */
  readonly flags: number
}

/** [MS-RDPBCGR], Section 1.3.1.1 and 2.2.1.1. */
export const rdp: Dialogue<RDPClientOptions, RDPLearned> = {
  protocol: 'rdp',
  specification: '[MS-RDPBCGR]',
  ports: [3389],
  role: 'client',
  *speak(talk, { requestedProtocols = ['ssl', 'hybrid'], cookieUser }): Script<RDPLearned> {
    const none: RDPLearned = { selectedProtocol: 'rdp', flags: 0 }
    if (talk.tls === 'declined') return { kind: 'declined', learned: none, message: 'TLS was not asked for' }
    const requested = requestedProtocols.reduce((bits, name) => bits | protocolBits[name], 0)
    const user = cookieUser === undefined ? undefined : requireWord('cookieUser', cookieUser)
    talk.say(connectionRequest(requested, user), `Connection Request: ${requestedProtocols.join(', ')}`)

    const [version, , high = 0, low = 0] = yield* talk.peek(4)
    if (version !== TPKT) throw talk.malformed('a TPKT')
    const packet = new ByteReader(yield* talk.take(high * 256 + low), 'Connection Confirm')
    packet.take(4, 'TPKT')
    const length = packet.u8('length')
    if (length !== packet.remaining)
      throw packet.fault(`a length of ${length}, where ${packet.remaining} bytes are left`)
    if ((packet.u8('code') & 0xf0) !== CONNECTION_CONFIRM) throw packet.fault('no Connection Confirm', 'code')
    packet.take(5, 'references and class')
    if (packet.remaining === 0) {
      const message = 'the server knows only RDP’s own encryption'
      return { kind: 'not-offered', learned: none, message }
    }
    const type = packet.u8('type')
    const flags = packet.u8('flags')
    const [size, sizeHigh] = packet.take(2, 'length')
    const value = new DataView(Uint8Array.from(packet.take(4, 'value')).buffer).getUint32(0, true)
    packet.end()
    if (size !== 8 || sizeHigh !== 0) throw packet.fault('a negotiation of another length than 8')
    if (type === NEGOTIATION_FAILURE) {
      const said = failures[value] ?? `failureCode ${value}`
      talk.note('server', `Negotiation Failure: ${said}`)
      throw talk.refused('the server refused', said, failureHints[value])
    }
    const selectedProtocol = requestedProtocols.find((name) => protocolBits[name] === value)
    if (type !== NEGOTIATION_RESPONSE || (selectedProtocol === undefined && value !== 0)) {
      throw packet.fault('neither a choice among what was requested nor a failure')
    }
    talk.note('server', `Connection Confirm: ${selectedProtocol ?? 'rdp'}`)
    if (selectedProtocol !== undefined) return { kind: 'go-ahead', learned: { selectedProtocol, flags } }
    return { kind: 'not-offered', learned: { ...none, flags }, message: 'the server chose RDP’s own encryption' }
  },
}

/** TPKT (RFC 1006), X.224 Connection Request, the cookie, RDP_NEG_REQ. */
function connectionRequest(requested: number, user: string | undefined): Uint8Array {
  const cookie = new TextEncoder().encode(user === undefined ? '' : `Cookie: mstshash=${user}\r\n`)
  const negotiation = Uint8Array.of(NEGOTIATION_REQUEST, 0, 8, 0, requested, 0, 0, 0)
  const length = 4 + 7 + cookie.length + negotiation.length
  const head = Uint8Array.of(TPKT, 0, length >> 8, length & 0xff, length - 5, CONNECTION_REQUEST, 0, 0, 0, 0, 0)
  return Uint8Array.of(...head, ...cookie, ...negotiation)
}

const protocolBits: { readonly [P in RDPProtocol]: number } = { ssl: 1, hybrid: 2, 'hybrid-ex': 8 }

const TPKT = 3
const CONNECTION_REQUEST = 0xe0
const CONNECTION_CONFIRM = 0xd0
const NEGOTIATION_REQUEST = 1
const NEGOTIATION_RESPONSE = 2
const NEGOTIATION_FAILURE = 3

/** [MS-RDPBCGR], Section 2.2.1.2.2. */
const failures: { readonly [code: number]: string } = {
  1: 'SSL_REQUIRED_BY_SERVER',
  2: 'SSL_NOT_ALLOWED_BY_SERVER',
  3: 'SSL_CERT_NOT_ON_SERVER',
  4: 'INCONSISTENT_FLAGS',
  5: 'HYBRID_REQUIRED_BY_SERVER',
  6: 'SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER',
}
const failureHints: { readonly [code: number]: string } = {
  1: 'ask for ssl',
  3: 'the server has no certificate',
  5: 'ask for hybrid: the server wants network level authentication',
}
