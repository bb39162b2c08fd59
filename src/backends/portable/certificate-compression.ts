import { maxCertificateChainBytes } from '../../channel/limits.ts'
import type { CertificateCodec } from '../../config/certificate-compression.ts'
import type { CodePoint } from '../../config/registry.ts'
import { equalPublicBytes } from '../../crypto/bytes.ts'
import { fault } from './faults.ts'
import { decodeCompressedCertificate, encodeCompressedCertificate } from './messages/compressed-certificate.ts'
import { handshakeHeaderLength } from './messages/frame.ts'

/**
 * The most that a compressed Certificate may grow, by the length that it says and by the bytes that it has. RFC 8879, Section 5, wants the
 * limit of a Certificate that is not compressed, which is there too; this one is stricter, for what comes before anybody is authenticated.
 * Real chains shrink to a third: whoever promises so much more wants to make work.
 */
export const maxCertificateExpansion = 64

/** A Certificate as it came, with the way in which it was compressed. */
export interface DecompressedCertificate {
  readonly body: Uint8Array
  readonly algorithm: CodePoint
}

/** Compresses the certificates of a context, and undoes what peers have done: RFC 8879. */
export class CertificateCompression {
  /** By preference. */
  readonly #codecs: readonly CertificateCodec[]
  /** What was sent lately, the newest last: to compress takes longer than a handshake does. */
  readonly #remembered: Remembered[] = []

  constructor(codecs: readonly CertificateCodec[]) {
    this.#codecs = codecs
  }

  /** The content of compress_certificate; `undefined` where it is not to be sent. */
  get offer(): readonly CodePoint[] | undefined {
    return this.#codecs.length === 0 ? undefined : this.#codecs.map(({ algorithm }) => algorithm)
  }

  /**
   * A Certificate to be sent, compressed if the peer can undo it.
   * @param message The whole message, header included; so is the result.
   * @param offered What the peer's compress_certificate had.
   */
  compress(message: Uint8Array, offered: readonly CodePoint[] = []): Uint8Array {
    const codec = this.#codecs.find(({ algorithm }) => offered.includes(algorithm))
    if (codec === undefined) return message
    const { algorithm } = codec
    const known = this.#remembered.find((each) => each.algorithm === algorithm && equalPublicBytes(each.plain, message))
    if (known !== undefined) return known.compressed
    const body = message.subarray(handshakeHeaderLength)
    const compressed = encodeCompressedCertificate({
      algorithm,
      uncompressedLength: body.length,
      compressed: codec.compress(body),
    })
    if (this.#remembered.length === maxRemembered) this.#remembered.shift()
    this.#remembered.push({ algorithm, plain: message, compressed })
    return compressed
  }

  /**
   * The body of the Certificate inside a CompressedCertificate.
   * @throws ProtocolError where it was not asked for, would become too long, or is not what it says.
   */
  decompress(body: Uint8Array): DecompressedCertificate {
    if (this.#codecs.length === 0) throw fault('unexpected-message', 'a compressed certificate, which nobody asked for')
    const { algorithm, uncompressedLength: length, compressed } = decodeCompressedCertificate(body)
    const codec = this.#codecs.find((each) => each.algorithm === algorithm)
    if (codec === undefined) throw fault('wrong-certificate-compression', `algorithm ${algorithm}`)
    const isExcessive = length > maxCertificateChainBytes || length > maxCertificateExpansion * compressed.length
    if (isExcessive) throw fault('excessive-certificate-compression', `from ${compressed.length} to ${length} bytes`)
    const plain = codec.decompress(compressed, length)
    // A codec may be the program's own.
    if (plain?.length !== length) throw fault('broken-certificate-compression')
    return { body: plain, algorithm }
  }
}

interface Remembered {
  readonly algorithm: CodePoint
  readonly plain: Uint8Array
  readonly compressed: Uint8Array
}

/** Of each of a few chains: with and without a stapled status and timestamps. */
const maxRemembered = 16
