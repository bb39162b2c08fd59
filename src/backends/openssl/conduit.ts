import type { Native, Pointer } from './prototypes.ts'

/** Whoever has bytes in the conduit: they are handed back when another channel needs it. */
export interface ConduitUser {
  takeBack(unread: Buffer): void
}

/**
 * The one pair of memory BIOs through which all channels of a library speak. A channel is synchronous, so it needs BIOs only while
 * one of its steps runs: its own bytes wait on the JavaScript side, and a connection at rest holds no native buffer at all.
 *
 * What a step leaves unread stays in the conduit for the next step of the same channel, and goes back to that channel when
 * another one steps in.
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
      if (unread.byteLength > 0) previous.takeBack(unread)
    }
    this.#user = user
  }

  /** Forgets a channel that ends, and drops what it left unread. */
  leave(user: ConduitUser): void {
    if (this.#user !== user) return
    this.#drain(this.#incoming)
    this.#user = undefined
  }

  feed(ciphertext: Uint8Array): void {
    this.#native.BIO_write(this.#incoming, ciphertext, ciphertext.byteLength)
  }

  /** How much of what was fed a channel has not read. */
  unread(user: ConduitUser): number {
    return this.#user === user ? this.#native.BIO_ctrl_pending(this.#incoming) : 0
  }

  /** Takes back what the current channel has not read. */
  takeUnread(user: ConduitUser): Buffer {
    return this.#user === user ? this.#drain(this.#incoming) : Buffer.alloc(0)
  }

  /** What a step has written for the transport. */
  takeWritten(): Buffer {
    return this.#drain(this.#outgoing)
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

function newMemoryBIO(native: Native): Pointer {
  const bio = native.BIO_new(native.BIO_s_mem())
  if (bio === null) throw new Error('BIO_new failed')
  return bio
}
