import type { Duplex } from 'node:stream'
import type { TLSBuffer } from '../channel/tls-buffer.ts'
import { TCPTransport } from './tcp.ts'

/** What the pump tells its socket. */
export interface PumpListener {
  /** Ciphertext came: a step may go further than before. */
  transportAdvanced(): void
  /** The transport has said its last byte. */
  transportEnded(): void
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
  /** Where ciphertext comes from if the transport is a socket of our own. */
  readonly #tcp: TCPTransport | undefined
  /** Ciphertext that the channel has not taken. The transport is paused as long as there is any. */
  #held: Uint8Array | undefined
  #attached = false
  #isDone = false
  #awaitsDrain = false
  /** The transport has said its last byte; the channel is told when it has taken all before it. */
  #ended = false
  /** Whether the owner of the transport wants both of its directions to end together. */
  readonly #endsTogether: boolean
  bytesRead = 0
  bytesWritten = 0

  constructor(buffer: TLSBuffer, transport: Duplex | TCPTransport, listener: PumpListener) {
    this.#buffer = buffer
    this.#tcp = transport instanceof TCPTransport ? transport : undefined
    this.transport = transport instanceof TCPTransport ? transport.socket : transport
    this.#listener = listener
    this.#endsTogether = this.transport.allowHalfOpen === false
  }

  attach(): void {
    const { transport } = this
    this.#attached = true
    // The peer may end its direction first; ours has to stay open for close_notify.
    transport.allowHalfOpen = true
    if (this.#tcp === undefined) transport.on('data', this.#onData)
    else this.#tcp.deliverTo(this.#onCiphertext)
    transport.on('end', this.#onEnd)
    transport.on('drain', this.#onDrain)
    transport.on('error', this.#onError)
    transport.on('close', this.#onClose)
    // A stream that was paused before stays so until it is told otherwise.
    transport.resume()
  }

  /** Reads no more: what comes behind the peer's close_notify, its end too, is for whoever gets the transport next. */
  stopReading(): void {
    this.#isDone = true
    if (this.#attached) this.transport.pause()
  }

  /** Lets go of the transport. It is left paused, as a stream that nobody has read from yet. */
  detach(): void {
    if (!this.#attached) return
    const { transport } = this
    this.#attached = false
    if (this.#endsTogether) {
      transport.allowHalfOpen = false
      if (transport.readableEnded) transport.end()
    }
    transport.pause()
    transport.off('data', this.#onData)
    this.#tcp?.deliverTo(undefined)
    transport.off('end', this.#onEnd)
    transport.off('drain', this.#onDrain)
    transport.off('error', this.#onError)
    transport.off('close', this.#onClose)
  }

  /** Hands everything that the channel has produced to the transport; answers whether the transport takes more at once. */
  flush(): boolean {
    const { transport } = this
    for (let length = this.#buffer.outgoingBytesBuffered; length > 0; length = this.#buffer.outgoingBytesBuffered) {
      // A socket of our own has copied what it has sent; any other stream may keep the memory that it was given.
      if (this.#tcp === undefined || length < slabBytes / 4) this.#write(this.#buffer.processOutgoing())
      else this.#writeSlab(slabs.pop() ?? Buffer.allocUnsafeSlow(slabBytes))
    }
    // A stream says at its own mark that it is full; a little more keeps it busy while the next records are made.
    return !this.#awaitsDrain || transport.writableLength < writeAheadBytes
  }

  /** Offers the channel what it did not take before; to be called when it has been read from. */
  refill(): void {
    if (this.#held === undefined) return
    const taken = this.#offer(this.#held)
    if (taken < this.#held.byteLength) {
      this.#held = this.#held.subarray(taken)
      return
    }
    this.#held = undefined
    if (this.#ended) this.#buffer.endIncoming()
    else if (this.#attached && !this.#isDone) this.transport.resume()
  }

  /** Nothing more will come: has the channel know, behind everything that did come. */
  end(): void {
    this.#ended = true
    if (this.#held === undefined) this.#buffer.endIncoming()
  }

  /** What the channel has not taken; it belongs to whoever reads the transport next. */
  takeHeld(): Uint8Array {
    const held = this.#held ?? new Uint8Array(0)
    this.#held = undefined
    return held
  }

  #write(ciphertext: Uint8Array, sent?: () => void): void {
    if (!this.transport.writable) return
    this.bytesWritten += ciphertext.byteLength
    if (!this.transport.write(ciphertext, sent)) this.#awaitsDrain = true
  }

  /** Long ciphertext goes through memory that is used again once the socket has sent it. */
  #writeSlab(slab: Buffer): void {
    const length = this.#buffer.processOutgoingInto(slab)
    let inUse = true
    const release = (): void => {
      if (inUse && slabs.length < mostSlabs) slabs.push(slab)
      inUse = false
    }
    this.#write(slab.subarray(0, length), release)
    // Mostly the kernel takes it at once, and the callback comes only much later.
    if (this.transport.writableLength === 0) release()
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (!this.#onCiphertext(chunk)) this.transport.pause()
  }

  readonly #onCiphertext = (chunk: Uint8Array): boolean => {
    this.bytesRead += chunk.byteLength
    // Some streams go on for a while after they were paused.
    if (this.#held !== undefined) this.#held = Buffer.concat([this.#held, chunk])
    else {
      const taken = this.#offer(chunk)
      // A copy, for the memory of the chunk will be used again.
      if (taken < chunk.byteLength) this.#held = Buffer.from(chunk.subarray(taken))
    }
    this.#listener.transportAdvanced()
    return this.#held === undefined && !this.#isDone
  }

  /** A channel that has failed takes nothing any more, and has said why: what still comes is dropped. */
  #offer(ciphertext: Uint8Array): number {
    try {
      return this.#buffer.processIncoming(ciphertext)
    } catch {
      return ciphertext.byteLength
    }
  }

  readonly #onEnd = (): void => {
    this.#listener.transportEnded()
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

const slabBytes = 64 * 1024
/** How many are kept for later, in all. */
const mostSlabs = 16
const slabs: Buffer[] = []
