import type { Duplex } from 'node:stream'
import { RelayStream } from './relay-stream.ts'

/**
 * A stream through a proxy, there before the proxy has connected: it is `connecting` until then, and emits `connect`, as a socket of
 * `node:net`. For those who want a stream at once. What is written before waits.
 */
export class TunnelStream extends RelayStream {
  #isOpening = true
  readonly #fail = (error: Error | undefined): void => void this.destroy(error)

  /** @param opened Settles when the proxy has connected, or has not; the stream to it is fresh then, and nobody listens to it. */
  constructor(toProxy: Duplex, opened: Promise<void>) {
    super(toProxy)
    // Between those who lead the dialogue and those who come after it, nobody else would listen.
    toProxy.on('error', this.#fail)
    opened.then(() => this.#open(toProxy), this.#fail)
  }

  override get connecting(): boolean {
    return this.#isOpening && !this.destroyed
  }

  override _write(chunk: Uint8Array, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#isOpening) this.once('connect', () => super._write(chunk, encoding, callback))
    else super._write(chunk, encoding, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#isOpening) this.once('connect', () => super._final(callback))
    else super._final(callback)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    // Nothing that was said to the proxy has to arrive any more.
    if (this.#isOpening) this.transport.destroy()
    super._destroy(error, callback)
  }

  #open(toProxy: Duplex): void {
    if (this.destroyed) return
    if (toProxy.destroyed) {
      this.destroy(toProxy.errored ?? undefined)
      return
    }
    this.attach(toProxy)
    toProxy.off('error', this.#fail)
    this.#isOpening = false
    this.emit('connect')
  }
}
