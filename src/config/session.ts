import { ByteReader } from '../codec/byte-reader.ts'
import { ByteWriter } from '../codec/byte-writer.ts'
import { UsageError } from '../errors.ts'
import type { CodePoint } from './registry.ts'
import { typeOf } from './source.ts'
import type { NegotiatedVersion } from './tls-version.ts'

/** What a backend keeps of a connection that can be resumed. */
export interface SessionContent {
  /** The backend that can go on from it: no other reads `state`. */
  readonly backend: string
  /** A digest of everything that made the server acceptable; the key of caches. See `SessionCache`. */
  readonly binding: string
  readonly version: NegotiatedVersion
  readonly cipherSuite: CodePoint
  readonly serverName: string | undefined
  readonly innerProtocol: string | undefined
  /** In milliseconds since 1970. */
  readonly receivedAtMilliseconds: number
  /** When it is of no use any more, in milliseconds since 1970: the server's limit, or `authenticatedUntilMilliseconds`. */
  readonly expiresAtMilliseconds: number
  /**
   * When the server has to prove again who it is, in milliseconds since 1970: seven days after it did, or when its certificate ends.
   * A session that comes in a resumed connection does not last longer than the one that it began with. RFC 9846, Section 4.6.1.
   */
  readonly authenticatedUntilMilliseconds: number
  /** How much early data the server would take with it; 0 for none. RFC 9846, Section 4.6.1. */
  readonly maxEarlyDataBytes: number
  /** What the server showed when the session began, DER, its own certificate first. */
  readonly peerChain: readonly Uint8Array[]
  /** Whether the server was verified when the session began. */
  readonly verified: boolean
  /** The backend's own: the ticket and its secrets. */
  readonly state: Uint8Array
}

/** The secrets are kept out of what a log could print of a session. */
const states = new WeakMap<Session, Uint8Array>()

/**
 * What a client keeps of a connection so that a later one can go on from it without certificates: a ticket, its secrets, and who the
 * server was. Immutable. Whoever has it can resume the connection in the client's place, and, with what it says about the server,
 * make a client believe in another: store it as a password would be stored. RFC 9846, Section 4.6.1; RFC 5077.
 */
export class Session implements Omit<SessionContent, 'state'> {
  readonly backend: string
  readonly binding: string
  readonly version: NegotiatedVersion
  readonly cipherSuite: CodePoint
  readonly serverName: string | undefined
  readonly innerProtocol: string | undefined
  readonly receivedAtMilliseconds: number
  readonly expiresAtMilliseconds: number
  readonly authenticatedUntilMilliseconds: number
  readonly maxEarlyDataBytes: number
  readonly peerChain: readonly Uint8Array[]
  readonly verified: boolean

  /** Sessions come from connections and from `Session.deserialize`. @internal */
  constructor(content: SessionContent) {
    this.backend = content.backend
    this.binding = content.binding
    this.version = content.version
    this.cipherSuite = content.cipherSuite
    this.serverName = content.serverName
    this.innerProtocol = content.innerProtocol
    this.receivedAtMilliseconds = content.receivedAtMilliseconds
    this.expiresAtMilliseconds = content.expiresAtMilliseconds
    this.authenticatedUntilMilliseconds = content.authenticatedUntilMilliseconds
    this.maxEarlyDataBytes = content.maxEarlyDataBytes
    this.peerChain = content.peerChain
    this.verified = content.verified
    states.set(this, content.state)
    Object.freeze(this)
  }

  /** For how long the session can be resumed, counted from when it was received. At most seven days in TLS 1.3. */
  get lifetimeSeconds(): number {
    return Math.max(0, Math.floor((this.expiresAtMilliseconds - this.receivedAtMilliseconds) / 1000))
  }

  /** The session as bytes, secrets included, for a store of the application's. */
  serialize(): Uint8Array {
    const text = (value: string | undefined): Uint8Array => encoder.encode(value ?? '')
    const w = new ByteWriter(512).u8(formatVersion)
    w.vector8(text(this.backend)).vector8(text(this.binding)).vector8(text(this.version)).u16(this.cipherSuite)
    w.vector8(text(this.serverName)).vector8(text(this.innerProtocol))
    writeTime(w, this.receivedAtMilliseconds)
    writeTime(w, this.expiresAtMilliseconds)
    writeTime(w, this.authenticatedUntilMilliseconds)
    w.u32(this.maxEarlyDataBytes).u8(this.verified ? 1 : 0)
    w.vector24((chain) => {
      for (const certificate of this.peerChain) chain.vector24(certificate)
    })
    return w.vector24(stateOf(this)).finish().slice()
  }

  /**
   * A session from what `serialize` gave. What is in it is believed: see the class.
   * @throws UsageError where the bytes are no session of this version of the library.
   */
  static deserialize(bytes: Uint8Array): Session {
    if (!(bytes instanceof Uint8Array))
      throw new TypeError(`Session.deserialize: expected a Uint8Array, got ${typeOf(bytes)}`)
    try {
      // Not by `slice`, which for a Buffer is no copy: who has written a session down may wipe that memory.
      return readSession(new ByteReader(new Uint8Array(bytes), 'Session'))
    } catch (cause) {
      throw new UsageError('Session.deserialize: these bytes are no session', { cause })
    }
  }
}

/** What only the backend reads. */
export function stateOf(session: Session): Uint8Array {
  return states.get(session) as Uint8Array
}

function readSession(r: ByteReader): Session {
  const text = (field: string): string => decoder.decode(r.vector8(field))
  if (r.u8('format') !== formatVersion) throw r.fault('another format', 'format')
  const backend = text('backend')
  const binding = text('binding')
  const version = text('version')
  if (version !== 'TLSv1.2' && version !== 'TLSv1.3') throw r.fault('an unknown version', 'version')
  const cipherSuite = r.u16('cipher_suite')
  const serverName = text('server_name') || undefined
  const innerProtocol = text('inner_protocol') || undefined
  const receivedAtMilliseconds = readTime(r)
  const expiresAtMilliseconds = readTime(r)
  const authenticatedUntilMilliseconds = readTime(r)
  const maxEarlyDataBytes = r.u32('max_early_data')
  const verified = r.u8('verified') === 1
  const peerChain: Uint8Array[] = []
  for (const list = r.reader24('peer_chain'); list.remaining > 0; ) peerChain.push(list.vector24('certificate'))
  const state = r.vector24('state')
  r.end()
  return new Session({
    backend,
    binding,
    version,
    cipherSuite,
    serverName,
    innerProtocol,
    receivedAtMilliseconds,
    expiresAtMilliseconds,
    authenticatedUntilMilliseconds,
    maxEarlyDataBytes,
    peerChain: Object.freeze(peerChain),
    verified,
    state,
  })
}

/** Milliseconds since 1970 need more than 32 bits. */
function writeTime(w: ByteWriter, milliseconds: number): void {
  w.u32(Math.floor(milliseconds / 2 ** 32)).u32(milliseconds % 2 ** 32)
}

function readTime(r: ByteReader): number {
  return r.u32('time') * 2 ** 32 + r.u32('time')
}

const formatVersion = 2
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
