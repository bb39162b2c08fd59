import { optionalWhole, requireFunction, requireObject } from '../config/arguments.ts'
import type { ReplayGuard } from '../config/replay-guard.ts'

/** How much a guard in memory remembers, and by which clock it forgets. */
export interface MemoryReplayGuardOptions {
  /** How many it remembers at once. When it is full of what has not expired, it admits nothing. Default: 100,000. */
  readonly maxEntries?: number
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number
}

/** Remembers early data in the memory of the process. RFC 9846, Section 8.2. */
export class MemoryReplayGuard implements ReplayGuard {
  readonly #maxEntries: number
  readonly #now: () => number
  /** When each expires; they come in about that order. */
  readonly #seen = new Map<string, number>()

  /** @throws TypeError, ConfigurationError */
  constructor(options: MemoryReplayGuardOptions) {
    requireObject('MemoryReplayGuard', options)
    const { maxEntries = 100_000, now } = options
    optionalWhole('maxEntries', maxEntries, { from: 1 })
    requireFunction('now', now)
    this.#maxEntries = maxEntries
    this.#now = now
  }

  get size(): number {
    return this.#seen.size
  }

  admit(identifier: Uint8Array, expiresAtMilliseconds: number): boolean {
    // What never expires, or has no order, would be kept for ever, or let a repetition in.
    if (!(identifier instanceof Uint8Array)) throw new TypeError('identifier: expected a Uint8Array')
    if (typeof expiresAtMilliseconds !== 'number' || Number.isNaN(expiresAtMilliseconds))
      throw new TypeError('expiresAtMilliseconds: expected a number')
    this.#forgetExpired()
    const key = String.fromCharCode(...identifier)
    if (this.#seen.has(key) || this.#seen.size >= this.#maxEntries) return false
    this.#seen.set(key, expiresAtMilliseconds)
    return true
  }

  #forgetExpired(): void {
    const now = this.#now()
    for (const [key, expiresAt] of this.#seen) {
      if (expiresAt > now) break
      this.#seen.delete(key)
    }
  }
}
