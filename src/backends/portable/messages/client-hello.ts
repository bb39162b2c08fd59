import { ProtocolError } from '../../../errors.ts'
import type { ExtensionsIn } from './extension-forms.ts'
import { decodeExtensions, encodeExtensions } from './extensions.ts'
import { decodeWhole, encodeHandshake } from './frame.ts'

/** RFC 9846, Section 4.1.2; RFC 5246, Section 7.4.1.2. What is decoded are views of the message. */
export interface ClientHello {
  readonly type: 'client_hello'
  readonly legacyVersion: number
  readonly random: Uint8Array
  readonly sessionId: Uint8Array
  readonly cipherSuites: readonly number[]
  /** Always with 0, none, among them. */
  readonly compressionMethods: Uint8Array
  readonly extensions: ExtensionsIn<'client_hello'>
}

/** Bytes of `random` in both hellos. */
export const randomLength = 32
/** The only compression method that is left. */
export const nullCompression = 0

export function decodeClientHello(body: Uint8Array): ClientHello {
  return decodeWhole('ClientHello', body, (r) => {
    const legacyVersion = r.u16('legacy_version')
    const random = r.take(randomLength, 'random')
    const sessionId = r.vector8('legacy_session_id', 0, 32)
    const cipherSuites = r.u16List('cipher_suites')
    const compressionMethods = r.vector8('legacy_compression_methods', 1)
    if (!compressionMethods.includes(nullCompression)) {
      throw new ProtocolError('the ClientHello leaves no choice but to compress', { alert: 'illegal_parameter' })
    }
    // TLS 1.2 and its forerunners allow a hello that ends here.
    const list = r.remaining === 0 ? undefined : r.reader16('extensions')
    const extensions = list === undefined ? {} : decodeExtensions('client_hello', list)
    return { type: 'client_hello', legacyVersion, random, sessionId, cipherSuites, compressionMethods, extensions }
  })
}

export function encodeClientHello(message: Omit<ClientHello, 'type'>): Uint8Array<ArrayBuffer> {
  // A share of a hybrid group alone has more than a kilobyte.
  return encodeHandshake(
    'client_hello',
    (w) => {
      w.u16(message.legacyVersion).raw(message.random).vector8(message.sessionId).u16List(message.cipherSuites)
      w.vector8(message.compressionMethods)
      encodeExtensions('client_hello', w, message.extensions)
    },
    2048,
  )
}
