import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateSync,
  inflateSync,
  type ZlibOptions,
} from 'node:zlib'
import { type CertificateCodec, CertificateCompression } from '../config/certificate-compression.ts'

/** What the runtime can compress with. Brotli first: it knows some words of certificates already. */
export const nodeCertificateCodecs: readonly CertificateCodec[] = [
  {
    algorithm: CertificateCompression.brotli,
    compress: (message) =>
      brotliCompressSync(message, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: message.length } }),
    decompress: (compressed, length) => exactly(brotliDecompressSync, compressed, length),
  },
  {
    algorithm: CertificateCompression.zlib,
    compress: (message) => deflateSync(message, { level: constants.Z_BEST_COMPRESSION }),
    decompress: (compressed, length) => exactly(inflateSync, compressed, length),
  },
]

/** Stops at the first byte too many. */
function exactly(
  decompress: (compressed: Uint8Array, options: Options) => Buffer,
  compressed: Uint8Array,
  length: number,
): Uint8Array | undefined {
  let made: Made
  try {
    made = decompress(compressed, { maxOutputLength: length, info: true }) as Made
  } catch {
    return undefined
  }
  // Runtimes that imitate Node do not all say how much they have read.
  if (Buffer.isBuffer(made)) return made.length === length ? made : undefined
  return made.buffer.length === length && made.engine.bytesWritten === compressed.length ? made.buffer : undefined
}

/** With `info` there is more than the types of Node say. */
type Made = Buffer | { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }
type Options = Pick<ZlibOptions, 'maxOutputLength' | 'info'>
