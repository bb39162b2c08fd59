/** Bytes that were heard and not yet read, or are put together. Adding is cheap however small the pieces; what was given out stays. */
export class Heard {
  #bytes: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0

  get unread(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end)
  }

  get length(): number {
    return this.#end - this.#start
  }

  /** Adds a copy. */
  add(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(256, 2 * (this.length + bytes.length)))
      grown.set(this.unread)
      this.#end = this.length
      this.#start = 0
      this.#bytes = grown
    }
    this.#bytes.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** Takes so many bytes, of which there must be as many. */
  take(length: number): Uint8Array {
    const start = this.#start
    this.#start += length
    return this.#bytes.subarray(start, this.#start)
  }

  /** Puts bytes before those that are there. */
  putBack(bytes: Uint8Array): void {
    const { unread } = this
    const all = new Uint8Array(bytes.length + unread.length)
    all.set(bytes)
    all.set(unread, bytes.length)
    this.#bytes = all
    this.#start = 0
    this.#end = all.length
  }
}
