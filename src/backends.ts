import { OpenSSLBackend } from './backends/openssl/backend.ts'
import type { LibraryChoice } from './backends/openssl/library-choice.ts'
import { PortableBackend } from './backends/portable/backend.ts'
import type { Backend } from './channel/backend.ts'
import { lateMlKem768 } from './crypto/node/late-ml-kem.ts'
import { createNodeCrypto } from './crypto/node/provider.ts'
import { ConfigurationError } from './errors.ts'
import { readFile } from './trust/files.ts'
import { loadSystemTrust } from './trust/system.ts'

/** The OpenSSL inside the runtime. */
export const openssl: Backend = new OpenSSLBackend('openssl', 'embedded', loadSystemTrust)

/** The operating system's OpenSSL. */
export const systemOpenSSL: Backend = new OpenSSLBackend('openssl-system', 'system', loadSystemTrust)

/** TLS in TypeScript, with the cryptography of the runtime. */
export const portable: Backend = new PortableBackend({
  name: 'portable',
  crypto: () => createNodeCrypto({ mlKem768: lateMlKem768 }),
  loadSystemTrust,
  readFile,
  now: Date.now,
})

/** A backend on an OpenSSL of one's own choice. */
export function createOpenSSLBackend(options: { readonly name: string; readonly library: LibraryChoice }): Backend {
  return new OpenSSLBackend(options.name, options.library, loadSystemTrust)
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
