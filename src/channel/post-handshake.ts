import type { PeerIdentity } from '../config/peer-identity.ts'
import type { Session } from '../config/session.ts'
import { ConfigurationError, type TLSError, UsageError } from '../errors.ts'

/** What a connection of TLS 1.3 can do when it is in use already. */
export interface PostHandshakeSteps {
  /**
   * The sessions that came since the last call, oldest first; also those that the client's cache has been given. None on a server.
   */
  takeSessions(): readonly Session[]

  /**
   * Sends the client one more ticket.
   * @throws UsageError on a client, in TLS 1.2, where sessions are off, and once close_notify has been sent.
   */
  sendTicket(): void

  /**
   * Asks the client for its certificate; it answers when it likes to, in what `read` processes. Verification and the veto are those of the
   * handshake: `read` may answer `paused`, and throws what the client is refused for. Several requests may be open at once.
   * RFC 9846, Section 4.6.2. A certificate that it proves takes the place of the one before in `facts`, and in tickets from then on.
   * @throws UsageError on a client, in TLS 1.2, where the client has not offered it, where four are open, and where either side has said
   * close_notify; ConfigurationError where no `trustStore` says who may vouch for clients.
   */
  requestClientCertificate(): ClientCertificateRequest

  /**
   * Changes the keys with which we send; with `requestPeer` the peer is asked to do so too. It also happens by itself, before the keys
   * are worn out. RFC 9846, Sections 4.6.3 and 5.5.
   * @throws UsageError in TLS 1.2.
   */
  updateKeys(options?: { readonly requestPeer?: boolean }): void
}

/** A request for a client's certificate, and its answer as soon as there is one. */
export interface ClientCertificateRequest {
  /** Who the client is; a chain without certificates where it declined; `undefined` as long as it has not answered. */
  readonly peer: PeerIdentity | undefined
}

/** How many requests may be open at once: each holds memory until the client answers. */
export const mostOpenRequests = 4

/** Why a certificate cannot be asked for. */
export type RequestObstacle = 'client' | 'version' | 'not offered' | 'no trust' | 'too many' | 'closed'

export function cannotRequest(obstacle: RequestObstacle): TLSError {
  const call = 'requestClientCertificate'
  switch (obstacle) {
    case 'client':
      return new UsageError(`${call}: a client does not ask`)
    case 'version':
      return new UsageError(`${call}: TLS 1.2 asks during the handshake only`)
    case 'not offered':
      return new UsageError(`${call}: the client has not offered to answer`, {
        hint: 'clients offer it with postHandshakeAuthentication; most do not',
      })
    case 'no trust':
      return new ConfigurationError('trustStore', 'say which authorities may vouch for clients')
    case 'too many':
      return new UsageError(`${call}: ${mostOpenRequests} requests are open already`)
    case 'closed':
      return new UsageError(`${call}: the connection is being closed`)
  }
}
