import { decodeWhole, encodeHandshake } from './frame.ts'

/** RFC 8879, Section 4: it stands for the Certificate whose body it has inside. */
export interface CompressedCertificate {
  readonly type: 'compressed_certificate'
  readonly algorithm: number
  /** How long the body is, in bytes, by what the sender says. */
  readonly uncompressedLength: number
  readonly compressed: Uint8Array
}

export function decodeCompressedCertificate(body: Uint8Array): CompressedCertificate {
  return decodeWhole('CompressedCertificate', body, (r) => ({
    type: 'compressed_certificate',
    algorithm: r.u16('algorithm'),
    uncompressedLength: r.u24('uncompressed_length'),
    compressed: r.vector24('compressed_certificate_message', 1),
  }))
}

export function encodeCompressedCertificate({
  algorithm,
  uncompressedLength,
  compressed,
}: Omit<CompressedCertificate, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake(
    'compressed_certificate',
    (w) => w.u16(algorithm).u24(uncompressedLength).vector24(compressed),
    compressed.length + 16,
  )
}
