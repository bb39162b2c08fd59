import type { ExtensionsIn } from './extension-forms.ts'
import { decodeExtensions, encodeExtensions, type OfferedExtensions } from './extensions.ts'
import { decodeWhole, encodeHandshake } from './frame.ts'

/** RFC 9846, Section 4.4.2. */
export interface CertificateMessage {
  readonly type: 'certificate'
  /** Empty, or the request's that this answers. */
  readonly context: Uint8Array
  readonly entries: readonly CertificateEntry[]
}
export interface CertificateEntry {
  /** DER. */
  readonly certificate: Uint8Array
  readonly extensions: ExtensionsIn<'certificate'>
}

/** RFC 5246, Section 7.4.2. */
export interface CertificateMessage12 {
  readonly type: 'certificate'
  /** DER, the sender's own first; none where a client has none. */
  readonly chain: readonly Uint8Array[]
}

/** @param offered What our ClientHello or CertificateRequest had. */
export function decodeCertificate(body: Uint8Array, offered?: OfferedExtensions): CertificateMessage {
  return decodeWhole('Certificate', body, (r) => {
    const context = r.vector8('certificate_request_context')
    const list = r.reader24('certificate_list')
    const entries: CertificateEntry[] = []
    while (list.remaining > 0) {
      entries.push({
        certificate: list.vector24('cert_data', 1),
        extensions: decodeExtensions('certificate', list.reader16('extensions'), offered),
      })
    }
    return { type: 'certificate', context, entries }
  })
}

export function encodeCertificate(message: Omit<CertificateMessage, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake(
    'certificate',
    (w) =>
      w.vector8(message.context).vector24((list) => {
        for (const { certificate, extensions } of message.entries) {
          list.vector24(certificate)
          encodeExtensions('certificate', list, extensions)
        }
      }),
    4096,
  )
}

export function decodeCertificate12(body: Uint8Array): CertificateMessage12 {
  return decodeWhole('Certificate', body, (r) => {
    const list = r.reader24('certificate_list')
    const chain: Uint8Array[] = []
    while (list.remaining > 0) chain.push(list.vector24('cert_data', 1))
    return { type: 'certificate', chain }
  })
}

export function encodeCertificate12(message: Omit<CertificateMessage12, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake(
    'certificate',
    (w) =>
      w.vector24((list) => {
        for (const certificate of message.chain) list.vector24(certificate)
      }),
    4096,
  )
}
