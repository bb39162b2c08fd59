import { ByteReader } from '../../codec/byte-reader.ts'
import { DecodeError } from '../../codec/decode-error.ts'
import type { CodePoint } from '../../config/registry.ts'
import { recordHeaderBytes } from './byte-queue.ts'

/**
 * The two Hellos of a connection, read from the bytes on their way to and from Schannel. They go over the wire in the clear, and tell what
 * Schannel itself does not on every release of Windows: which version, suite and group were agreed, and which name a client asked for.
 * Nothing is judged here: a message that cannot be decoded is Schannel's to refuse. RFC 9846, Section 4.1; RFC 5246, Section 7.4.
 */
export interface ClientHello {
  readonly serverName: string | undefined
  readonly versions: readonly number[]
  readonly cipherSuites: readonly CodePoint[]
  readonly groups: readonly CodePoint[]
  readonly signatureSchemes: readonly CodePoint[]
}

export interface ServerHello {
  readonly version: number
  readonly cipherSuite: CodePoint
  /** TLS 1.3 alone: in TLS 1.2 it stands in the ServerKeyExchange. */
  readonly group: CodePoint | undefined
}

/** What a server's ServerKeyExchange says of TLS 1.2 with elliptic curves. RFC 8422, Section 5.4. */
export interface ServerKeyExchange {
  readonly group: CodePoint
  readonly signatureScheme: CodePoint
}

/** Follows one direction of a handshake as long as it is in the clear and of interest. */
export class HelloReader {
  clientHello: ClientHello | undefined
  serverHello: ServerHello | undefined
  serverKeyExchange: ServerKeyExchange | undefined
  #messages: Buffer = Buffer.alloc(0)
  #records: Buffer = Buffer.alloc(0)
  #done = false

  /** Whether nothing more is to be learned. */
  get done(): boolean {
    return this.#done
  }

