import type { AuthenticatedPeer } from './authentication.ts'
import { pskWithKeyExchange } from './client-hello.ts'
import type { ServerConnection } from './connection.ts'
import { drawGrease } from './grease.ts'
import { nameOf } from './key-lookup.ts'
import type { MasterStage, ResumptionSecret } from './key-schedule.ts'
import { encodeNewSessionTicket } from './messages/post-handshake.ts'
import { type Answer, endPointFor } from './server-flight13.ts'
import type { ServerSession } from './server-session.ts'
import type { ServerSessions } from './server-sessions.ts'
import { certificatesOf } from './session-peer.ts'

/** What every ticket of a connection says of it. */
type Agreed = Pick<ServerSession, 'cipherSuite' | 'serverName' | 'innerProtocol' | 'endPoint'>
/** What a ticket says of the client. */
type Standing = Pick<ServerSession, 'peerChain' | 'verified' | 'authenticatedUntilMilliseconds'>
type Peer = object | Parameters<typeof certificatesOf>[0]

/** The transcript ends with the client's Finished. */
interface Resumable extends Answer {
  readonly master: MasterStage
}

/**
 * The tickets of a connection; `undefined` where there are none, or the client cannot use them. A client that has an external key needs no
 * ticket.
 */
export function ticketsFor(resumable: Resumable, peer: Peer): Tickets | undefined {
  const { connection, hello, negotiated, master, transcript } = resumable
  const { sessions } = connection.setup
  const usesKeys = hello.extensions.psk_key_exchange_modes?.includes(pskWithKeyExchange) === true
  if (sessions === undefined || !usesKeys || 'key' in peer) return undefined
  const { suite, innerProtocol } = negotiated
  const endPoint = endPointFor(resumable)
  const agreed = { cipherSuite: suite.code, serverName: nameOf(hello), innerProtocol, endPoint }
  return new Tickets(connection, sessions, agreed, master.resumption(transcript.digest()), peer)
}

/** How a server of TLS 1.3 gives tickets: RFC 9846, Section 4.6.1. */
export class Tickets {
  readonly resumption: ResumptionSecret
  readonly #connection: ServerConnection
  readonly #sessions: ServerSessions
  readonly #agreed: Agreed
  #standing: Standing
  #firstCount: number
  #count = 0

  /** @internal Use `ticketsFor`. */
  constructor(
    connection: ServerConnection,
    sessions: ServerSessions,
    agreed: Agreed,
    resumption: ResumptionSecret,
    peer: Peer,
  ) {
    this.resumption = resumption
    this.#connection = connection
    this.#sessions = sessions
    this.#agreed = agreed
    this.#standing = standingOf(sessions, peer)
    // One for the one that was used, as OpenSSL does it.
    this.#firstCount =
      'ageMilliseconds' in peer ? Math.min(1, sessions.ticketsPerConnection) : sessions.ticketsPerConnection
  }

  /** As many as the configuration has follow the handshake; a resumed one, at most one. */
  sendFirst(): void {
    for (let index = 0; index < this.#firstCount; index++) this.send()
  }

  /** Those from now on are for whoever the client has proved to be since. */
  identify(peer: AuthenticatedPeer): void {
    this.#standing = standingOf(this.#sessions, peer)
    this.#firstCount = this.#sessions.ticketsPerConnection
  }

  /** One more. */
  send(): void {
    const sessions = this.#sessions
    const { crypto } = this.#connection
    const nonce = Uint8Array.of(this.#count >> 8, this.#count)
    this.#count++
    const [a = 0, b = 0, c = 0, d = 0] = crypto.random(4)
    const ageAdd = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    const ticket = sessions.issue({
      version: 'TLSv1.3',
      secret: this.resumption.preSharedKey(nonce),
      ageAdd,
      maxEarlyDataBytes: sessions.maxEarlyDataBytes,
      ...this.#agreed,
      ...this.#standing,
      ...sessions.stamp(),
    })
    if (ticket === undefined) return
    this.#connection.send(
      encodeNewSessionTicket({
        lifetimeSeconds: sessions.lifetimeSeconds,
        ageAdd,
        nonce,
        ticket,
        extensions: {
          unknown: [{ type: drawGrease(crypto).extension, body: new Uint8Array(0) }],
          early_data: sessions.maxEarlyDataBytes > 0 ? sessions.maxEarlyDataBytes : undefined,
        },
      }),
    )
  }
}

function standingOf(sessions: ServerSessions, peer: Peer): Standing {
  const { peerChain, verified } = 'chain' in peer ? certificatesOf(peer) : { peerChain: [], verified: false }
  const { authenticatedUntilMilliseconds } = 'ageMilliseconds' in peer ? peer : sessions.authenticate(peerChain)
  return { peerChain, verified, authenticatedUntilMilliseconds }
}
