import { ConfigurationError } from '../errors.ts'
import { requireObject } from './arguments.ts'
import type { ChooseCertificate } from './certificate-request.ts'
import type { CommonOptions } from './common-options.ts'
import { identityOf } from './identity.ts'
import { PreSharedKey } from './pre-shared-key.ts'
import type { SessionCache } from './session-cache.ts'
import { isSessionCache } from './session-validation.ts'
import type { SigningChain } from './signing-chain.ts'
import {
  aBoolean,
  adopt,
  aFunction,
  type Checks,
  checkVersionBounds,
  commonChecks,
  instancesOf,
  oneOf,
  signingChain,
} from './validation.ts'

/** The options of a client's configuration. */
export interface ClientOptions extends CommonOptions {
  /** What the client shows when a server asks for its certificate. Default: nothing. */
  readonly certificateChain?: SigningChain
  /** Chooses what to show when a server asks, by what it asks for. Instead of `certificateChain`. */
  readonly chooseCertificate?: ChooseCertificate
  /** Whether a server may ask for the client's certificate when the connection is in use already. RFC 9846, Section 4.6.2. Default: no. */
  readonly postHandshakeAuthentication?: boolean
  /** Where sessions are kept for resumption. Default: a bounded cache of the context's own; `'none'`: none is kept, none is offered. */
  readonly sessions?: SessionCache | 'none'
  /**
   * Keys that client and server had before, offered in this order beside what certificates need. TLS 1.3 only. Default: none. Their names may
   * have 24,576 bytes together, those of imported keys with their contexts and twice, so that a ClientHello has room for them.
   */
  readonly preSharedKeys?: readonly PreSharedKey[]
  /**
   * Whether to ask the server for the state of its certificate (OCSP stapling; RFC 6066, Section 8), and what to make of the answer.
   * - `none` (the default): it is not asked for.
   * - `soft`: an answer has to be a good one; its absence is accepted, but of a certificate that promises one (RFC 7633).
   * - `hard`: there has to be a good answer.
   */
  readonly ocspStapling?: OCSPStapling
  /** Whether to ask the server for certificate timestamps (RFC 6962, Section 3.3.1); `facts` passes them on. Default: no. */
  readonly certificateTimestamps?: boolean
}

/** What a client makes of the state of a certificate that the server staples (RFC 9846, Section 4.4.2.1.): `hard` demands one. */
export type OCSPStapling = 'none' | 'soft' | 'hard'

/** What a client wants. Immutable; its properties hold what the caller gave, never what a backend chose. */
export interface TLSClientConfiguration extends ClientOptions {}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor adopts exactly the options of the interface
export class TLSClientConfiguration {
  readonly #options: ClientOptions
  #identity: string | undefined

  /**
   * @throws TypeError where a value has the wrong type or an option does not exist, ConfigurationError where a value cannot be
   * accepted; both name the field.
   */
  constructor(options: ClientOptions = {}) {
    adopt(this, 'TLSClientConfiguration', options, checks)
    checkVersionBounds(this)
    if (this.chooseCertificate !== undefined && this.certificateChain !== undefined)
      throw new ConfigurationError('chooseCertificate', 'there is a certificateChain too: one of them decides')
    this.#options = { ...this }
    Object.freeze(this)
  }

  /** A configuration that differs in these options. An option given as `undefined` goes back to its default. */
  with(changes: { readonly [K in keyof ClientOptions]?: ClientOptions[K] | undefined }): TLSClientConfiguration {
    requireObject('with', changes)
    return new TLSClientConfiguration({ ...this.#options, ...changes } as ClientOptions)
  }

  /** Whether both mean the same: data is compared by value, functions and signers by identity. */
  equals(other: TLSClientConfiguration): boolean {
    return (
      other instanceof TLSClientConfiguration &&
      TLSClientConfiguration.identity(this) === TLSClientConfiguration.identity(other)
    )
  }

  /** @internal The key of in-memory caches. It holds secrets in clear. */
  static identity(configuration: TLSClientConfiguration): string {
    configuration.#identity ??= identityOf(configuration.#options)
    return configuration.#identity
  }
}

const checks: Checks<ClientOptions> = {
  ...commonChecks,
  certificateChain: signingChain,
  chooseCertificate: aFunction,
  postHandshakeAuthentication: aBoolean,
  sessions: (field, value) => (value === 'none' ? value : isSessionCache(field, value)),
  preSharedKeys: keysWithRoom,
  ocspStapling: oneOf('none', 'soft', 'hard'),
  certificateTimestamps: aBoolean,
}

/** RFC 9846, Section 4.2: all extensions have 65,535 bytes together, and a ticket is to have its share. */
function keysWithRoom(field: string, value: unknown): readonly PreSharedKey[] {
  const keys = instancesOf(PreSharedKey, 'PreSharedKey')(field, value)
  const bytes = keys.reduce((sum, { identity, importContext }) => {
    // RFC 9258, Section 5.1: an imported key is offered for each hash, under its name with what it is imported for.
    return sum + (importContext === undefined ? identity.length : 2 * (identity.length + importContext.length + 8))
  }, 0)
  if (bytes <= maxIdentityBytes) return keys
  throw new ConfigurationError(
    field,
    `names of ${bytes} bytes together are more than the ${maxIdentityBytes} there is room for`,
  )
}

const maxIdentityBytes = 24_576
