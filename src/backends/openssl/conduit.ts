import type { Native, Pointer } from './prototypes.ts'

/** Whoever has bytes in the conduit: they are handed back when another channel needs it. */
export interface ConduitUser {
  takeBack(unread: Buffer, unsent: Buffer): void
}

/**
 * The one pair of memory BIOs through which all channels of a library speak. A channel is synchronous, so it needs BIOs only while
 * one of its steps runs, and a connection at rest holds no native buffer at all.
 *
 * What a step leaves behind, ciphertext that it did not read or that nobody has fetched yet, stays in the conduit for the next step
 * of the same channel, and goes back to that channel when another one steps in.
 */
export class Conduit {
  readonly #native: Native
  readonly #incoming: Pointer
  readonly #outgoing: Pointer
  #user: ConduitUser | undefined

  constructor(native: Native) {
    this.#native = native
    this.#incoming = newMemoryBIO(native)
    this.#outgoing = newMemoryBIO(native)
  }

  /** Gives the BIOs to a connection, which from then on holds one reference to each. */
  attach(ssl: Pointer): void {
    this.#native.BIO_up_ref(this.#incoming)
    this.#native.BIO_up_ref(this.#outgoing)
    this.#native.SSL_set_bio(ssl, this.#incoming, this.#outgoing)
  }

  /** Makes room for a channel's step. */
  enter(user: ConduitUser): void {
    if (this.#user === user) return
    const previous = this.#user
    this.#user = undefined
    if (previous !== undefined) {
      const unread = this.#drain(this.#incoming)
      const unsent = this.#drain(this.#outgoing)
      if (unread.byteLength > 0 || unsent.byteLength > 0) previous.takeBack(unread, unsent)
    }
    this.#user = user
  }

  /** Forgets a channel that ends, and what it left unread; answers what nobody has fetched yet. */
  leave(user: ConduitUser): Buffer {
    if (this.#user !== user) return empty
    this.#user = undefined
    this.#drain(this.#incoming)
    return this.#drain(this.#outgoing)
  }

  /** Forgets what a channel's steps have read and written, for it begins anew. */
  clear(user: ConduitUser): void {
    this.enter(user)
    this.#drain(this.#incoming)
    this.#drain(this.#outgoing)
  }

  /** Ciphertext for the current channel. */
  feed(ciphertext: Uint8Array): void {
    this.#native.BIO_write(this.#incoming, ciphertext, ciphertext.byteLength)
  }

  /** How much of what was fed a channel has not read. */
  unread(user: ConduitUser): number {
    return this.#user === user ? this.#native.BIO_ctrl_pending(this.#incoming) : 0
  }

  takeUnread(user: ConduitUser): Buffer {
    return this.#user === user ? this.#drain(this.#incoming) : empty
  }

  /** How much a channel's steps have written for the transport. */
  unsent(user: ConduitUser): number {
    return this.#user === user ? this.#native.BIO_ctrl_pending(this.#outgoing) : 0
  }

  /** Moves it into the caller's memory, as much as fits; only for the current channel. */
  takeUnsent(target: Uint8Array): number {
    return Math.max(0, this.#native.BIO_read(this.#outgoing, target, target.byteLength))
  }

  #drain(bio: Pointer): Buffer {
    const length = this.#native.BIO_ctrl_pending(bio)
    if (length === 0) return empty
    const bytes = Buffer.allocUnsafe(length)
    this.#native.BIO_read(bio, bytes, length)
    return bytes
  }
}

const empty: Buffer = Buffer.alloc(0)

export function newMemoryBIO(native: Native): Pointer {
  const bio = native.BIO_new(native.BIO_s_mem())
  if (bio === null) throw new Error('BIO_new failed')
  return bio
}
