/** Bytes in a queue: taken in pieces of any size at one end, given in pieces of any size at the other. */
export class ByteQueue {
  #pieces: Buffer[] = []
  #length = 0

  get byteLength(): number {
    return this.#length
  }

  /** Takes bytes that nobody else will change. */
  push(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return
    this.#pieces.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    this.#length += bytes.byteLength
  }

  /** Puts bytes back to where they were taken from. */
  putBack(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return
    this.#pieces.unshift(Buffer.from(bytes))
    this.#length += bytes.byteLength
  }

  /** A view of the first bytes, all in one place, without taking them. */
  peek(length: number): Buffer {
    const [first] = this.#pieces
    if (first !== undefined && first.byteLength >= length) return first.subarray(0, length)
    // Once joined, they are not joined again for the next look.
    const joined = Buffer.concat(this.#pieces)
    this.#pieces = joined.byteLength === 0 ? [] : [joined]
    return joined.subarray(0, length)
  }

  /** Moves bytes into the caller's memory, as much as fits; answers how many. */
  takeInto(target: Uint8Array): number {
    let taken = 0
    while (taken < target.byteLength) {
      const [first] = this.#pieces
      if (first === undefined) break
      const length = Math.min(first.byteLength, target.byteLength - taken)
      target.set(first.subarray(0, length), taken)
      taken += length
      this.drop(length)
    }
    return taken
  }

  /** Forgets the first bytes. */
  drop(length: number): void {
    this.#length -= length
    for (let left = length; left > 0; ) {
      const first = this.#pieces[0] as Buffer
      if (first.byteLength <= left) {
        left -= first.byteLength
        this.#pieces.shift()
      } else {
        this.#pieces[0] = first.subarray(left)
        left = 0
      }
    }
  }

  clear(): void {
    this.#pieces = []
    this.#length = 0
  }
}

/** The header of a record. RFC 9846, Section 5.1. */
export const recordHeaderBytes = 5

/** The longest record of TLS 1.2, which leaves more room than TLS 1.3: 2^14 + 2048. RFC 5246, Section 6.2.3. */
const maximumFragmentBytes = 2 ** 14 + 2048

/** What the queue begins with: a record and how long it is with its header, too little to say, or what no TLS record begins with. */
export type NextRecord =
  | { readonly kind: 'record'; readonly type: number; readonly byteLength: number; readonly isWhole: boolean }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'too-long' }

export function nextRecord(queue: ByteQueue): NextRecord {
  const header = queue.peek(recordHeaderBytes)
  const [type = 0, major] = header
  if (header.byteLength === 0) return { kind: 'unknown' }
  if (type < 20 || type > 24 || (major !== undefined && major !== 3)) return { kind: 'foreign' }
  if (header.byteLength < recordHeaderBytes) return { kind: 'unknown' }
  const fragmentBytes = header.readUInt16BE(3)
  if (fragmentBytes > maximumFragmentBytes) return { kind: 'too-long' }
  const byteLength = recordHeaderBytes + fragmentBytes
  return { kind: 'record', type, byteLength, isWhole: queue.byteLength >= byteLength }
}

/** How many bytes at the start of the queue are whole records: all of them, or the fewest that are more than `moreThan`. */
export function wholeRecordsBytes(queue: ByteQueue, moreThan: number = Number.POSITIVE_INFINITY): number {
  const bytes = queue.peek(queue.byteLength)
  let end = 0
  while (end <= moreThan && end + recordHeaderBytes <= bytes.byteLength) {
    const next = end + recordHeaderBytes + bytes.readUInt16BE(end + 3)
    if (next > bytes.byteLength) break
    end = next
  }
  return end
}
