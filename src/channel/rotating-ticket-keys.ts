import type { TicketKey, TicketKeys } from '../config/server-sessions.ts'

export interface RotatingTicketKeysOptions {
  readonly random: (length: number) => Uint8Array
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number
  /** For how long a key seals new tickets; it opens them for as long again. */
  readonly rotationSeconds?: number
}

/** Keys for tickets that nobody else has: made when they are first needed, replaced by time, forgotten after twice that. */
export class RotatingTicketKeys implements TicketKeys {
  readonly #options: RotatingTicketKeysOptions
  readonly #rotationMilliseconds: number
  #keys: readonly { readonly key: TicketKey; readonly madeAtMilliseconds: number }[] = []

  constructor(options: RotatingTicketKeysOptions) {
    this.#options = options
    this.#rotationMilliseconds = 1000 * (options.rotationSeconds ?? defaultRotationSeconds)
  }

  current(): readonly TicketKey[] {
    const now = this.#options.now()
    const [newest] = this.#keys
    const age = newest === undefined ? Number.POSITIVE_INFINITY : now - newest.madeAtMilliseconds
    // Also where the clock was set back.
    if (age < 0 || age >= this.#rotationMilliseconds) {
      const { random } = this.#options
      const made = { key: { name: random(16), secret: random(32) }, madeAtMilliseconds: now }
      this.#keys = [
        made,
        ...this.#keys.filter(({ madeAtMilliseconds }) => now - madeAtMilliseconds < 2 * this.#rotationMilliseconds),
      ].slice(0, 2)
    }
    return this.#keys.map(({ key }) => key)
  }
}

/** Longer than the default lifetime of a session, so that no ticket dies before its time. */
const defaultRotationSeconds = 12 * 60 * 60
