import { ByteReader } from '../../../codec/byte-reader.ts'
import { ProtocolError } from '../../../errors.ts'
import { nullCompression, randomLength } from './client-hello.ts'
import type { ExtensionsIn } from './extension-forms.ts'
import { extensionTable } from './extension-table.ts'
import { decodeExtensions, encodeExtensions, type OfferedExtensions } from './extensions.ts'
import { decodeWhole, encodeHandshake } from './frame.ts'

/**
 * One message on the wire and three in meaning: `kind` tells TLS 1.3's ServerHello, its HelloRetryRequest and TLS 1.2's ServerHello
 * apart. RFC 9846, Sections 4.1.3 and 4.1.4; RFC 5246, Section 7.4.1.3.
 */
export type ServerHello = ServerHello13 | HelloRetryRequest | ServerHello12
export interface ServerHello13 extends ServerHelloFields {
  readonly kind: 'server_hello'
  readonly extensions: ExtensionsIn<'server_hello'>
}
export interface HelloRetryRequest extends ServerHelloFields {
  readonly kind: 'hello_retry_request'
  readonly extensions: ExtensionsIn<'hello_retry_request'>
}
export interface ServerHello12 extends ServerHelloFields {
  readonly kind: 'server_hello12'
  readonly extensions: ExtensionsIn<'server_hello12'>
}
export interface ServerHelloFields {
  readonly type: 'server_hello'
  readonly legacyVersion: number
  readonly random: Uint8Array
  readonly sessionId: Uint8Array
  readonly cipherSuite: number
}

/** The `random` that makes a ServerHello a HelloRetryRequest: SHA-256 of those words. RFC 9846, Section 4.1.3. */
export const helloRetryRequestRandom: Uint8Array = Uint8Array.of(
  ...[0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91],
  ...[0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c],
)

/**
 * @param offered What our ClientHello had; with `renegotiation_info` also where it only had the signalling suite (RFC 5746,
 * Section 3.4).
 */
export function decodeServerHello(body: Uint8Array, offered?: OfferedExtensions): ServerHello {
  return decodeWhole('ServerHello', body, (r): ServerHello => {
    const legacyVersion = r.u16('legacy_version')
    const random = r.take(randomLength, 'random')
    const sessionId = r.vector8('legacy_session_id_echo', 0, 32)
    const cipherSuite = r.u16('cipher_suite')
    if (r.u8('legacy_compression_method') !== nullCompression) {
      throw new ProtocolError('the ServerHello chose to compress', { alert: 'illegal_parameter' })
    }
    // TLS 1.2 allows a hello that ends here.
    const list = r.remaining === 0 ? new Uint8Array(0) : r.vector16('extensions')
    const fields = { type: 'server_hello', legacyVersion, random, sessionId, cipherSuite } as const
    const reader = new ByteReader(list, 'ServerHello.extensions')
    if (isHelloRetryRequest(random)) {
      const extensions = decodeExtensions('hello_retry_request', reader, offered)
      if (extensions.supported_versions === undefined) {
        throw new ProtocolError('a HelloRetryRequest without supported_versions', { alert: 'missing_extension' })
      }
      return { ...fields, kind: 'hello_retry_request', extensions }
    }
    if (hasSupportedVersions(list)) {
      return { ...fields, kind: 'server_hello', extensions: decodeExtensions('server_hello', reader, offered) }
    }
    return { ...fields, kind: 'server_hello12', extensions: decodeExtensions('server_hello12', reader, offered) }
  })
}

export function encodeServerHello(
  message: Omit<ServerHello13, 'type'> | Omit<HelloRetryRequest, 'type'> | Omit<ServerHello12, 'type'>,
): Uint8Array<ArrayBuffer> {
  return encodeHandshake(
    'server_hello',
    (w) => {
      w.u16(message.legacyVersion).raw(message.random).vector8(message.sessionId).u16(message.cipherSuite)
      w.u8(nullCompression)
      encodeExtensions(message.kind, w, message.extensions)
    },
    1536,
  )
}

function isHelloRetryRequest(random: Uint8Array): boolean {
  return random.every((byte, i) => byte === helloRetryRequestRandom[i])
}

/** Only TLS 1.3 answers with it, so it tells which table the others are looked up in. */
function hasSupportedVersions(list: Uint8Array): boolean {
  const reader = new ByteReader(list, 'ServerHello.extensions')
  while (reader.remaining > 0) {
    const type = reader.u16('extension_type')
    reader.vector16('extension_data')
    if (type === extensionTable.supported_versions.code) return true
  }
  return false
}
