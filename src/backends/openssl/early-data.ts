import { createHash } from 'node:crypto'
import { MemoryReplayGuard } from '../../channel/memory-replay-guard.ts'
import type { AdmitEarlyDataRequest } from '../../channel/pause.ts'
import type { ReplayGuard } from '../../config/replay-guard.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/** What a server's context says about early data. */
export interface EarlyDataRules {
  readonly maxBytes: number
  readonly guard: ReplayGuard
  readonly now: () => number
}

/**
 * Early data on a server: what came of it and nobody has read yet, and whether it may come at all. OpenSSL itself looks at the ticket's
 * age, which has to fit within ten seconds, and at the protocol inside. RFC 9846, Section 8.3.
 */
export class ServerEarlyData {
  readonly #library: Library
  readonly #rules: EarlyDataRules
  #chunks: Uint8Array[] = []
  #isOver = false
  #question: AdmitEarlyDataRequest | undefined
  /** What the guard said about this ClientHello. */
  #isFirst: boolean | undefined

  constructor(library: Library, rules: EarlyDataRules) {
    this.#library = library
    this.#rules = rules
  }

  /** The binder has been checked, so that only who has the session gets as far as the guard. RFC 9846, Section 8.2. */
  allow(ssl: Pointer, mayAsk: boolean): boolean {
    const { native } = this.#library
    const { maxBytes, guard, now } = this.#rules
    const session = native.SSL_get_session(ssl)
    if (session === null) return false
    // OpenSSL lets in a client whose session allows nothing, and fails at its first byte. RFC 9846, Section 4.2.10. What it allows may
    // also be more than is allowed by now.
    const allowed = native.SSL_SESSION_get_max_early_data(session)
    if (allowed === 0 || allowed > maxBytes) return false
    if (this.#isFirst !== undefined) return this.#isFirst
    const identifier = identifierOf(this.#library, ssl)
    const expiresAtMilliseconds = now() + rememberedMilliseconds
    if (guard instanceof MemoryReplayGuard) this.#isFirst = guard.admit(identifier, expiresAtMilliseconds)
    else if (mayAsk) this.#question = { kind: 'admit-early-data', guard, identifier, expiresAtMilliseconds }
    return this.#isFirst === true
  }

  get hasQuestion(): boolean {
    return this.#question !== undefined
  }

  takeQuestion(): AdmitEarlyDataRequest | undefined {
    const question = this.#question
    this.#question = undefined
    return question
  }

  answer(isFirst: boolean): void {
    this.#isFirst = isFirst
  }

  /** Whether no more will come. */
  get isOver(): boolean {
    return this.#isOver
  }

  end(): void {
    this.#isOver = true
  }

  came(bytes: Uint8Array): void {
    if (bytes.byteLength > 0) this.#chunks.push(bytes)
  }

  /** At most so much of what came; `undefined` where nothing is waiting. */
  take(maxBytes: number): Uint8Array | undefined {
    const first = this.#chunks.shift()
    if (first === undefined || first.byteLength <= maxBytes) return first
    this.#chunks.unshift(first.subarray(maxBytes))
    return first.slice(0, maxBytes)
  }
}

/**
 * The client's random bytes tell its hello from every other one, and nobody can change them without the secret of the session, which
 * the binder covers them with. RFC 9846, Section 8.2.
 */
function identifierOf({ native }: Library, ssl: Pointer): Uint8Array {
  const random = Buffer.alloc(32)
  native.SSL_get_client_random(ssl, random, random.byteLength)
  return new Uint8Array(createHash('sha256').update(random).digest())
}

/** Older repetitions are refused by the age of the ticket (ten seconds), also where the clocks of servers differ by some. */
const rememberedMilliseconds = 30_000
