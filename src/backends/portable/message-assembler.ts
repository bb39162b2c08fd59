import { maxCertificateChainBytes } from '../../channel/limits.ts'
import { fault } from './faults.ts'
import { handshakeHeaderLength } from './messages/frame.ts'
import { HandshakeType, handshakeName } from './messages/handshake-type.ts'

/** The longest handshake message that is accepted, in bytes; a Certificate may have `maxCertificateChainBytes`. */
export const maxHandshakeMessageBytes: number = 64 * 1024

/** Puts handshake messages together from the contents of records: RFC 9846, Section 5.1. */
export class MessageAssembler {
  #bytes: Uint8Array = nothing
  #start = 0
  #end = 0

  /** Whether no part of a message waits for its rest. */
  get isEmpty(): boolean {
    return this.#start === this.#end
  }

  /** Takes the content of a record; the memory is ours from here on. */
  add(content: Uint8Array): void {
    if (this.isEmpty) {
      // Without the methods of Node's Buffer, whose `slice` does not copy.
      this.#bytes = new Uint8Array(content.buffer, content.byteOffset, content.length)
      this.#start = 0
      this.#end = content.length
      return
    }
    const held = this.#end - this.#start
    if (this.#end + content.length > this.#bytes.length) {
      // Doubling keeps the work linear however small the pieces are.
      const grown = new Uint8Array(Math.max(held + content.length, 2 * held, 512))
      grown.set(this.#bytes.subarray(this.#start, this.#end))
      this.#bytes = grown
      this.#start = 0
      this.#end = held
    }
    this.#bytes.set(content, this.#end)
    this.#end += content.length
  }

  /** The next whole message with its header, in memory that is not written again; `undefined` where more is needed. */
  next(): Uint8Array | undefined {
    const bytes = this.#bytes
    const start = this.#start
    const held = this.#end - start
    if (held < handshakeHeaderLength) return undefined
    const length =
      ((bytes[start + 1] as number) << 16) | ((bytes[start + 2] as number) << 8) | (bytes[start + 3] as number)
    const type = bytes[start] as number
    if (length > limitOf(type)) throw fault('excessive-message', `${handshakeName(type)} of ${length} bytes`)
    const whole = handshakeHeaderLength + length
    if (held < whole) return undefined
    this.#start = start + whole
    const message = bytes.subarray(start, start + whole)
    if (this.isEmpty) this.#bytes = nothing
    return message
  }
}

const nothing = new Uint8Array(0)

/** A server may name many authorities in its request for a certificate. */
function limitOf(type: number): number {
  switch (type) {
    case HandshakeType.certificate:
    case HandshakeType.compressed_certificate:
    case HandshakeType.certificate_request:
      return maxCertificateChainBytes
    default:
      return maxHandshakeMessageBytes
  }
}
