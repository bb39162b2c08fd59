import type { Duplex } from 'node:stream'
import type { TLSBuffer } from '../channel/tls-buffer.ts'

/** What the pump tells its socket. */
export interface PumpListener {
  /** Ciphertext came, or the transport ended: a step may go further than before. */
  transportAdvanced(): void
  /** The transport takes ciphertext again. */
  transportDrained(): void
  /** The transport failed, or was closed by somebody else. */
  transportLost(error: Error | undefined): void
}

/** Moves ciphertext between a channel and a stream, as much as both take: the only place where the two meet. */
export class Pump {
  readonly transport: Duplex
  readonly #buffer: TLSBuffer
  readonly #listener: PumpListener
  /** Ciphertext that the channel has not taken. The transport is paused as long as there is any. */
  #held: Uint8Array | undefined
  #attached = false
  #awaitsDrain = false
  bytesRead = 0
  bytesWritten = 0

  constructor(buffer: TLSBuffer, transport: Duplex, listener: PumpListener) {
    this.#buffer = buffer
    this.transport = transport
    this.#listener = listener
  }

  attach(): void {
    const { transport } = this
    this.#attached = true
    transport.on('data', this.#onData)
    transport.on('end', this.#onEnd)
    transport.on('drain', this.#onDrain)
    transport.on('error', this.#onError)
    transport.on('close', this.#onClose)
    // A stream that was paused before stays so until it is told otherwise.
    transport.resume()
  }

  /** Lets go of the transport. It is left paused, as a stream that nobody has read from yet. */
  detach(): void {
    if (!this.#attached) return
    const { transport } = this
    this.#attached = false
    transport.pause()
    transport.off('data', this.#onData)
    transport.off('end', this.#onEnd)
    transport.off('drain', this.#onDrain)
    transport.off('error', this.#onError)
    transport.off('close', this.#onClose)
  }

  /** Hands everything that the channel has produced to the transport; answers whether the transport takes more at once. */
  flush(): boolean {
    const { transport } = this
    if (this.#buffer.outgoingBytesBuffered > 0) {
      const ciphertext = this.#buffer.processOutgoing()
      if (transport.writable) {
        this.bytesWritten += ciphertext.byteLength
        if (!transport.write(ciphertext)) this.#awaitsDrain = true
      }
    }
    // A stream says at its own mark that it is full; a little more keeps it busy while the next records are made.
    return !this.#awaitsDrain || transport.writableLength < writeAheadBytes
  }

  /** Offers the channel what it did not take before; to be called when it has been read from. */
  refill(): void {
    if (this.#held === undefined) return
    const taken = this.#buffer.processIncoming(this.#held)
    if (taken < this.#held.byteLength) {
      this.#held = this.#held.subarray(taken)
      return
    }
    this.#held = undefined
    if (this.#attached) this.transport.resume()
  }

  /** What the channel has not taken; it belongs to whoever reads the transport next. */
  takeHeld(): Uint8Array {
    const held = this.#held ?? new Uint8Array(0)
    this.#held = undefined
    return held
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.bytesRead += chunk.byteLength
    const taken = this.#buffer.processIncoming(chunk)
    if (taken < chunk.byteLength) {
      this.#held = chunk.subarray(taken)
      this.transport.pause()
    }
    this.#listener.transportAdvanced()
  }

  readonly #onEnd = (): void => {
    this.#buffer.endIncoming()
    this.#listener.transportAdvanced()
  }

  readonly #onDrain = (): void => {
    this.#awaitsDrain = false
    this.#listener.transportDrained()
  }

  readonly #onError = (error: Error): void => {
    this.#listener.transportLost(error)
  }

  readonly #onClose = (): void => {
    this.#listener.transportLost(undefined)
  }
}

const writeAheadBytes = 256 * 1024
