import type { SessionStore } from '../config/server-sessions.ts'

export interface MemorySessionStoreOptions {
  /** How many sessions it keeps; the oldest goes first. Default: 20,000. */
  readonly maxSessions?: number
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number
}

/** A server's sessions in the memory of the process, bounded. */
export class MemorySessionStore implements SessionStore {
  readonly #maxSessions: number
  readonly #now: () => number
  /** The oldest first. */
  readonly #sessions = new Map<string, { readonly session: Uint8Array; readonly expiresAtMilliseconds: number }>()

  constructor({ maxSessions = 20_000, now }: MemorySessionStoreOptions) {
    this.#maxSessions = maxSessions
    this.#now = now
  }

  get size(): number {
    return this.#sessions.size
  }

  put(id: Uint8Array, session: Uint8Array, expiresAtMilliseconds: number): void {
    const key = keyOf(id)
    this.#sessions.delete(key)
    this.#sessions.set(key, { session, expiresAtMilliseconds })
    if (this.#sessions.size > this.#maxSessions) this.#sessions.delete(this.#sessions.keys().next().value as string)
  }

  get(id: Uint8Array, { once }: { readonly once: boolean }): Uint8Array | undefined {
    const key = keyOf(id)
    const found = this.#sessions.get(key)
    if (found === undefined) return undefined
    const isExpired = this.#now() >= found.expiresAtMilliseconds
    if (once || isExpired) this.#sessions.delete(key)
    return isExpired ? undefined : found.session
  }

  remove(id: Uint8Array): void {
    this.#sessions.delete(keyOf(id))
  }
}

function keyOf(id: Uint8Array): string {
  return String.fromCharCode(...id)
}
