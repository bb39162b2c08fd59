import type { CommonOptions } from './common-options.ts'
import { identityOf } from './identity.ts'
import type { SigningChain } from './signing-chain.ts'
import { adopt, type Checks, checkVersionBounds, commonChecks, signingChain } from './validation.ts'

/** The options of a client's configuration. */
export interface ClientOptions extends CommonOptions {
  /** What the client shows when a server asks for its certificate. Default: nothing. */
  readonly certificateChain?: SigningChain
}

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
    this.#options = { ...this }
    Object.freeze(this)
  }

  /** A configuration that differs in these options. An option given as `undefined` goes back to its default. */
  with(changes: { readonly [K in keyof ClientOptions]?: ClientOptions[K] | undefined }): TLSClientConfiguration {
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

const checks: Checks<ClientOptions> = { ...commonChecks, certificateChain: signingChain }
