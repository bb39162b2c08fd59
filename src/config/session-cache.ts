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
}
