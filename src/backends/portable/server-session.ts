import { ByteReader } from '../../codec/byte-reader.ts'
import { ByteWriter } from '../../codec/byte-writer.ts'
import { DecodeError } from '../../codec/decode-error.ts'
import type { CodePoint } from '../../config/registry.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'

/** What a server remembers of a session, inside a ticket or in its store. */
export interface ServerSession {
  readonly version: NegotiatedVersion
  readonly cipherSuite: CodePoint
  /** The ticket's pre-shared key; of TLS 1.2 the master secret. */
  readonly secret: Uint8Array
  /** In milliseconds since 1970. */
  readonly issuedAtMilliseconds: number
  /** RFC 9846, Section 4.6.1. */
  readonly ageAdd: number
  /** When the client has to show again who it is, in a full handshake; in milliseconds since 1970. See `Session`. */
  readonly authenticatedUntilMilliseconds: number
  /** The name that the client asked for: a session is not for another. */
  readonly serverName: string | undefined
  readonly innerProtocol: string | undefined
  readonly maxEarlyDataBytes: number
  readonly verified: boolean
  /** Of the certificate that the client was shown where the session began. See `ServerEndPoint`. */
  readonly endPoint: Uint8Array | undefined
  /** What the client showed, DER. */
  readonly peerChain: readonly Uint8Array[]
  /** See `ServerSessionsOptions`. */
  readonly binding: Uint8Array
}

/** `undefined` where the client's certificates are too much for a ticket, so that it cannot resume. */
export function encodeServerSession(session: ServerSession): Uint8Array | undefined {
  const chainBytes = session.peerChain.reduce((sum, { length }) => sum + length, 0)
  if (chainBytes > maxChainBytes) return undefined
  const text = (value: string | undefined): Uint8Array => encoder.encode(value ?? '')
  const w = new ByteWriter(256 + chainBytes).u8(session.version === 'TLSv1.3' ? 3 : 2).u16(session.cipherSuite)
  w.vector8(session.secret)
  writeTime(w, session.issuedAtMilliseconds)
  w.u32(session.ageAdd)
  writeTime(w, session.authenticatedUntilMilliseconds)
  w.vector16(text(session.serverName)).vector8(text(session.innerProtocol))
  w.u32(session.maxEarlyDataBytes)
    .u8(session.verified ? 1 : 0)
    .vector8(session.endPoint ?? nothing)
  w.vector24((chain) => {
    for (const certificate of session.peerChain) chain.vector24(certificate)
  })
  return w.vector8(session.binding).finish().slice()
}

/** `undefined` where the bytes are no session of this version of the library. */
export function decodeServerSession(bytes: Uint8Array): ServerSession | undefined {
  try {
    // A copy: what a store has given is its own memory.
    const r = new ByteReader(new Uint8Array(bytes), 'session')
    const version = { 2: 'TLSv1.2', 3: 'TLSv1.3' }[r.u8('version')] as NegotiatedVersion | undefined
    if (version === undefined) return undefined
    const session = {
      version,
      cipherSuite: r.u16('cipher_suite'),
      secret: r.vector8('secret', 1),
      issuedAtMilliseconds: readTime(r),
      ageAdd: r.u32('age_add'),
      authenticatedUntilMilliseconds: readTime(r),
      serverName: decoder.decode(r.vector16('server_name')) || undefined,
      innerProtocol: decoder.decode(r.vector8('inner_protocol')) || undefined,
      maxEarlyDataBytes: r.u32('max_early_data'),
      verified: r.u8('verified') === 1,
      endPoint: readEndPoint(r),
      peerChain: readChain(r.reader24('peer_chain')),
      binding: r.vector8('binding'),
    }
    r.end()
    return session
  } catch (thrown) {
    if (thrown instanceof DecodeError) return undefined
    throw thrown
  }
}

function readEndPoint(r: ByteReader): Uint8Array | undefined {
  const hash = r.vector8('end_point')
  return hash.length === 0 ? undefined : hash.slice()
}

function readChain(list: ByteReader): readonly Uint8Array[] {
  const chain: Uint8Array[] = []
  while (list.remaining > 0) chain.push(list.vector24('certificate'))
  return Object.freeze(chain)
}

/** Milliseconds since 1970 need more than 32 bits. */
function writeTime(w: ByteWriter, milliseconds: number): void {
  w.u32(Math.floor(milliseconds / 2 ** 32)).u32(milliseconds % 2 ** 32)
}

function readTime(r: ByteReader): number {
  return r.u32('time') * 2 ** 32 + r.u32('time')
}

const nothing = new Uint8Array(0)
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A ticket has at most 2^16 bytes, and clients carry it in their first flight. */
const maxChainBytes = 16 * 1024
