import type { Duplex } from 'node:stream'
import type { ClientContext } from './channel/context.ts'
import type { Session } from './config/session.ts'
import { UsageError } from './errors.ts'
import { type Purpose, purposeOf, requireUsable, upgradeClient } from './sockets/connect.ts'
import { TLSSocket, type TLSSocketOptions } from './sockets/tls-socket.ts'

/** How one data connection behaves as a stream. */
export type DataConnectionOptions = TLSSocketOptions

/**
 * The data connections of one control connection, as FTP has them (RFC 4217, Section 7): each goes on from the control connection's own
 * session, by which the server knows that both are one client's. Many servers refuse any other.
 *
 * A context's cache cannot do this. It gives the newest session for a server, which may be another control connection's, and of TLS 1.3 it
 * gives each once, so that the tickets run out. Here only sessions count that came on the control connection or on its data connections;
 * the last one is used again where no fresh one has come. That lets an observer link the connections (RFC 9846, Appendix C.4), which the
 * control connection, beside which they are opened, does anyway. The context's cache keeps them as well: for a server that takes every
 * ticket once, each login has to have a context of its own, lest another login takes one from there.
 */
export class DataConnections {
  readonly #context: ClientContext
  readonly #purpose: Purpose
  /** Of those that nobody has used yet, the newest is last. */
  readonly #fresh: Session[] = []
  #used: Session | undefined

  /**
   * To be made as soon as the control connection is secured, for a socket keeps only some sessions for whoever asks later. It goes on after
   * the control connection has returned to plain text (CCC).
   * @throws UsageError for what is no client's socket of this package.
   */
  constructor(control: TLSSocket) {
    const purpose = control instanceof TLSSocket ? purposeOf(control) : undefined
    if (purpose === undefined) {
      throw new UsageError('DataConnections: expected the TLSSocket of a client', {
        hint: 'take what connect, upgrade or startTls have given; of an UpgradableSocket, its `tls`',
      })
    }
    this.#context = control.context as ClientContext
    this.#purpose = purpose
    this.#collectFrom(control)
  }

  /**
   * Speaks TLS on the stream of a data connection, as client whoever has opened it, towards the same server as the control connection, and
   * under the same configuration. To be called when the server has agreed to the transfer (a reply of 125 or 150): before that, servers do
   * not begin. Where the server does not go on from the session, the handshake is a full one, certificates included: `facts.resumed` tells.
   * @throws as `upgrade`.
   */
  async upgrade(stream: Duplex, options: DataConnectionOptions = {}): Promise<TLSSocket> {
    requireUsable(stream)
    const { allowHalfOpen, signal } = options
    const { serverName, service } = this.#purpose
    const session = this.#fresh.pop() ?? this.#used
    this.#used = session
    const socket = upgradeClient(this.#context, stream, serverName, { service, session, allowHalfOpen, signal })
    this.#collectFrom(socket)
    return socket.secured()
  }

  #collectFrom(socket: TLSSocket): void {
    socket.on('session', (session: Session) => {
      // TLS 1.2 has one session, which a newer ticket replaces.
      if (session.version === 'TLSv1.2') this.#fresh.length = 0
      this.#fresh.push(session)
      if (this.#fresh.length > mostFresh) this.#fresh.shift()
    })
  }
}

/** As many transfers may be under way at once, or fail, without one ticket serving twice. */
const mostFresh = 8
