import { ProtocolError } from '../../../errors.ts'
import { decodeDistinguishedNames, encodeDistinguishedNames } from './extension-codecs.ts'
import type { ExtensionsIn } from './extension-forms.ts'
import { decodeExtensions, encodeExtensions } from './extensions.ts'
import { decodeWhole, encodeHandshake } from './frame.ts'

/** RFC 9846, Section 4.3.2. */
export interface CertificateRequest {
  readonly type: 'certificate_request'
  /** Empty in the handshake. */
  readonly context: Uint8Array
  readonly extensions: ExtensionsIn<'certificate_request'> & { readonly signature_algorithms: readonly number[] }
}

/** RFC 5246, Section 7.4.4. */
export interface CertificateRequest12 {
  readonly type: 'certificate_request'
  readonly certificateTypes: Uint8Array
  readonly signatureAlgorithms: readonly number[]
  /** Distinguished names, DER; any authority will do where there are none. */
  readonly authorities: readonly Uint8Array[]
}

/** RFC 8422, Section 5.5; RFC 5246, Section 7.4.4. */
export const ClientCertificateType = { rsa_sign: 1, ecdsa_sign: 64 } as const

export function decodeCertificateRequest(body: Uint8Array): CertificateRequest {
  return decodeWhole('CertificateRequest', body, (r) => {
    const context = r.vector8('certificate_request_context')
    const { signature_algorithms, ...others } = decodeExtensions('certificate_request', r.reader16('extensions'))
    if (signature_algorithms === undefined) {
      throw new ProtocolError('a CertificateRequest without signature_algorithms', { alert: 'missing_extension' })
    }
    return { type: 'certificate_request', context, extensions: { signature_algorithms, ...others } }
  })
}

export function encodeCertificateRequest(message: Omit<CertificateRequest, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake('certificate_request', (w) => {
    w.vector8(message.context)
    encodeExtensions('certificate_request', w, message.extensions)
  })
}

export function decodeCertificateRequest12(body: Uint8Array): CertificateRequest12 {
  return decodeWhole('CertificateRequest', body, (r) => ({
    type: 'certificate_request',
    certificateTypes: r.vector8('certificate_types', 1),
    signatureAlgorithms: r.u16List('supported_signature_algorithms'),
    authorities: decodeDistinguishedNames(r, 0),
  }))
}

export function encodeCertificateRequest12(message: Omit<CertificateRequest12, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake('certificate_request', (w) => {
    w.vector8(message.certificateTypes).u16List(message.signatureAlgorithms)
    encodeDistinguishedNames(w, message.authorities)
  })
}
