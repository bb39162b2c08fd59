/**
 * What stands between the framing of records and their cryptography. One object protects one direction from one change of keys to the
 * next; it owns the sequence number, so that no nonce can repeat.
 */

/** RFC 9846, Section 5.1. */
export const ContentType = {
  change_cipher_spec: 20,
  alert: 21,
  handshake: 22,
  application_data: 23,
} as const
export type ContentType = number

/** The header of a record: type, legacy version, length. */
export const recordHeaderLength = 5

/** The longest content of a record: RFC 9846, Section 5.1. */
export const maxContentLength: number = 2 ** 14

/** Protects what we send. */
export interface RecordSealer {
  /** How many bytes a record of `contentLength` bytes takes, header included. */
  sealedLength(contentLength: number): number
  /**
   * Writes one whole record, header included, into `target` from `offset`; answers how many bytes that were. `target` has the room and
   * does not overlap `content`.
   */
  seal(type: ContentType, content: Uint8Array, target: Uint8Array, offset: number): number
  /** How many more records these keys may protect: RFC 9846, Section 5.5. */
  readonly recordsLeft: number
  /** Gives the keys up: others have taken their place, or the connection is over. */
  wipe(): void
}

/** Opens what we receive. */
export interface RecordOpener {
  /** The longest fragment that a record may have: beyond it is `record_overflow`, whatever its content. */
  readonly maxFragmentLength: number
  /**
   * The content of one record, or `undefined` where it is not authentic. `record` is the whole of it, header included. The content is
   * the caller's own memory; its type, which TLS 1.3 hides inside, is in `contentType` until the next call.
   *
   * @throws ProtocolError where a record is authentic and yet wrong. Neither failure changes anything: it would repeat itself.
   */
  open(record: Uint8Array): Uint8Array | undefined
  readonly contentType: ContentType
  /** As that of a sealer. */
  wipe(): void
}
