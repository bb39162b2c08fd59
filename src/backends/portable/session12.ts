import { nameText } from '../../channel/server-name.ts'
import type { Session, SessionContent } from '../../config/session.ts'
import type { Agreed12 } from './agreement12.ts'
import type { Secrets12 } from './handshake12.ts'
import type { NewSessionTicket12 } from './messages/post-handshake.ts'
import { encodeSessionState } from './session-state.ts'

/**
 * Keeps what a server of TLS 1.2 gave to resume by: a ticket (RFC 5077), or its name for the session (RFC 5246, Section 7.3). Only
 * sessions that are bound to their handshake exist here: RFC 7627, Section 5. `origin` is the one that the connection resumed.
 */
export function keepSession12(
  agreed: Pick<Agreed12, 'connection' | 'suite' | 'innerProtocol' | 'sessionId'> & {
    readonly secrets: Secrets12
    readonly ticket?: NewSessionTicket12
  },
  peer: Pick<SessionContent, 'peerChain' | 'verified'>,
  origin?: Session,
): void {
  const { connection, suite, innerProtocol, sessionId, secrets, ticket } = agreed
  const { setup, serverName, options } = connection
  const hasTicket = ticket !== undefined && ticket.ticket.length > 0
  if (!hasTicket && sessionId.length === 0) return
  const session = setup.sessions.keep(
    {
      binding: setup.sessions.bindingFor(serverName, options.service),
      version: 'TLSv1.2',
      cipherSuite: suite.code,
      serverName: nameText(serverName),
      innerProtocol,
      maxEarlyDataBytes: 0,
      ...peer,
      state: encodeSessionState({
        version: 'TLSv1.2',
        masterSecret: secrets.master.reveal(),
        ticket: hasTicket ? ticket.ticket : new Uint8Array(0),
        sessionId: hasTicket ? new Uint8Array(0) : sessionId,
      }),
    },
    // RFC 5077, Section 3.3: 0 leaves it open.
    ticket?.lifetimeHintSeconds || openLifetimeSeconds,
    origin,
  )
  if (session === undefined) return
  connection.whenFailed(() => setup.sessions.forgetFailed(session))
  connection.sessions.put(session)
}

/** For how long a session is offered whose server does not say. */
const openLifetimeSeconds = 7200
