import type { Conduit, ConduitUser } from './conduit.ts'

/** What one channel holds of ciphertext: in the conduit, or here when it had to make room there for another channel. */
export class Ciphertext implements ConduitUser {
  readonly #conduit: Conduit
  #unread: Buffer | undefined
  #unsent: Buffer | undefined

  constructor(conduit: Conduit) {
    this.#conduit = conduit
  }

  /** Puts into the conduit what belongs there before a step. */
  enter(): void {
    this.#conduit.enter(this)
    if (this.#unread === undefined) return
    this.#conduit.feed(this.#unread)
    this.#unread = undefined
  }

  /** Begins anew with these bytes as all that came. */
  startOver(received: Uint8Array): void {
    this.#conduit.clear(this)
    this.#unread = this.#unsent = undefined
    this.#conduit.feed(received)
  }

  /** Gives up the conduit for good. What was not fetched yet, the last alert perhaps, still can be. */
  leave(): void {
    this.#keepUnsent(this.#conduit.leave(this))
    this.#unread = undefined
  }

  takeBack(unread: Buffer, unsent: Buffer): void {
    if (unread.byteLength > 0) this.#unread = unread
    this.#keepUnsent(unsent)
  }

  get unreadBytes(): number {
    return this.#conduit.unread(this) + (this.#unread?.byteLength ?? 0)
  }

  feed(ciphertext: Uint8Array): void {
    this.enter()
    this.#conduit.feed(ciphertext)
  }

  releaseUnread(): Uint8Array {
    const unread = this.#unread
    this.#unread = undefined
    return unread ?? this.#conduit.takeUnread(this)
  }

  get unsentBytes(): number {
    return this.#conduit.unsent(this) + (this.#unsent?.byteLength ?? 0)
  }

  /** Moves what is to be sent into the caller's memory, as much as fits. */
  takeUnsent(target: Uint8Array): number {
    // What had to make room is older than what has been written since.
    const unsent = this.#unsent
    if (unsent === undefined) return this.#takeFromConduit(target)
    const length = unsent.copy(target)
    this.#unsent = length < unsent.byteLength ? unsent.subarray(length) : undefined
    return length + (length < target.byteLength ? this.#takeFromConduit(target.subarray(length)) : 0)
  }

  /** What is to be sent behind everything so far, and is not of OpenSSL. Nothing of it is written afterwards. */
  add(unsent: Buffer): void {
    this.#keepUnsent(unsent)
  }

  #takeFromConduit(target: Uint8Array): number {
    return this.#conduit.unsent(this) > 0 ? this.#conduit.takeUnsent(target) : 0
  }

  #keepUnsent(unsent: Buffer): void {
    if (unsent.byteLength === 0) return
    this.#unsent = this.#unsent === undefined ? unsent : Buffer.concat([this.#unsent, unsent])
  }
}
