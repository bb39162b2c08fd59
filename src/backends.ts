import { OpenSSLBackend } from './backends/openssl/backend.ts'
import type { LibraryChoice } from './backends/openssl/library-choice.ts'
import { PortableBackend } from './backends/portable/backend.ts'
import type { Backend } from './channel/backend.ts'
import { lateMlKem768, lateNobleCrypto } from './crypto/node/late-noble.ts'
import { createNodeCrypto } from './crypto/node/provider.ts'
import type { CryptoProvider } from './crypto/provider.ts'
import { ConfigurationError } from './errors.ts'
import { readFile } from './trust/files.ts'
import { loadSystemTrust } from './trust/system.ts'

/** The OpenSSL inside the runtime. */
export const openssl: Backend = new OpenSSLBackend('openssl', 'embedded', loadSystemTrust)

/** The operating system's OpenSSL. */
export const systemOpenSSL: Backend = new OpenSSLBackend('openssl-system', 'system', loadSystemTrust)

/** TLS in TypeScript, with the cryptography of the runtime. */
export const portable: Backend = createPortableBackend({ name: 'portable', crypto: 'node' })

/** A backend on an OpenSSL of one's own choice. */
export function createOpenSSLBackend(options: { readonly name: string; readonly library: LibraryChoice }): Backend {
  return new OpenSSLBackend(options.name, options.library, loadSystemTrust)
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
}

/**
 * TLS in TypeScript, with cryptography of one's own choice, the files and the trust store of this machine.
 * @throws TypeError for a provider of cryptography that there is not, RangeError for a padding out of its range.
 */
export function createPortableBackend({ name, crypto, paddingMultipleBytes }: PortableBackendChoice): Backend {
  return new PortableBackend({
    name,
    crypto: cryptoNamed(crypto),
    loadSystemTrust,
    readFile,
    now: Date.now,
    paddingMultipleBytes,
  })
}

/** Every backend that this package has, in the order in which `defaultBackend` tries them. Nothing is loaded by listing them. */
export const backends: readonly Backend[] = [openssl, systemOpenSSL, portable]

/**
 * The first backend that is available here.
 * @throws ConfigurationError that says for each why it is not.
 */
export function defaultBackend(): Backend {
  const found = backends.find((backend) => backend.available.yes)
  if (found !== undefined) return found
  const reasons = backends.map(({ name, available }) => `${name}: ${available.yes ? '' : available.reason}`)
  throw new ConfigurationError('backend', `none is available here (${reasons.join('; ')})`, {
    hint: 'npm install koffi',
  })
}

/** @throws ConfigurationError where there is no backend of the name. */
export function backendNamed(name: string): Backend {
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
      throw new TypeError(`crypto: expected 'node' or 'noble', got ${JSON.stringify(name)}`)
  }
}
