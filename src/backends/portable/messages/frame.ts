import { ByteReader } from '../../../codec/byte-reader.ts'
import { ByteWriter } from '../../../codec/byte-writer.ts'
import { type HandshakeName, HandshakeType } from './handshake-type.ts'

/** The type and length in front of every handshake message. RFC 9846, Section 4. */
export const handshakeHeaderLength = 4

/** A whole handshake message, as it goes into records and into the transcript. */
export function encodeHandshake(
  name: HandshakeName,
  write: (writer: ByteWriter) => void,
  capacity = 256,
): Uint8Array<ArrayBuffer> {
  return new ByteWriter(capacity).u8(HandshakeType[name]).vector24(write).finish()
}

/** Decodes the body of a message and refuses what is left of it. */
export function decodeWhole<T>(what: string, body: Uint8Array, decode: (reader: ByteReader) => T): T {
  const reader = new ByteReader(body, what)
  const message = decode(reader)
  reader.end()
  return message
}
