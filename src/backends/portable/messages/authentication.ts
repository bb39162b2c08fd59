import { ByteReader } from '../../../codec/byte-reader.ts'
import { certificateStatus } from './extension-codecs.ts'
import { decodeWhole, encodeHandshake } from './frame.ts'

/** RFC 9846, Section 4.4.3; RFC 5246, Section 7.4.8. */
export interface CertificateVerify {
  readonly type: 'certificate_verify'
  readonly algorithm: number
  readonly signature: Uint8Array
}

/** RFC 9846, Section 4.4.4; RFC 5246, Section 7.4.9. */
export interface Finished {
  readonly type: 'finished'
  readonly verifyData: Uint8Array
}

/** TLS 1.2 only: RFC 6066, Section 8. */
export interface CertificateStatus {
  readonly type: 'certificate_status'
  /** An OCSP response, DER. */
  readonly response: Uint8Array
}

export function decodeCertificateVerify(body: Uint8Array): CertificateVerify {
  return decodeWhole('CertificateVerify', body, (r) => ({
    type: 'certificate_verify',
    algorithm: r.u16('algorithm'),
    signature: r.vector16('signature'),
  }))
}

export function encodeCertificateVerify(message: Omit<CertificateVerify, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake('certificate_verify', (w) => w.u16(message.algorithm).vector16(message.signature), 640)
}

/** @param length Of `verify_data`: the hash's in TLS 1.3, 12 in TLS 1.2. */
export function decodeFinished(body: Uint8Array, length: number): Finished {
  return decodeWhole('Finished', body, (r) => ({ type: 'finished', verifyData: r.take(length, 'verify_data') }))
}

export function encodeFinished(message: Omit<Finished, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake('finished', (w) => w.raw(message.verifyData), 4 + message.verifyData.length)
}

export function decodeCertificateStatus(body: Uint8Array): CertificateStatus {
  const reader = new ByteReader(body, 'CertificateStatus')
  const response = certificateStatus.decode(reader)
  reader.end()
  return { type: 'certificate_status', response }
}

export function encodeCertificateStatus(message: Omit<CertificateStatus, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake('certificate_status', (w) => certificateStatus.encode(w, message.response), 2048)
}

/** Bytes of TLS 1.2's `verify_data`. RFC 5246, Section 7.4.9. */
export const finishedLength12 = 12
