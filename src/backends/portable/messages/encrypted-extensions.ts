import type { ExtensionsIn } from './extension-forms.ts'
import { decodeExtensions, encodeExtensions, type OfferedExtensions } from './extensions.ts'
import { decodeWhole, encodeHandshake } from './frame.ts'

/** RFC 9846, Section 4.3.1. */
export interface EncryptedExtensions {
  readonly type: 'encrypted_extensions'
  readonly extensions: ExtensionsIn<'encrypted_extensions'>
}

export function decodeEncryptedExtensions(body: Uint8Array, offered?: OfferedExtensions): EncryptedExtensions {
  return decodeWhole('EncryptedExtensions', body, (r) => ({
    type: 'encrypted_extensions',
    extensions: decodeExtensions('encrypted_extensions', r.reader16('extensions'), offered),
  }))
}

export function encodeEncryptedExtensions(message: Omit<EncryptedExtensions, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake('encrypted_extensions', (w) => encodeExtensions('encrypted_extensions', w, message.extensions))
}
