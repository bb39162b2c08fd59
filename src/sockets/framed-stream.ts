import type { Duplex } from 'node:stream'
import type { HandshakeFraming } from '../starttls/dialogue.ts'
import { RelayStream } from './relay-stream.ts'

/** The stream below a TLS socket whose handshake travels in packets of another protocol. */
export class FramedStream extends RelayStream {
  readonly #framing: HandshakeFraming
  #isFramed = true

  constructor(below: Duplex, framing: HandshakeFraming) {
    super(below)
    this.#framing = framing
    this.attach(below)
  }

  /** The handshake is done: what is written from here on is not in packets. */
  unframe(): void {
    // In its place behind what was written before.
    this.write(endOfFraming)
  }

  protected override incoming(chunk: Uint8Array): Uint8Array {
    return this.#framing.unwrap(chunk)
  }

  protected override outgoing(chunk: Uint8Array): Uint8Array {
    if (chunk === endOfFraming) this.#isFramed = false
    return this.#isFramed ? this.#framing.wrap(chunk) : chunk
  }
}

const endOfFraming = Buffer.alloc(0)
