/**
 * How a server lets clients resume.
 * - `stateless` (the default): everything is in the ticket, sealed with a key of the server's. RFC 5077, Section 4.
 * - `stateful`: the ticket is the number of an entry in a store of the server's.
 * - `'none'`: every handshake is a full one.
 */
export type ServerSessions = 'none' | StatelessSessions | StatefulSessions

/** The server keeps nothing: the session is in the ticket, sealed (RFC 5077, Section 4). */
export interface StatelessSessions extends TicketOptions {
  readonly kind: 'stateless'
  /** Default: keys of the context's own, a new one every 12 hours; older ones open tickets until the last of them has ended. */
  readonly ticketKeys?: TicketKeys
}

/** The server keeps the session, and the ticket is its name there. */
export interface StatefulSessions extends TicketOptions {
  readonly kind: 'stateful'
  /** Default: a bounded store in the memory of the process. */
  readonly store?: SessionStore
}

/** What servers with either kind of session decide about tickets. */
export interface TicketOptions {
  /** For how long a session can be resumed, in seconds, from 1 to 604,800 (seven days: RFC 9846, Section 4.6.1). Default: 7,200. */
  readonly lifetimeSeconds?: number
  /**
   * How many tickets of TLS 1.3 follow a handshake by themselves, from 0 to 16; a resumed one is followed by one at most, for the one that
   * was used. Default: 2. `sendTicket` sends more. In TLS 1.2 a session comes with the handshake, whatever this says.
   */
  readonly ticketsPerConnection?: number
}

/**
 * The keys that seal tickets, where several servers share them or the application rotates them itself. Whoever knows one can read
 * connections that are resumed without a new key exchange, and forge sessions: forward secrecy is as good as the rotation.
 */
export interface TicketKeys {
  /**
   * The keys in use, the newest first: it seals, all of them open. Asked in every step in which a ticket may be made or come, so it has to be
   * quick. What it throws fails the connection.
   */
  current(): readonly TicketKey[]
}

/** One key that seals tickets, and its name. Written over where it lies it is another: what the former one sealed is opened by nobody. */
export interface TicketKey {
  /** 16 bytes that tell the keys apart. They stand in clear in every ticket. */
  readonly name: Uint8Array
  /** 32 random bytes. */
  readonly secret: Uint8Array
}

/** Where a server with `stateful` sessions keeps them. What it stores is secret, and of no use to anybody but the backend. */
export interface SessionStore {
  /** Keeps a session until `expiresAtMilliseconds` (since 1970), or for a shorter time. Nobody waits for it; what it throws fails the connection. */
  put(id: Uint8Array, session: Uint8Array, expiresAtMilliseconds: number): void
  /**
   * The session of that id, now or later; `undefined` where there is none. `once`: it must be gone for whoever asks next, also in other
   * processes that share the store (TLS 1.3, whose tickets are used once).
   */
  get(id: Uint8Array, use: { readonly once: boolean }): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /**
   * Forgets a session of TLS 1.2, whose connection has failed: nobody is to go on with it. A store without this gives it until it has ended.
   * Nobody waits for it, and what it throws is dropped: the connection has a failure of its own. RFC 5246, Section 7.2.2.
   */
  remove?(id: Uint8Array): void
}
