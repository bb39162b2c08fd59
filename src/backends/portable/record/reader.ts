import { describeForeign, notTLS } from '../../../channel/foreign-peer.ts'
import { fault } from '../faults.ts'
import { ContentType, maxContentLength, type RecordOpener, recordHeaderLength } from './protection.ts'

/** The content of a record. */
export interface RecordContent {
  readonly type: ContentType
  /** The caller's own memory. */
  readonly content: Uint8Array
  /** Of the whole record, in bytes of ciphertext. */
  readonly length: number
}

/**
 * Takes ciphertext and gives the contents of records, one at a time: RFC 9846, Section 5. What was fed and not yet given is all that it
 * holds.
 *
 * Records of data are opened as they are fed, out of the memory that they came in, so that only what is left of a record that is cut
 * in two is ever copied. Nothing is concluded from them before they are asked for: a failure shows where it stands in the stream.
 */
export class RecordReader {
  #opener: RecordOpener | undefined
  /** Ciphertext that was copied because it could not be opened at once. */
  #buffer: Uint8Array = nothing
  #start = 0
  #end = 0
  /** Records that were opened and not given yet, and how many bytes of ciphertext they were together. */
  #opened: RecordContent[] = []
  #openedBytes = 0
  /** Whether the keys can only change by a record that is not there yet. */
  #opensAtOnce = false
  #isEstablished = false
  #sawRecord = false
  /** How many bytes may still be passed over because nobody has their key: a client's early data. */
  #skippable = 0

  /** How many bytes of ciphertext were fed whose contents were not given yet. */
  get buffered(): number {
    return this.#end - this.#start + this.#openedBytes
  }

  protect(opener: RecordOpener): void {
    this.#opener?.wipe()
    this.#opener = opener
  }

  /** Gives the keys up. Nothing can be opened any more. */
  wipe(): void {
    this.#opener?.wipe()
  }

