import { ByteReader } from '../../codec/byte-reader.ts'
import { ByteWriter } from '../../codec/byte-writer.ts'
import { DecodeError } from '../../codec/decode-error.ts'

/**
 * What a server remembers of a session beside what OpenSSL does: who the client was, which OpenSSL keeps only in part, and for how long
 * that may be believed. It travels inside the sealed ticket, or with the session in the store.
 */
export interface SessionRecord {
  /** In milliseconds since 1970. */
  readonly issuedAtMilliseconds: number
  /** When the client has to show again who it is, in a full handshake; in milliseconds since 1970. See `Session`. */
  readonly authenticatedUntilMilliseconds: number
  /** The name that the client asked for: a session is not for another. */
  readonly serverName: string | undefined
  readonly verified: boolean
  /** What binds to the certificate that the client was shown where the session began (RFC 5929, Section 4); empty where nothing does. */
  readonly endPoint: Uint8Array
  readonly peerChain: readonly Uint8Array[]
}

/** The record as bytes; `undefined` where the client's certificates are too much for a ticket, so that it cannot resume. */
export function encodeRecord(record: SessionRecord): Uint8Array | undefined {
  const chainBytes = record.peerChain.reduce((sum, each) => sum + each.byteLength, 0)
  if (chainBytes > maxChainBytes) return undefined
  const w = new ByteWriter(64 + chainBytes).u8(formatVersion)
  writeTime(w, record.issuedAtMilliseconds)
  writeTime(w, record.authenticatedUntilMilliseconds)
  w.vector16(Buffer.from(record.serverName ?? '', 'latin1')).u8(record.verified ? 1 : 0)
  w.vector8(record.endPoint)
  w.vector24((chain) => {
    for (const certificate of record.peerChain) chain.vector24(certificate)
  })
  return w.finish().slice()
}

/** `undefined` where the bytes are no record of this version of the library. */
export function decodeRecord(bytes: Uint8Array): SessionRecord | undefined {
  try {
    const r = new ByteReader(bytes, 'SessionRecord')
    if (r.u8('format') !== formatVersion) return undefined
    const issuedAtMilliseconds = readTime(r)
    const authenticatedUntilMilliseconds = readTime(r)
    const serverName = Buffer.from(r.vector16('server_name')).toString('latin1') || undefined
    const verified = r.u8('verified') === 1
    const endPoint = r.vector8('end_point').slice()
    const peerChain: Uint8Array[] = []
    for (const list = r.reader24('peer_chain'); list.remaining > 0; )
      peerChain.push(list.vector24('certificate').slice())
    r.end()
    return {
      issuedAtMilliseconds,
      authenticatedUntilMilliseconds,
      serverName,
      verified,
      endPoint,
      peerChain: Object.freeze(peerChain),
    }
  } catch (thrown) {
    if (thrown instanceof DecodeError) return undefined
    throw thrown
  }
}

/** Milliseconds since 1970 need more than 32 bits. */
function writeTime(w: ByteWriter, milliseconds: number): void {
  w.u32(Math.floor(milliseconds / 2 ** 32)).u32(milliseconds % 2 ** 32)
}

function readTime(r: ByteReader): number {
  return r.u32('time') * 2 ** 32 + r.u32('time')
}

const formatVersion = 2

/** A ticket has at most 2^16 bytes, and clients carry it in their first flight. */
const maxChainBytes = 16 * 1024
