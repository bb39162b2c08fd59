import { type CodePoint, codePointName } from './registry.ts'

/** Ways to compress a Certificate message. Source: RFC 8879, Section 7.3. */
export const CertificateCompression = {
  zlib: 1,
  brotli: 2,
  zstd: 3,
} as const

/**
 * One way to compress a Certificate message, for a backend that leaves this to its surroundings. Neither direction keeps anything.
 * Source: RFC 8879, Section 4.
 */
export interface CertificateCodec {
  /** Its number: one of `CertificateCompression`, or another of IANA's registry. */
  readonly algorithm: CodePoint
  /** The whole message as one stream of this kind; a backend asks once for each certificate chain. */
  compress(message: Uint8Array): Uint8Array
  /**
   * What was compressed; `undefined` where the input is no whole stream of this kind, has bytes behind its end, or makes more or less
   * than `length` bytes. It comes from a stranger: a codec stops as soon as there is more.
   */
  decompress(compressed: Uint8Array, length: number): Uint8Array | undefined
}

/** The registered name, or the number in hexadecimal. */
export function certificateCompressionName(codePoint: CodePoint): string {
  return codePointName(CertificateCompression, codePoint)
}