  /** From here on mostly data comes. */
  openAtOnce(): void {
    this.#isEstablished = true
    if (this.#start === this.#end) this.#drop()
  }

  /** RFC 9846, Section 4.2.10: what cannot be decrypted is passed over, up to a bound, until the first record that can. */
  skipEarlyData(maxBytes: number): void {
    this.#skippable = maxBytes
  }

  feed(bytes: Uint8Array): void {
    this.#keep(this.#opensAtOnce ? this.#openDirectly(bytes) : bytes)
  }

  /**
   * The content of the next record; `undefined` where more bytes are needed.
   * @throws ProtocolError
   */
  next(): RecordContent | undefined {
    const ready = this.#opened.shift()
    if (ready !== undefined) {
      this.#openedBytes -= ready.length
      return ready
    }
    for (;;) {
      const length = this.#recordLength(this.#buffer, this.#start, this.#end)
      if (length === undefined) {
        this.#opensAtOnce = this.#isEstablished
        return undefined
      }
      const record = this.#buffer.subarray(this.#start, this.#start + length)
      this.#start += length
      const content = this.#open(record)
      if (this.#start === this.#end) this.#drop()
      if (content !== undefined) return content
    }
  }

  /** Everything that is left: it belongs to whoever speaks next on the transport. Given once. */
  release(): Uint8Array {
    const rest = this.#buffer.slice(this.#start, this.#end)
    this.#drop()
    return rest
  }

  /** Opens whole records where they lie; answers what has to be kept. */
  #openDirectly(bytes: Uint8Array): Uint8Array {
    let rest = bytes
    const held = this.#end - this.#start
    if (held > 0) {
      // A record that came in two parts is put together, and no more than that.
      const missing = this.#missing(held, rest)
      if (missing === undefined || missing > rest.length) return rest
      this.#keep(rest.subarray(0, missing))
      rest = rest.subarray(missing)
      if (!this.#openEarly(this.#buffer.subarray(this.#start, this.#end))) return rest
      this.#drop()
    }
    while (this.#opensAtOnce) {
      const length = wholeRecord(rest)
      if (length === undefined || !this.#openEarly(rest.subarray(0, length))) break
      rest = rest.subarray(length)
    }
    return rest
  }

  /** How many bytes the record at the start of the buffer still lacks; `undefined` where there is more than that, or not even a header. */
  #missing(held: number, rest: Uint8Array): number | undefined {
    const byte = (at: number): number => (at < held ? this.#buffer[this.#start + at] : rest[at - held]) as number
    if (held + rest.length < recordHeaderLength) return undefined
    const length = recordHeaderLength + ((byte(3) << 8) | byte(4))
    return length > held ? length - held : undefined
  }

  /**
   * Whether the record was opened. Where it is not as it should be it stays closed, and is looked at when its turn comes; what is no
   * data may change the keys, so that nothing behind it is opened before its turn.
   */
  #openEarly(record: Uint8Array): boolean {
    const opener = this.#opener
    const { length } = record
    this.#opensAtOnce = false
    if (opener === undefined || record[0] !== ContentType.application_data) return false
    if (length - recordHeaderLength > opener.maxFragmentLength) return false
    let content: Uint8Array | undefined
    try {
      content = opener.open(record)
    } catch {
      return false
    }
    if (content === undefined) return false
    const type = opener.contentType
    this.#opened.push({ type, content, length })
    this.#openedBytes += length
    this.#opensAtOnce = type === ContentType.application_data
    return true
  }

  #open(record: Uint8Array): RecordContent | undefined {
    const opener = this.#opener
    this.#sawRecord = true
    if (opener === undefined) {
      const type = record[0] as number
      if (type === ContentType.application_data && this.#skip(record)) return undefined
      // A copy, because what is in the buffer is overwritten by what comes next.
      return { type, content: record.slice(recordHeaderLength), length: record.length }
    }
    const content = opener.open(record)
    if (content === undefined) {
      if (this.#skip(record)) return undefined
      throw fault('bad-record-mac')
    }
    if (record[0] === ContentType.application_data) this.#skippable = 0
    return { type: opener.contentType, content, length: record.length }
  }

  #skip(record: Uint8Array): boolean {
    if (this.#skippable === 0) return false
    this.#skippable -= record.length
    if (this.#skippable < 0) throw fault('unexpected-record', 'more early data than can be passed over')
    return true
  }

  /** The length of the whole record that starts there, header included; `undefined` where it is not all there. */
  #recordLength(bytes: Uint8Array, start: number, end: number): number | undefined {
    if (end - start < recordHeaderLength) return undefined
    this.#checkHeader(bytes, start, end)
    const length = ((bytes[start + 3] as number) << 8) | (bytes[start + 4] as number)
    if (length > this.#longestFragment(bytes[start] as number)) throw fault('record-overflow', `${length} bytes`)
    return recordHeaderLength + length <= end - start ? recordHeaderLength + length : undefined
  }

  /** Early data that is to be passed over before there are keys is protected all the same. RFC 9846, Section 5.2. */
  #longestFragment(type: number): number {
    if (this.#opener !== undefined) return this.#opener.maxFragmentLength
    const isEarlyData = this.#skippable > 0 && type === ContentType.application_data
    return isEarlyData ? maxContentLength + 256 : maxContentLength
  }

  #checkHeader(bytes: Uint8Array, start: number, end: number): void {
    const type = bytes[start] as number
    const known = type >= ContentType.change_cipher_spec && type <= ContentType.application_data
    if (known && bytes[start + 1] === 3) return
    if (!this.#sawRecord) throw notTLS(describeForeign(bytes.subarray(start, end)))
    throw known ? fault('wrong-record-version') : fault('unknown-content-type', `type ${type}`)
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const held = this.#end - this.#start
    if (held === 0) this.#start = this.#end = 0
    if (held + bytes.length > this.#buffer.length) {
      // Doubling keeps the work linear however small the pieces are.
      const grown = new Uint8Array(Math.max(held + bytes.length, 2 * this.#buffer.length, roomFor(bytes, held)))
      grown.set(this.#buffer.subarray(this.#start, this.#end))
      this.#buffer = grown
      this.#start = 0
      this.#end = held
    } else if (this.#end + bytes.length > this.#buffer.length) {
      this.#buffer.copyWithin(0, this.#start, this.#end)
      this.#start = 0
      this.#end = held
    }
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** A connection that waits holds no buffer; during the handshake a small one is kept, since more is coming. */
  #drop(): void {
    this.#start = this.#end = 0
    if (this.#isEstablished || this.#buffer.length > keptBytes) this.#buffer = nothing
  }
}

const nothing = new Uint8Array(0)
/** Bigger buffers are always given back as soon as they are empty. */
const keptBytes = 1024

function wholeRecord(bytes: Uint8Array): number | undefined {
  if (bytes.length < recordHeaderLength) return undefined
  const length = recordHeaderLength + (((bytes[3] as number) << 8) | (bytes[4] as number))
  return length <= bytes.length ? length : undefined
}

/** Room for the whole record that begins there, where it is plausible. */
function roomFor(bytes: Uint8Array, held: number): number {
  if (held > 0 || bytes.length < recordHeaderLength) return keptBytes
  const length = recordHeaderLength + (((bytes[3] as number) << 8) | (bytes[4] as number))
  return length <= maxContentLength + 512 ? Math.max(length, keptBytes) : keptBytes
}
