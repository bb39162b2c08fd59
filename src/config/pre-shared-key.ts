import { ConfigurationError } from '../errors.ts'
import { requireObject } from './arguments.ts'
import { typeOf } from './source.ts'

/** How a pre-shared key is meant. */
export interface PreSharedKeyOptions {
  /** What the client calls the key, in clear: a text is sent as UTF-8. 1 to 65,535 bytes. */
  readonly identity: Uint8Array | string
  /** The key itself: at least 16 bytes, from a source of randomness. A password is none. */
  readonly secret: Uint8Array
  /** The hash that the key belongs to; it decides with which suites the key can be used. Default: `sha256`. */
  readonly hash?: PreSharedKeyHash
  /**
   * Imports the key for this one purpose instead of using it as it is, as RFC 9258 demands for keys that serve other protocols as well;
   * both sides have to do so. The context names what is derived from it, may be empty, and must be the same on both sides.
   */
  readonly importContext?: Uint8Array | string
}

/** The hash that a key is bound to (RFC 9846, Section 4.2.11.): it fits the cipher suites with that hash alone. */
export type PreSharedKeyHash = 'sha256' | 'sha384'

/** Secrets are kept out of what a log could print of the object. */
const secrets = new WeakMap<PreSharedKey, Uint8Array>()

/** A key that both sides had before they met, in place of certificates. RFC 9846, Section 2.2; RFC 9257 says how to use them. */
export class PreSharedKey {
  readonly #identity: Uint8Array
  readonly hash: PreSharedKeyHash
  readonly #importContext: Uint8Array | undefined

  /** @throws TypeError, ConfigurationError naming the option. */
  constructor(options: PreSharedKeyOptions) {
    requireObject('PreSharedKey', options)
    const { identity, secret, hash = 'sha256', importContext } = options
    this.#identity = bytesOf('identity', identity)
    if (this.#identity.length < 1 || this.#identity.length > 0xffff)
      throw new ConfigurationError('identity', 'an identity has 1 to 65,535 bytes')
    if (!(secret instanceof Uint8Array)) throw new TypeError(`secret: expected a Uint8Array, got ${typeOf(secret)}`)
    if (secret.length < minimumSecretBytes)
      throw new ConfigurationError('secret', `a key of ${secret.length} bytes can be guessed; it needs 16 at least`)
    if (typeof hash !== 'string') throw new TypeError(`hash: expected a string, got ${typeOf(hash)}`)
    if (hash !== 'sha256' && hash !== 'sha384')
      throw new ConfigurationError('hash', `'${String(hash)}' is not one of 'sha256', 'sha384'`)
    this.hash = hash
    this.#importContext = importContext === undefined ? undefined : bytesOf('importContext', importContext)
    secrets.set(this, new Uint8Array(secret))
    Object.freeze(this)
  }

  get identity(): Uint8Array {
    return new Uint8Array(this.#identity)
  }

  /** `undefined` for a key that is used as it is. */
  get importContext(): Uint8Array | undefined {
    return this.#importContext && new Uint8Array(this.#importContext)
  }
}

/** The key itself. For backends; not part of the public surface. */
export function secretOf(key: PreSharedKey): Uint8Array {
  return secrets.get(key) as Uint8Array
}

/** The server's way from what a client calls a key to the key, now or later; `undefined` for one that it does not know. */
export type FindPreSharedKey = (identity: Uint8Array) => PreSharedKey | undefined | Promise<PreSharedKey | undefined>

const minimumSecretBytes = 16

function bytesOf(field: string, value: unknown): Uint8Array {
  if (typeof value === 'string') return new TextEncoder().encode(value)
  if (value instanceof Uint8Array) return new Uint8Array(value)
  throw new TypeError(`${field}: expected text or a Uint8Array, got ${typeOf(value)}`)
}
