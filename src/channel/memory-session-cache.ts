import { requireObject } from '../config/arguments.ts'
import { Session, stateOf } from '../config/session.ts'
import type { SessionCache } from '../config/session-cache.ts'
import { typeOf } from '../config/source.ts'

/** How much a client's cache of sessions keeps. */
export interface MemorySessionCacheOptions {
  /** How many sessions it keeps; the one that nobody touched for longest goes first. Default: 1,000. */
  readonly maxSessions?: number
  /** How many of them for one server. Default: 8. */
  readonly maxSessionsPerKey?: number
  /** How much all of them may take, in bytes: tickets and certificates are as long as servers make them. Default: 16 MiB. */
  readonly maxBytes?: number
}

/**
 * Sessions in the memory of the process, bounded. Each context has one of its own; one that is given to several configurations lets
 * them share their sessions, as far as they mean the same server and believe the same authorities.
 */
export class MemorySessionCache implements SessionCache {
  readonly #maxSessions: number
  readonly #maxSessionsPerKey: number
  readonly #maxBytes: number
  /** By key, the one that nobody touched for longest first. Within a key the newest session is last. */
  readonly #sessions = new Map<string, Session[]>()
  #count = 0
  #bytes = 0

  constructor(options: MemorySessionCacheOptions = {}) {
    requireObject('MemorySessionCache', options)
    const { maxSessions = 1000, maxSessionsPerKey = 8, maxBytes = 16 * 1024 * 1024 } = options
    for (const [name, value] of Object.entries({ maxSessions, maxSessionsPerKey, maxBytes })) {
      if (!Number.isSafeInteger(value) || value < 1)
        throw new RangeError(
          `${name}: ${typeof value === 'number' ? value : typeOf(value)} is not a whole number above zero`,
        )
    }
    this.#maxSessions = maxSessions
    this.#maxSessionsPerKey = maxSessionsPerKey
    this.#maxBytes = maxBytes
  }

  /** How many sessions there are. */
  get size(): number {
    return this.#count
  }

  /** How much they take, in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** The newest under the key. One of TLS 1.3 is gone from then on; one of TLS 1.2 can be used again. */
  take(key: string): Session | undefined {
    const sessions = this.#sessions.get(key)
    const session = sessions?.at(-1)
    if (sessions === undefined || session === undefined) return undefined
    this.#sessions.delete(key)
    if (session.version === 'TLSv1.3') {
      sessions.pop()
      this.#forgot(session)
    }
    if (sessions.length > 0) this.#sessions.set(key, sessions)
    return session
  }

  put(key: string, session: Session): void {
    if (typeof key !== 'string') throw new TypeError(`key: expected a string, got ${typeOf(key)}`)
    if (!(session instanceof Session)) throw new TypeError(`session: expected a Session, got ${typeOf(session)}`)
    // TLS 1.2 has one session, which a newer ticket replaces.
    const kept = (this.#sessions.get(key) ?? []).filter((each) => {
      const stays = each.version === session.version && session.version === 'TLSv1.3'
      if (!stays) this.#forgot(each)
      return stays
    })
    kept.push(session)
    this.#count++
    this.#bytes += costOf(session)
    if (kept.length > this.#maxSessionsPerKey) this.#forgot(kept.shift() as Session)
    this.#sessions.delete(key)
    this.#sessions.set(key, kept)
    this.#shrink()
  }

  /** Forgets this one, where it is still there. */
  remove(key: string, session: Session): void {
    const sessions = this.#sessions.get(key) ?? []
    const at = sessions.indexOf(session)
    if (at < 0) return
    sessions.splice(at, 1)
    this.#forgot(session)
    if (sessions.length === 0) this.#sessions.delete(key)
  }

  /** Forgets everything. */
  clear(): void {
    this.#sessions.clear()
    this.#count = this.#bytes = 0
  }

  #shrink(): void {
    while (this.#count > this.#maxSessions || this.#bytes > this.#maxBytes) {
      const [key, sessions] = this.#sessions.entries().next().value as [string, Session[]]
      this.#forgot(sessions.shift() as Session)
      if (sessions.length === 0) this.#sessions.delete(key)
    }
  }

  #forgot(session: Session): void {
    this.#count--
    this.#bytes -= costOf(session)
  }
}

/** What a session takes, roughly: its bytes, and the object around them. */
function costOf(session: Session): number {
  return session.peerChain.reduce((sum, { length }) => sum + length, stateOf(session).length + 512)
}
