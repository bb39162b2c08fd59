import { ConfigurationError } from '../errors.ts'
import type { CommonOptions } from './common-options.ts'
import { identityOf } from './identity.ts'
import type { SigningChain } from './signing-chain.ts'
import { adopt, type Checks, checkVersionBounds, commonChecks, oneOf, signingChains } from './validation.ts'

/** The options of a server's configuration. */
export interface ServerOptions extends CommonOptions {
  /**
   * One chain for each identity. The server name that a client asks for chooses among them (an exact name before a wildcard, the
   * first chain where none fits); among chains of one name, for instance ECDSA beside RSA, what the client can verify chooses.
   */
  readonly certificateChain: readonly SigningChain[]
  /** Whether to ask clients for a certificate. `requested` lets clients without one in. Default: `none`. */
  readonly clientAuthentication?: ClientAuthentication
}
/** Whether a server asks its clients for a certificate, and lets those without one in. */
export type ClientAuthentication = 'none' | 'requested' | 'required'

/** What a server wants. Immutable; its properties hold what the caller gave, never what a backend chose. */
export interface TLSServerConfiguration extends ServerOptions {}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor adopts exactly the options of the interface
export class TLSServerConfiguration {
  readonly #options: ServerOptions
  #identity: string | undefined

  /**
   * @throws TypeError where a value has the wrong type or an option does not exist, ConfigurationError where a value cannot be
   * accepted; both name the field.
   */
  constructor(options: ServerOptions) {
    adopt(this, 'TLSServerConfiguration', options, checks)
    checkVersionBounds(this)
    if (this.certificateChain === undefined) throw new TypeError('certificateChain: a server needs at least one')
    if ((this.clientAuthentication ?? 'none') !== 'none' && this.trustStore === undefined) {
      throw new ConfigurationError(
        'trustStore',
        'say which authorities may vouch for clients: there is no safe default',
        {
          hint: 'TrustStore.fromFile or TrustStore.fromCertificates with the authority that issues your client certificates',
        },
      )
    }
    this.#options = { ...this }
    Object.freeze(this)
  }

  /** A configuration that differs in these options. An option given as `undefined` goes back to its default. */
  with(changes: { readonly [K in keyof ServerOptions]?: ServerOptions[K] | undefined }): TLSServerConfiguration {
    return new TLSServerConfiguration({ ...this.#options, ...changes } as ServerOptions)
  }

  /** Whether both mean the same: data is compared by value, functions and signers by identity. */
  equals(other: TLSServerConfiguration): boolean {
    return (
      other instanceof TLSServerConfiguration &&
      TLSServerConfiguration.identity(this) === TLSServerConfiguration.identity(other)
    )
  }

  /** @internal The key of in-memory caches. It holds secrets in clear. */
  static identity(configuration: TLSServerConfiguration): string {
    configuration.#identity ??= identityOf(configuration.#options)
    return configuration.#identity
  }
}

const checks: Checks<ServerOptions> = {
  ...commonChecks,
  certificateChain: signingChains,
  clientAuthentication: oneOf('none', 'requested', 'required'),
}
