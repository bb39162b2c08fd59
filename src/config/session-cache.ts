import type { Session } from './session.ts'

/**
 * Where a client keeps its sessions: the application's own place instead of the context's. Keys are digests of everything that made a
 * server acceptable (the host and its service, whom the configuration trusts, the client's own identity, the backend), so that a
 * session never serves another purpose than the one it began with.
 */
export interface SessionCache {
  /**
   * A session that was put under this key, now or later; `undefined` where there is none. One of TLS 1.3 should be removed by that: used
   * twice, an observer can link the connections, and a server may refuse it. RFC 9846, Appendix C.4.
   */
  take(key: string): Session | undefined | Promise<Session | undefined>
  /**
   * A session came. There can be several under one key; which are forgotten is for the cache to say. Nobody waits for it: what it does
   * later, and what fails of that, is its own affair; what it throws at once fails the connection.
   */
  put(key: string, session: Session): void
  /**
   * Forgets a session of TLS 1.2, whose connection has failed: it is not to be given again. A cache without this gives it until it has
   * ended, also where a server fails whenever it is offered. What it throws is dropped: the connection has a failure of its own.
   * RFC 5246, Section 7.2.2; RFC 5077, Section 3.2.
   */
  remove?(key: string, session: Session): void
}
