import type { AuthenticatedPeer } from './authentication.ts'
import { pskWithKeyExchange } from './client-hello.ts'
import type { ServerConnection } from './connection.ts'
import { drawGrease } from './grease.ts'
import { nameOf } from './key-lookup.ts'
import type { ResumptionSecret } from './key-schedule.ts'
import type { ClientHello } from './messages/client-hello.ts'
import { encodeNewSessionTicket } from './messages/post-handshake.ts'
import type { Negotiated } from './negotiation13.ts'
import type { ServerSession } from './server-session.ts'
import { certificatesOf } from './session-peer.ts'

/** What a ticket says of the client. */
type Standing = Pick<ServerSession, 'peerChain' | 'verified' | 'authenticatedUntilMilliseconds'>

interface Resumable {
  readonly connection: ServerConnection
  readonly hello: ClientHello
  readonly negotiated: Negotiated
}

export interface Tickets {
  /** One more. */
  send(): void
  /** Those from now on are for whoever the client has proved to be since. */
  identify(peer: AuthenticatedPeer): void
  /** As many as the configuration has follow the handshake; a resumed one, at most one. */
  sendFirst(): void
}

/**
 * How a server of TLS 1.3 gives tickets: RFC 9846, Section 4.6.1; `undefined` where there are none, or the client cannot use them. A client
 * that has an external key needs no ticket.
 */
export function ticketsFor(
  { connection, hello, negotiated }: Resumable,
  peer: object | Parameters<typeof certificatesOf>[0],
  resumption: ResumptionSecret,
): Tickets | undefined {
  const { crypto, setup } = connection
  const { sessions } = setup
  const usesKeys = hello.extensions.psk_key_exchange_modes?.includes(pskWithKeyExchange) === true
  if (sessions === undefined || !usesKeys || 'key' in peer) return undefined
  const standingOf = (who: typeof peer): Standing => {
    const { peerChain, verified } = 'chain' in who ? certificatesOf(who) : { peerChain: [], verified: false }
    const { authenticatedUntilMilliseconds } = 'ageMilliseconds' in who ? who : sessions.authenticate(peerChain)
    return { peerChain, verified, authenticatedUntilMilliseconds }
  }
  let standing = standingOf(peer)
  // One for the one that was used, as OpenSSL does it.
  let firstCount =
    'ageMilliseconds' in peer ? Math.min(1, sessions.ticketsPerConnection) : sessions.ticketsPerConnection
  let count = 0
  const send = (): void => {
    const nonce = Uint8Array.of(count >> 8, count)
    count++
    const [a = 0, b = 0, c = 0, d = 0] = crypto.random(4)
    const ageAdd = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    const ticket = sessions.issue({
      version: 'TLSv1.3',
      cipherSuite: negotiated.suite.code,
      secret: resumption.preSharedKey(nonce),
      ageAdd,
      serverName: nameOf(hello),
      innerProtocol: negotiated.innerProtocol,
      maxEarlyDataBytes: sessions.maxEarlyDataBytes,
      ...standing,
      ...sessions.stamp(),
    })
    if (ticket === undefined) return
    connection.send(
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
  return {
    send,
    identify: (authenticated) => {
      standing = standingOf(authenticated)
      firstCount = sessions.ticketsPerConnection
    },
    sendFirst: () => {
      for (let index = 0; index < firstCount; index++) send()
    },
  }
}
