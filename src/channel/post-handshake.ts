import type { PeerIdentity } from '../config/peer-identity.ts'
import type { Session } from '../config/session.ts'

/** What a connection of TLS 1.3 can do when it is in use already. */
export interface PostHandshakeSteps {
  /**
   * The sessions that came since the last call, oldest first; also those that the client's cache has been given. None on a server.
   */
  takeSessions(): readonly Session[]

  /**
   * Sends the client one more ticket.
   * @throws UsageError on a client, in TLS 1.2, and where sessions are off.
   */
  sendTicket(): void

  /**
   * Asks the client for its certificate; it answers when it likes to, in what `read` processes. Verification and the veto are those of the
   * handshake: `read` may answer `paused`, and throws what the client is refused for. Several requests may be open at once.
   * RFC 9846, Section 4.6.2.
   * @throws UsageError on a client, in TLS 1.2, where the client has not offered it, and where more than a few are open.
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
