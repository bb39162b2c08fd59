import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { StreamOverSocket } from './stream-over-socket.ts'
import { closeTransport } from './transport.ts'

/** A stream whose bytes are those of another one below it, or made from them. It reads and writes no faster than the one below. */
export abstract class RelayStream extends StreamOverSocket {
  #below: Duplex
  #isAttached = false
  #hasEnded = false
  /** Whether the owner of the stream below wants both of its directions to end together. */
  #endsTogether = false

  constructor(below: Duplex) {
    super({ allowHalfOpen: below.allowHalfOpen })
    this.#below = below
  }

  protected get transport(): Duplex {
    return this.#below
  }

  get connecting(): boolean {
    return (this.#below as Partial<Socket>).connecting === true
  }

  /** Listens to a stream, instead of the one before. */
  protected attach(below: Duplex): void {
    this.#below = below
    this.#isAttached = true
    this.#hasEnded = false
    // Each direction is ended by us.
    this.#endsTogether = below.allowHalfOpen === false
    below.allowHalfOpen = true
    below.on('data', this.#onData)
    below.on('end', this.#onEnd)
    below.on('error', this.#onError)
    below.on('close', this.#onClose)
    below.resume()
  }

  /** Lets go of the stream below. It is left paused, as one that nobody has read from. */
  protected detach(): void {
    if (!this.#isAttached) return
    this.#isAttached = false
    const below = this.#below
    if (this.#endsTogether) below.allowHalfOpen = false
    below.pause()
    below.off('data', this.#onData)
    below.off('end', this.#onEnd)
    below.off('error', this.#onError)
    below.off('close', this.#onClose)
  }

  /** What a piece from below is to whoever reads. @throws what the stream is destroyed with. */
  protected incoming(chunk: Uint8Array): Uint8Array {
    return chunk
  }

  /** What a piece that was written is below. */
  protected outgoing(chunk: Uint8Array): Uint8Array {
    return chunk
  }

  /** The stream below has ended. */
  protected belowEnded(): void {
    this.push(null)
    // Has the stream notice its end although nobody may be reading.
    this.read(0)
  }

  override _read(): void {
    if (this.#isAttached) this.#below.resume()
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.touch()
    const bytes = this.outgoing(chunk)
    if (bytes.byteLength === 0) callback()
    else this.#below.write(bytes, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#below.end(() => callback())
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.stopIdleTimer()
    if (error !== null) this.rememberPeer()
    this.detach()
    closeTransport(this.#below, { awaitsEnd: false }, () => callback(error))
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.touch()
    let bytes: Uint8Array
    try {
      bytes = this.incoming(chunk)
    } catch (thrown) {
      this.destroy(thrown as Error)
      return
    }
    if (bytes.byteLength > 0 && !this.push(bytes)) this.#below.pause()
  }

  readonly #onEnd = (): void => {
    this.#hasEnded = true
    this.belowEnded()
  }

  readonly #onError = (error: Error): void => {
    this.destroy(error)
  }

  readonly #onClose = (): void => {
    // What came before the end is still to be read.
    if (!this.#hasEnded) this.destroy(this.#below.errored ?? undefined)
  }
}
