import type { SessionStore } from '../config/server-sessions.ts'
import type { Session } from '../config/session.ts'
import type { SessionCache } from '../config/session-cache.ts'

/**
 * Both sides forget a session of TLS 1.2 whose connection has failed: RFC 5246, Section 7.2.2. What the connection has failed with matters
 * more than what an application makes of that.
 */

/** A connection of a client has failed: a session that belongs to it is not offered again. */
export function forgetFailed(cache: SessionCache | undefined, session: Session): void {
  if (session.version !== 'TLSv1.2') return
  try {
    cache?.remove?.(session.binding, session)
  } catch {}
}

/**
 * A connection of a server has failed: nobody goes on with the session of TLS 1.2 that stands under this number. Not to be called before the
 * client has proved that it has the session: the number alone is in clear, and whoever has seen it could have any session forgotten.
 */
export function forgetFailedEntry(store: SessionStore | undefined, id: Uint8Array): void {
  try {
    store?.remove?.(id)
  } catch {}
}
