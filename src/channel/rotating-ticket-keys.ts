import type { TicketKey, TicketKeys } from '../config/server-sessions.ts'

export interface RotatingTicketKeysOptions {
  readonly random: (length: number) => Uint8Array
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number
  /** For how long a ticket can be used: a key that seals none any more opens them for as long as that. */
  readonly lifetimeSeconds: number
  /** For how long a key seals new tickets. Default: 12 hours. */
  readonly rotationSeconds?: number
}

/** Keys for tickets that nobody else has: made when they are first needed, replaced by time, forgotten when no ticket needs them. */
export class RotatingTicketKeys implements TicketKeys {
  readonly #options: RotatingTicketKeysOptions
  readonly #rotationMilliseconds: number
  /** The newest among them. */
  readonly #mostKeys: number
  #keys: readonly DatedKey[] = []
  #current: readonly TicketKey[] = []

  constructor(options: RotatingTicketKeysOptions) {
    const { lifetimeSeconds, rotationSeconds = defaultRotationSeconds } = options
    this.#options = options
    this.#rotationMilliseconds = 1000 * rotationSeconds
    this.#mostKeys = 1 + Math.ceil(lifetimeSeconds / rotationSeconds)
  }

  current(): readonly TicketKey[] {
    const now = this.#options.now()
    const newest = this.#keys[0]
    const age = newest === undefined ? Number.POSITIVE_INFINITY : now - newest.madeAtMilliseconds
    // Also where the clock was set back.
    if (age < 0 || age >= this.#rotationMilliseconds) {
      const { random } = this.#options
      const made = { key: { name: random(16), secret: random(32) }, madeAtMilliseconds: now }
      this.#keep([made, ...this.#keys.filter((each) => this.#isNeeded(each, now))].slice(0, this.#mostKeys))
    } else if (!this.#isNeeded(this.#keys.at(-1) as DatedKey, now)) {
      this.#keep(this.#keys.filter((each) => this.#isNeeded(each, now)))
    }
    return this.#current
  }

  #isNeeded({ madeAtMilliseconds }: DatedKey, now: number): boolean {
    return now - madeAtMilliseconds < this.#rotationMilliseconds + 1000 * this.#options.lifetimeSeconds
  }

  #keep(keys: readonly DatedKey[]): void {
    this.#keys = keys
    this.#current = keys.map(({ key }) => key)
  }
}

interface DatedKey {
  readonly key: TicketKey
  readonly madeAtMilliseconds: number
}

const defaultRotationSeconds = 12 * 60 * 60