  /** Takes what went over the wire, in any pieces. */
  follow(bytes: Uint8Array): void {
    if (this.#done || bytes.byteLength === 0) return
    this.#records = Buffer.concat([this.#records, bytes])
    while (!this.#done && this.#records.byteLength >= recordHeaderBytes) {
      const length = recordHeaderBytes + this.#records.readUInt16BE(3)
      if (this.#records.byteLength < length) break
      const [type, fragment] = [this.#records[0] ?? 0, this.#records.subarray(recordHeaderBytes, length)]
      this.#records = this.#records.subarray(length)
      this.#takeRecord(type, fragment)
    }
    if (this.#records.byteLength + this.#messages.byteLength > limitBytes) this.#stop()
  }

  #takeRecord(type: number, fragment: Buffer): void {
    if (type === 22) {
      this.#messages = Buffer.concat([this.#messages, fragment])
      this.#takeMessages()
    }
    // A change_cipher_spec says nothing in TLS 1.3; in TLS 1.2 what follows it is encrypted. RFC 9846, Section 5.
    else if (type !== 20 || this.serverHello !== undefined) this.#stop()
  }

  #takeMessages(): void {
    while (!this.#done && this.#messages.byteLength >= 4) {
      const length = 4 + this.#messages.readUIntBE(1, 3)
      if (this.#messages.byteLength < length) return
      const [type, body] = [this.#messages[0], this.#messages.subarray(4, length)]
      this.#messages = this.#messages.subarray(length)
      try {
        this.#read(type ?? 0, body)
      } catch (thrown) {
        if (!(thrown instanceof DecodeError)) throw thrown
        this.#stop()
      }
    }
  }

  #read(type: number, body: Buffer): void {
    if (type === 1) {
      this.clientHello = decodeClientHello(body)
      this.#stop()
    } else if (type === 2 && !isRetryRequest(body)) {
      this.serverHello = decodeServerHello(body)
      if (this.serverHello.version === tls13) this.#stop()
    } else if (type === 12) {
      this.serverKeyExchange = decodeServerKeyExchange(body)
      this.#stop()
    } else if (type === 14) this.#stop()
  }

  #stop(): void {
    this.#done = true
    this.#messages = this.#records = Buffer.alloc(0)
  }
}

export const tls12 = 0x0303
export const tls13 = 0x0304

/** More than any Hello with a certificate behind it needs; what is longer is not followed. */
const limitBytes = 128 * 1024

/** The random of a HelloRetryRequest. RFC 9846, Section 4.1.3. */
const retryRandom = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex')

function isRetryRequest(serverHello: Buffer): boolean {
  return serverHello.subarray(2, 34).equals(retryRandom)
}

function decodeClientHello(body: Buffer): ClientHello {
  const reader = new ByteReader(body, 'ClientHello')
  const version = reader.u16('version')
  reader.take(32, 'random')
  reader.vector8('session_id')
  const cipherSuites = reader.u16List('cipher_suites').filter(isSuite)
  reader.vector8('compression_methods')
  const extensions = decodeExtensions(reader)
  const supportedVersions = extensions.get(Extension.supported_versions)
  const groups = extensions.get(Extension.supported_groups)
  const names = extensions.get(Extension.server_name)
  return {
    cipherSuites,
    versions: supportedVersions === undefined ? [version] : decodeVersions(supportedVersions),
    signatureSchemes: extensions.get(Extension.signature_algorithms)?.u16List('signature_algorithms') ?? [],
    groups: groups?.u16List('supported_groups').filter((each) => !isGrease(each)) ?? [],
    serverName: names && decodeServerName(names),
  }
}

function decodeServerHello(body: Buffer): ServerHello {
  const reader = new ByteReader(body, 'ServerHello')
  const version = reader.u16('version')
  reader.take(32, 'random')
  reader.vector8('session_id')
  const cipherSuite = reader.u16('cipher_suite')
  reader.u8('compression_method')
  const extensions = decodeExtensions(reader)
  return {
    version: extensions.get(Extension.supported_versions)?.u16('selected_version') ?? version,
    cipherSuite,
    group: extensions.get(Extension.key_share)?.u16('group'),
  }
}

function decodeServerKeyExchange(body: Buffer): ServerKeyExchange | undefined {
  const reader = new ByteReader(body, 'ServerKeyExchange')
  const namedCurve = 3
  if (reader.u8('curve_type') !== namedCurve) return undefined
  const group = reader.u16('named_curve')
  reader.vector8('public')
  return { group, signatureScheme: reader.u16('algorithm') }
}

/** Extensions by their numbers; the first of each counts. */
function decodeExtensions(reader: ByteReader): ReadonlyMap<number, ByteReader> {
  const extensions = new Map<number, ByteReader>()
  if (reader.remaining === 0) return extensions
  const list = reader.reader16('extensions')
  while (list.remaining > 0) {
    const type = list.u16('type')
    const content = list.reader16('content')
    if (!extensions.has(type)) extensions.set(type, content)
  }
  return extensions
}

/** RFC 6066, Section 3. */
function decodeServerName(reader: ByteReader): string | undefined {
  const list = reader.reader16('server_name_list')
  while (list.remaining > 0) {
    const isHostName = list.u8('name_type') === 0
    const name = list.vector16('host_name')
    if (isHostName) return Buffer.from(name).toString('latin1')
  }
  return undefined
}

function decodeVersions(reader: ByteReader): readonly number[] {
  const list = reader.reader8('supported_versions')
  const versions: number[] = []
  while (list.remaining > 0) versions.push(list.u16('version'))
  return versions.filter((each) => !isGrease(each))
}

/** IANA, TLS ExtensionType Values. */
const Extension = {
  server_name: 0,
  supported_groups: 10,
  signature_algorithms: 13,
  supported_versions: 43,
  key_share: 51,
} as const

/** RFC 8701, Section 2. */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff)
}

/** Neither GREASE nor one of the two values that are signals. RFC 5746, Section 3.3; RFC 7507, Section 2. */
function isSuite(value: number): boolean {
  return !isGrease(value) && value !== 0x00ff && value !== 0x5600
}
