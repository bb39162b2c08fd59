import { type CodePoint, codePointName } from './registry.ts'

/** Ways to compress a Certificate message. Source: RFC 8879, Section 7.3. */
export const CertificateCompression = {
  zlib: 1,
  brotli: 2,
  zstd: 3,
} as const

/** The registered name, or the number in hexadecimal. */
export function certificateCompressionName(codePoint: CodePoint): string {
  return codePointName(CertificateCompression, codePoint)
}
