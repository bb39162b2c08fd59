import type { Availability, Backend, Capabilities, Refusal } from '../../channel/backend.ts'
import type { ClientContext, ContextEnvironment, ServerContext } from '../../channel/context.ts'
import { requireConfiguration, requireEnvironment } from '../../channel/given-context.ts'
import { TLSClientConfiguration } from '../../config/client-configuration.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { ConfigurationError } from '../../errors.ts'
import { abilitiesOf, capabilitiesOf, noCapabilities } from './abilities.ts'
import { OpenSSLClientContext, OpenSSLServerContext } from './context.ts'
import { Library, loadLibrary, requireLibrary } from './library.ts'
import type { LibraryChoice } from './library-choice.ts'
import type { Workshop } from './prepared-context.ts'
import { refusalsOf } from './settings.ts'
import { type LoadSystemTrust, TrustStores } from './trust.ts'

/** What the backend takes from the machine around it. */
export interface OpenSSLEnvironment {
  readonly loadSystemTrust: LoadSystemTrust
  /** In milliseconds since 1970. */
  readonly now: () => number
}

/** Drives libssl through FFI. Nothing is loaded before the backend is first asked for something. */
export class OpenSSLBackend implements Backend {
  readonly name: string
  readonly #choice: LibraryChoice
  readonly #loadSystemTrust: LoadSystemTrust
  readonly #now: () => number
  #loaded: Library | { readonly reason: string } | undefined
  #trustStores: TrustStores | undefined

  constructor(name: string, choice: LibraryChoice, { loadSystemTrust, now }: OpenSSLEnvironment) {
    this.name = name
    this.#choice = choice
    this.#loadSystemTrust = loadSystemTrust
    this.#now = now
  }

  get version(): string {
    const library = this.#load()
    return library instanceof Library ? library.version : ''
  }

  get available(): Availability {
    const library = this.#load()
    return library instanceof Library ? { yes: true } : { yes: false, reason: library.reason }
  }

  get capabilities(): Capabilities {
    const library = this.#load()
    return library instanceof Library ? capabilitiesOf(library) : noCapabilities
  }

  explain(configuration: TLSClientConfiguration | TLSServerConfiguration): readonly Refusal[] {
    requireConfiguration('explain', configuration)
    return refusalsOf(configuration, abilitiesOf(requireLibrary(this.name, this.#load())))
  }

  clientContext(configuration: TLSClientConfiguration, environment: ContextEnvironment = {}): ClientContext {
    if (!(configuration instanceof TLSClientConfiguration))
      throw new TypeError('clientContext: expected a TLSClientConfiguration')
    requireEnvironment(environment)
    return new OpenSSLClientContext(this.#workshopFor(configuration), configuration, environment)
  }

  serverContext(configuration: TLSServerConfiguration, environment: ContextEnvironment = {}): ServerContext {
    if (!(configuration instanceof TLSServerConfiguration))
      throw new TypeError('serverContext: expected a TLSServerConfiguration')
    requireEnvironment(environment)
    return new OpenSSLServerContext(this.#workshopFor(configuration), configuration, environment)
  }

  #workshopFor(configuration: TLSClientConfiguration | TLSServerConfiguration): Workshop {
    const library = requireLibrary(this.name, this.#load())
    const [refusal] = refusalsOf(configuration, abilitiesOf(library))
    if (refusal !== undefined) throw new ConfigurationError(refusal.field, refusal.reason)
    this.#trustStores ??= new TrustStores(library, this.#loadSystemTrust)
    return { backend: this, library, trustStores: this.#trustStores, now: this.#now }
  }

  #load(): Library | { readonly reason: string } {
    this.#loaded ??= loadLibrary(this.#choice)
    return this.#loaded
  }
}
