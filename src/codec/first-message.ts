import { ByteWriter } from './byte-writer.ts'

/**
 * The first handshake message of a connection, gathered from the records that carry it: RFC 9846, Section 5.1, lets it lie over several.
 * Everything that came is kept as it came, for whoever speaks with the peer afterwards.
 */
export class FirstMessage {
  readonly #received = new ByteWriter(1024)
  readonly #message = new ByteWriter(1024)
  /** Where the next record begins. */
  #scanned = 0

  /** Everything that came. Valid until more comes. */
  get received(): Uint8Array {
    return this.#received.finish()
  }

  add(ciphertext: Uint8Array): void {
    this.#received.raw(ciphertext)
  }

  /**
   * The whole message, header included, if it is of this type; `incomplete` as long as more is needed; `other` where something else
   * has begun, or where the message is longer than `maxBytes`.
   */
  read(type: number, maxBytes: number): Uint8Array | 'incomplete' | 'other' {
    const { received } = this
    for (;;) {
      const message = this.#inMessage(type, maxBytes)
      if (message !== 'incomplete') return message
      const [contentType, major, , high = 0, low = 0] = received.subarray(this.#scanned)
      if (contentType === undefined) return 'incomplete'
      if (contentType !== handshake || (major !== undefined && major !== 3)) return 'other'
      const left = received.length - this.#scanned - recordHeaderLength
      if (left < 0) return 'incomplete'
      const length = (high << 8) | low
      if (length === 0 || length > maxFragmentBytes) return 'other'
      if (left < length) return 'incomplete'
      const start = this.#scanned + recordHeaderLength
      this.#scanned = start + length
      this.#message.raw(received.subarray(start, this.#scanned))
    }
  }

  #inMessage(type: number, maxBytes: number): Uint8Array | 'incomplete' | 'other' {
    const gathered = this.#message.finish()
    const [first, high = 0, middle = 0, low = 0] = gathered
    if (first !== undefined && first !== type) return 'other'
    if (gathered.length < messageHeaderLength) return 'incomplete'
    const length = messageHeaderLength + ((high << 16) | (middle << 8) | low)
    if (length > maxBytes) return 'other'
    return gathered.length < length ? 'incomplete' : gathered.slice(0, length)
  }
}

/** RFC 9846, Section 5.1. */
const handshake = 22
const recordHeaderLength = 5
const maxFragmentBytes = 16_384
/** RFC 9846, Section 4. */
const messageHeaderLength = 4
