import { fault, notTLS } from '../faults.ts'
import { ContentType, maxContentLength, type RecordOpener, recordHeaderLength } from './protection.ts'

/**
 * Takes ciphertext and gives the contents of records, one at a time: RFC 9846, Section 5. What was fed and not yet given is all that it
 * holds.
 */
export class RecordReader {
  /** The type of the content that `next` gave last. */
  contentType: ContentType = ContentType.handshake
  #opener: RecordOpener | undefined
  #buffer: Uint8Array = nothing
  #start = 0
  #end = 0
  #sawRecord = false
  /** How many bytes may still be passed over because nobody has their key: a client's early data. */
  #skippable = 0

  get buffered(): number {
    return this.#end - this.#start
  }

  protect(opener: RecordOpener): void {
    this.#opener = opener
  }

  /** RFC 9846, Section 4.2.10: what cannot be decrypted is passed over, up to a bound, until the first record that can. */
  skipEarlyData(): void {
    this.#skippable = maxSkippedBytes
  }

  feed(bytes: Uint8Array): void {
    const held = this.buffered
    const needed = held + bytes.length
    if (held === 0) this.#start = this.#end = 0
    if (needed > this.#buffer.length) this.#grow(needed)
    else if (this.#end + bytes.length > this.#buffer.length) {
      this.#buffer.copyWithin(0, this.#start, this.#end)
      this.#start = 0
      this.#end = held
    }
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /**
   * The content of the next record, in memory that is the caller's own; `undefined` where more bytes are needed.
   * @throws ProtocolError
   */
  next(): Uint8Array | undefined {
    for (;;) {
      const record = this.#nextRecord()
      if (record === undefined) return undefined
      const content = this.#open(record)
      if (content !== undefined) return content
    }
  }

  /** Everything that is left: it belongs to whoever speaks next on the transport. Given once. */
  release(): Uint8Array {
    const rest = this.#buffer.slice(this.#start, this.#end)
    this.#drop()
    return rest
  }

  #nextRecord(): Uint8Array | undefined {
    const buffer = this.#buffer
    const start = this.#start
    const held = this.#end - start
    if (held < recordHeaderLength) return undefined
    const type = buffer[start] as number
    const length = ((buffer[start + 3] as number) << 8) | (buffer[start + 4] as number)
    this.#checkHeader(type, buffer[start + 1] as number)
    if (length > (this.#opener?.maxFragmentLength ?? maxContentLength))
      throw fault('record-overflow', `${length} bytes`)
    const whole = recordHeaderLength + length
    if (held < whole) return undefined
    this.#sawRecord = true
    this.#start = start + whole
    return buffer.subarray(start, start + whole)
  }

  #open(record: Uint8Array): Uint8Array | undefined {
    const opener = this.#opener
    if (opener === undefined) {
      this.contentType = record[0] as number
      if (this.contentType === ContentType.application_data && this.#skip(record)) return undefined
      // A copy, because what is in the buffer is overwritten by what comes next.
      return this.#given(record.slice(recordHeaderLength))
    }
    const content = opener.open(record)
    if (content === undefined) {
      if (this.#skip(record)) return undefined
      throw fault('bad-record-mac')
    }
    this.contentType = opener.contentType
    if (record[0] === ContentType.application_data) this.#skippable = 0
    return this.#given(content)
  }

  #given(content: Uint8Array): Uint8Array {
    if (this.#start === this.#end) this.#drop()
    return content
  }

  #skip(record: Uint8Array): boolean {
    if (this.#skippable === 0) return false
    this.#skippable -= record.length
    if (this.#skippable < 0) throw fault('unexpected-record', 'more early data than can be passed over')
    return true
  }

  #checkHeader(type: number, majorVersion: number): void {
    const known = type >= ContentType.change_cipher_spec && type <= ContentType.application_data
    if (known && majorVersion === 3) return
    if (!this.#sawRecord) throw notTLS(describeForeign(this.#buffer.subarray(this.#start, this.#end)))
    throw known ? fault('wrong-record-version') : fault('unknown-content-type', `type ${type}`)
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, 1024))
    grown.set(this.#buffer.subarray(this.#start, this.#end))
    this.#end -= this.#start
    this.#start = 0
    this.#buffer = grown
  }

  /** A connection that waits holds no buffer, unless it is so small that it does not matter. */
  #drop(): void {
    this.#start = this.#end = 0
    if (this.#buffer.length > keptBytes) this.#buffer = nothing
  }
}

const nothing = new Uint8Array(0)
/** Big buffers go back as soon as they are empty. */
const keptBytes = 2048
/** One record of early data and a half: more than any server that gives tickets of its own would have allowed us. */
const maxSkippedBytes = 24 * 1024

function describeForeign(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes.subarray(0, 8))
  if (/^HTTP\//.test(text)) return 'an HTTP response'
  if (/^CONNECT/.test(text)) return 'an HTTP CONNECT request'
  if (/^(GET|PUT|POST|HEAD|DELETE|OPTIONS|PATCH|PRI) /.test(text)) return 'an HTTP request'
  if (/^[\x20-\x7e\r\n]+$/.test(text)) return `text that begins with ${JSON.stringify(text)}`
  return 'bytes that are no TLS record'
}
