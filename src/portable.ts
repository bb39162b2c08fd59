/**
 * polytls for places without Node: browsers, workers, and whatever else runs JavaScript. There is one backend, `portable`, with the
 * cryptography of the noble libraries, and everything to configure it and to drive its channels. There are no sockets: the program
 * carries the bytes, over a WebSocket, WebTransport, a `MessagePort` or what it has. Nothing here imports `node:` modules.
 */
import { PortableBackend } from './backends/portable/backend.ts'
import type { Backend } from './channel/backend.ts'
import { requireObject } from './config/arguments.ts'
import type { CertificateCodec } from './config/certificate-compression.ts'
import { createNobleCrypto } from './crypto/noble/provider.ts'

export * from './vocabulary.ts'

/** What a backend takes of the world around it. */
export interface PortableBackendOptions {
  /** Default: `portable`. */
  readonly name?: string | undefined
  /** Reads a file. Default: nothing does, and sources of the kind `file` are refused. */
  readonly readFile?: ((path: string) => Uint8Array) | undefined
  /**
   * What `TrustStore.system()` stands for: bundles in PEM or certificates in DER, asked for once. Browsers do not say whom they trust.
   * Default: nothing, and a client has to be given a `trustStore`.
   */
  readonly loadSystemTrust?: (() => readonly Uint8Array[]) | undefined
  /**
   * Ways to compress certificates (RFC 8879), such as a brotli in WebAssembly: browsers have none that answers at once. Default: none,
   * and `certificateCompression` is refused.
   */
  readonly certificateCodecs?: readonly CertificateCodec[] | undefined
  /** The time at which certificates have to be valid, in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: (() => number) | undefined
  /**
   * Pads records of TLS 1.3 so that their content is a multiple of this many bytes, from 1 to 16,384: lengths then tell less about what
   * is sent. Default: no padding. RFC 9846, Section 5.4.
   */
  readonly paddingMultipleBytes?: number | undefined
}

/**
 * TLS in TypeScript with cryptography in JavaScript, whose randomness is the `crypto.getRandomValues` of the runtime. Where Node is,
 * the `portable` of the main entry does the same with less time: handshakes in a fifth of it, bulk in a tenth.
 * @throws RangeError for a padding out of its range.
 */
export function createPortableBackend(options: PortableBackendOptions = {}): Backend {
  requireObject('createPortableBackend', options)
  const { name = 'portable', now = Date.now, ...surroundings } = options
  return new PortableBackend({ ...surroundings, name, now, crypto: createNobleCrypto })
}

/** The backend with all defaults: it reads no files and knows no trust store of the system. */
export const portable: Backend = createPortableBackend()
