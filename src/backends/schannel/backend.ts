import type { Availability, Backend, Capabilities, Refusal } from '../../channel/backend.ts'
import type { ClientContext, ContextEnvironment, ServerContext } from '../../channel/context.ts'
import { requireConfiguration, requireEnvironment } from '../../channel/given-context.ts'
import { TLSClientConfiguration } from '../../config/client-configuration.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { BackendError, ConfigurationError } from '../../errors.ts'
import { type Abilities, capabilitiesOf, noCapabilities, probeAbilities } from './abilities.ts'
import { SchannelClientContext, SchannelServerContext, type Workshop } from './context.ts'
import type { NativeSecurity } from './native.ts'
import { refusalsOf } from './settings.ts'

export interface SchannelOptions {
  readonly name: string
  /** Loads the native layer, or says why that cannot be done here. Called once, when the backend is first asked for something. */
  readonly load: () => NativeSecurity | { readonly reason: string }
  readonly now: () => number
  /** Whether to use the deprecated structure SCHANNEL_CRED although a newer one is known. */
  readonly legacy: boolean
}

/** Drives Windows' own TLS through FFI. Nothing is loaded before the backend is first asked for something. */
export class SchannelBackend implements Backend {
  readonly name: string
  readonly #options: SchannelOptions
  #loaded: Loaded | { readonly reason: string } | undefined

  constructor(options: SchannelOptions) {
    this.name = options.name
    this.#options = options
  }

  /** The version of Windows, and the structure by which its Schannel is told what to do. */
  get version(): string {
    const loaded = this.#load()
    return 'reason' in loaded ? '' : `${loaded.native.systemName} (${loaded.abilities.structure})`
  }

  get available(): Availability {
    const loaded = this.#load()
    return 'reason' in loaded ? { yes: false, reason: loaded.reason } : { yes: true }
  }

  get capabilities(): Capabilities {
    const loaded = this.#load()
    return 'reason' in loaded ? noCapabilities : capabilitiesOf(loaded.abilities)
  }

  explain(configuration: TLSClientConfiguration | TLSServerConfiguration): readonly Refusal[] {
    requireConfiguration('explain', configuration)
    const { native, abilities } = this.#require()
    return refusalsOf(configuration, abilities, native.systemName)
  }

  clientContext(configuration: TLSClientConfiguration, environment: ContextEnvironment = {}): ClientContext {
    if (!(configuration instanceof TLSClientConfiguration))
      throw new TypeError('clientContext: expected a TLSClientConfiguration')
    requireEnvironment(environment)
    return new SchannelClientContext(this.#workshopFor(configuration), configuration, environment)
  }

  serverContext(configuration: TLSServerConfiguration, environment: ContextEnvironment = {}): ServerContext {
    if (!(configuration instanceof TLSServerConfiguration))
      throw new TypeError('serverContext: expected a TLSServerConfiguration')
    requireEnvironment(environment)
    const workshop = this.#workshopFor(configuration)
    if (!workshop.abilities.roles.includes('server'))
      throw new BackendError(this.name, `the Schannel of ${workshop.native.systemName} has no server's side`)
    return new SchannelServerContext(workshop, configuration, environment)
  }

  #workshopFor(configuration: TLSClientConfiguration | TLSServerConfiguration): Workshop {
    const { native, abilities } = this.#require()
    const [refusal] = refusalsOf(configuration, abilities, native.systemName)
    if (refusal !== undefined) throw new ConfigurationError(refusal.field, refusal.reason)
    return { backend: this, native, abilities, now: this.#options.now }
  }

  #require(): Loaded {
    const loaded = this.#load()
    if ('reason' in loaded) throw new BackendError(this.name, `not available: ${loaded.reason}`)
    return loaded
  }

  #load(): Loaded | { readonly reason: string } {
    this.#loaded ??= this.#loadOnce()
    return this.#loaded
  }

  #loadOnce(): Loaded | { readonly reason: string } {
    const native = this.#options.load()
    if ('reason' in native) return native
    try {
      return { native, abilities: probeAbilities(native, { legacy: this.#options.legacy }) }
    } catch (cause) {
      if (!(cause instanceof BackendError)) throw cause
      return { reason: cause.message }
    }
  }
}

interface Loaded {
  readonly native: NativeSecurity
  readonly abilities: Abilities
}
