import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/**
 * Has OpenSSL, which reckons by the machine's clock in whole seconds, find a session as old as it is by the context's: it tells servers
 * the age, holds early data against it, and forgets what is too old. RFC 9846, Sections 4.2.11.1 and 8.3.
 */
export function setSessionAge({ native }: Library, session: Pointer, milliseconds: number): void {
  // A new session begins now, which is the only way in which OpenSSL tells what time it believes it to be.
  const fresh = native.SSL_SESSION_new()
  if (fresh === null) return
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000)
  native.SSL_SESSION_set_time(session, native.SSL_SESSION_get_time(fresh) - seconds)
  native.SSL_SESSION_free(fresh)
}
