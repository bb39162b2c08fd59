import { OpenSSLBackend } from './backends/openssl/backend.ts'
import type { LibraryChoice } from './backends/openssl/library-choice.ts'
import { PortableBackend } from './backends/portable/backend.ts'
import { SchannelBackend } from './backends/schannel/backend.ts'
import { loadWindowsSecurity } from './backends/schannel/windows-security.ts'
import type { Backend } from './channel/backend.ts'
import { nodeCertificateCodecs } from './compression/node.ts'
import { requireObject, requireText } from './config/arguments.ts'
import type { CertificateCodec } from './config/certificate-compression.ts'
import { typeOf } from './config/source.ts'
import { lateMlKem768, lateNobleCrypto } from './crypto/node/late-noble.ts'
import { createNodeCrypto } from './crypto/node/provider.ts'
import type { CryptoProvider } from './crypto/provider.ts'
import { ConfigurationError } from './errors.ts'
import { readFile } from './trust/files.ts'
import { loadSystemTrust } from './trust/system.ts'

const machine = { loadSystemTrust, now: Date.now }

/** The OpenSSL inside the runtime. */
export const openssl: Backend = new OpenSSLBackend('openssl', 'embedded', machine)

/** The operating system's OpenSSL. */
export const systemOpenSSL: Backend = new OpenSSLBackend('openssl-system', 'system', machine)

/** TLS in TypeScript, with the cryptography of the runtime. */
export const portable: Backend = createPortableBackend({ name: 'portable', crypto: 'node' })

/** A backend on an OpenSSL of one's own choice. */
export function createOpenSSLBackend(options: { readonly name: string; readonly library: LibraryChoice }): Backend {
  requireObject('createOpenSSLBackend', options)
  const { name, library } = options
  requireText('name', name)
  if (library !== 'embedded' && library !== 'system') {
    requireObject('library', library)
    requireText('library.libcrypto', library.libcrypto)
    requireText('library.libssl', library.libssl)
  }
  return new OpenSSLBackend(name, library, machine)
}

/** How a portable backend of one's own computes and sends. */
export interface PortableBackendChoice {
  readonly name: string
  /**
   * Where the cryptography comes from: `node:crypto`, or the noble libraries, which are JavaScript and much slower. They need nothing of
   * the runtime but random bytes, and are what `polytls/portable` uses.
   */
  readonly crypto: 'node' | 'noble'
  /**
   * Pads records of TLS 1.3 so that their content is a multiple of this many bytes, from 1 to 16,384: lengths then tell less about what
   * is sent. Default: no padding. RFC 9846, Section 5.4.
   */
  readonly paddingMultipleBytes?: number | undefined
  /** Ways to compress certificates (RFC 8879). Default: brotli and zlib, as `node:zlib` has them. */
  readonly certificateCodecs?: readonly CertificateCodec[] | undefined
}

/**
 * TLS in TypeScript, with cryptography of one's own choice, the files and the trust store of this machine.
 * @throws TypeError for a provider of cryptography that there is not, RangeError for a padding out of its range.
 */
export function createPortableBackend(choice: PortableBackendChoice): Backend {
  requireObject('createPortableBackend', choice)
  const { name, crypto, paddingMultipleBytes, certificateCodecs = nodeCertificateCodecs } = choice
  return new PortableBackend({
    name,
    crypto: cryptoNamed(crypto),
    loadSystemTrust,
    readFile,
    certificateCodecs,
    now: Date.now,
    paddingMultipleBytes,
  })
}

/** Windows' own TLS, with the machine's trust, policies and keys. To be asked for: `defaultBackend` does not try it. */
export const schannel: Backend = createSchannelBackend({ name: 'schannel' })

/** How Windows is told what its TLS is to use. */
export interface SchannelBackendChoice {
  readonly name: string
  /**
   * `legacy` uses the structure SCHANNEL_CRED, as programs from before Windows 10, version 1809, do, whose connections end at TLS 1.2:
   * to find out whether a server is out of reach for that reason. Default: `newest`, which falls back to it where this Windows knows no other.
   */
  readonly credentials?: 'newest' | 'legacy' | undefined
}

/** Windows' own TLS, told what to use in a way of one's own choice. */
export function createSchannelBackend(choice: SchannelBackendChoice): Backend {
  requireObject('createSchannelBackend', choice)
  const { name, credentials = 'newest' } = choice
  requireText('name', name)
  if (credentials !== 'newest' && credentials !== 'legacy')
    throw new TypeError(`credentials: expected 'newest' or 'legacy', got ${nameOf(credentials)}`)
  return new SchannelBackend({ name, load: loadWindowsSecurity, now: Date.now, legacy: credentials === 'legacy' })
}

/** Those that `defaultBackend` tries, in this order. */
const defaults: readonly Backend[] = [openssl, systemOpenSSL, portable]

/** Every backend that this package has. Nothing is loaded by listing them. */
export const backends: readonly Backend[] = [...defaults, schannel]

/**
 * The first backend that is available here.
 * @throws ConfigurationError that says for each why it is not.
 */
export function defaultBackend(): Backend {
  const found = defaults.find((backend) => backend.available.yes)
  if (found !== undefined) return found
  const reasons = defaults.map(({ name, available }) => `${name}: ${available.yes ? '' : available.reason}`)
  throw new ConfigurationError('backend', `none is available here (${reasons.join('; ')})`, {
    hint: 'npm install koffi',
  })
}

/** @throws ConfigurationError where there is no backend of the name. */
export function backendNamed(name: string): Backend {
  requireText('backend', name)
  const found = backends.find((backend) => backend.name === name)
  if (found !== undefined) return found
  throw new ConfigurationError(
    'backend',
    `there is no '${name}'; there are ${backends.map((each) => each.name).join(', ')}`,
  )
}

function cryptoNamed(name: PortableBackendChoice['crypto']): () => CryptoProvider {
  switch (name) {
    case 'node':
      return () => createNodeCrypto({ mlKem768: lateMlKem768 })
    case 'noble':
      return lateNobleCrypto
    default:
      throw new TypeError(`crypto: expected 'node' or 'noble', got ${nameOf(name)}`)
  }
}

function nameOf(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : typeOf(value)
}
