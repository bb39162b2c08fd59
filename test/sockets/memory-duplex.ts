import { Duplex } from 'node:stream'

export interface MemoryPairOptions {
  /** How many bytes arrive at once at most. Default: as they were written. */
  readonly chunkBytes?: number
  /** Lets every piece arrive in a turn of the event loop of its own. Default: at once. */
  readonly slow?: boolean
  readonly highWaterMark?: number
}

/** Two ends of a wire in memory. A write is done only when the other end has asked for all of it: nothing is stored in between. */
export function memoryPair(options: MemoryPairOptions = {}): [MemoryDuplex, MemoryDuplex] {
  const one = new MemoryDuplex(options)
  const other = new MemoryDuplex(options)
  one.peer = other
  other.peer = one
  return [one, other]
}

export class MemoryDuplex extends Duplex {
  peer: MemoryDuplex | undefined
  readonly #options: MemoryPairOptions
  #unsent: Uint8Array | undefined
  #sent: (() => void) | undefined
  wanted = false
  #underWay = false

  constructor(options: MemoryPairOptions) {
    super({ allowHalfOpen: true, ...(options.highWaterMark && { highWaterMark: options.highWaterMark }) })
    this.#options = options
  }

  override _read(): void {
    this.wanted = true
    this.peer?.deliver()
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: () => void): void {
    this.#unsent = chunk
    this.#sent = callback
    this.deliver()
  }

  override _final(callback: () => void): void {
    if (this.peer?.destroyed === false) this.peer.push(null)
    callback()
  }

  /** The other end sees the end of the stream, as that of a TCP connection that was closed. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const { peer } = this
    process.nextTick(() => {
      if (peer !== undefined && !peer.destroyed && !peer.readableEnded && !this.writableFinished) peer.push(null)
    })
    callback(error)
  }

  deliver(): void {
    if (this.#options.slow !== true) this.#deliverNow()
    else if (!this.#underWay) {
      this.#underWay = true
      setImmediate(() => {
        this.#underWay = false
        this.#deliverNow()
      })
    }
  }

  #deliverNow(): void {
    const { peer } = this
    while (this.#unsent !== undefined && peer?.wanted && !peer.destroyed) {
      const piece = this.#unsent.subarray(0, this.#options.chunkBytes)
      this.#unsent = piece.byteLength < this.#unsent.byteLength ? this.#unsent.subarray(piece.byteLength) : undefined
      peer.wanted = false
      peer.push(piece)
      if (this.#options.slow === true) break
    }
    if (this.#unsent === undefined) {
      const sent = this.#sent
      this.#sent = undefined
      sent?.()
    } else if (peer?.wanted) this.deliver()
  }
}
