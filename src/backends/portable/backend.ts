import type { Availability, Backend, Capabilities, Refusal } from '../../channel/backend.ts'
import type { ClientContext, ContextEnvironment, ServerContext } from '../../channel/context.ts'
import { requireConfiguration, requireEnvironment } from '../../channel/given-context.ts'
import { optionalFunction, requireFunction, requireText } from '../../config/arguments.ts'
import type { CertificateCodec } from '../../config/certificate-compression.ts'
import { TLSClientConfiguration } from '../../config/client-configuration.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { typeOf } from '../../config/source.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { ConfigurationError } from '../../errors.ts'
import { type Abilities, abilitiesOf, capabilitiesOf, type Surroundings } from './abilities.ts'
import { PortableClientContext, PortableServerContext, type Workshop } from './context.ts'
import type { Loader, ReadFile } from './credentials.ts'
import { refusalsOf, settingsOf } from './settings.ts'
import { type LoadSystemTrust, TrustStores } from './trust.ts'

export interface PortableBackendOptions {
  readonly name: string
  /** Where the cryptography comes from; called once, when the backend is first asked for something. */
  readonly crypto: () => CryptoProvider
  /** How to read what the machine trusts. Without it `TrustStore.system()` is refused. */
  readonly loadSystemTrust?: LoadSystemTrust | undefined
  /** How to read files. Without it sources of the kind `file` are refused. */
  readonly readFile?: ReadFile | undefined
  /** The ways to compress certificates. Without one `certificateCompression` is refused. */
  readonly certificateCodecs?: readonly CertificateCodec[] | undefined
  /** The clock of contexts that are not given one, in milliseconds since 1970. */
  readonly now: () => number
  /**
   * Pads records of TLS 1.3 so that their content is a multiple of this many bytes, from 1 to 16,384: lengths then tell less about what
   * is sent. Default: no padding. RFC 9846, Section 5.4.
   */
  readonly paddingMultipleBytes?: number | undefined
}

/** TLS in TypeScript: runs wherever its provider of cryptography does. */
export class PortableBackend implements Backend {
  readonly name: string
  readonly available: Availability = { yes: true }
  readonly #options: PortableBackendOptions
  #tools: Tools | undefined

  constructor(options: PortableBackendOptions) {
    const { name, paddingMultipleBytes: padding = 1 } = options
    requireText('name', name)
    requireFunction('now', options.now)
    optionalFunction('readFile', options.readFile)
    optionalFunction('loadSystemTrust', options.loadSystemTrust)
    if (options.certificateCodecs !== undefined && !Array.isArray(options.certificateCodecs))
      throw new TypeError('certificateCodecs: expected an array of CertificateCodec')
    if (!Number.isInteger(padding) || padding < 1 || padding > 2 ** 14) {
      throw new RangeError(
        `paddingMultipleBytes: ${typeof padding === 'number' ? padding : typeOf(padding)} is not a whole number from 1 to 16,384`,
      )
    }
    this.name = name
    this.#options = options
  }

  /** This backend is part of this package and has no version of its own; what it computes with is worth knowing. */
  get version(): string {
    return `with ${this.#load().loader.crypto.name}`
  }

  get capabilities(): Capabilities {
    return capabilitiesOf(this.#load().abilities, this.#surroundings)
  }

  explain(configuration: TLSClientConfiguration | TLSServerConfiguration): readonly Refusal[] {
    requireConfiguration('explain', configuration)
    return refusalsOf(configuration, this.#load().abilities, this.#surroundings)
  }

  clientContext(configuration: TLSClientConfiguration, environment: ContextEnvironment = {}): ClientContext {
    if (!(configuration instanceof TLSClientConfiguration))
      throw new TypeError('clientContext: expected a TLSClientConfiguration')
    requireEnvironment(environment)
    return new PortableClientContext(this.#workshopFor(configuration), configuration, environment)
  }

  serverContext(configuration: TLSServerConfiguration, environment: ContextEnvironment = {}): ServerContext {
    if (!(configuration instanceof TLSServerConfiguration))
      throw new TypeError('serverContext: expected a TLSServerConfiguration')
    requireEnvironment(environment)
    return new PortableServerContext(this.#workshopFor(configuration), configuration, environment)
  }

  #workshopFor(configuration: TLSClientConfiguration | TLSServerConfiguration): Workshop {
    const [refusal] = this.explain(configuration)
    if (refusal !== undefined) throw new ConfigurationError(refusal.field, refusal.reason, { hint: refusal.hint })
    const { abilities, loader, trustStores } = this.#load()
    return {
      backend: this,
      crypto: loader.crypto,
      loader,
      trustStores,
      now: this.#options.now,
      settings: settingsOf(configuration, abilities),
      paddingMultipleBytes: this.#options.paddingMultipleBytes,
    }
  }

  get #surroundings(): Surroundings {
    const { readFile, loadSystemTrust } = this.#options
    return { readsFiles: readFile !== undefined, hasSystemTrust: loadSystemTrust !== undefined }
  }

  #load(): Tools {
    if (this.#tools === undefined) {
      const crypto = this.#options.crypto()
      const loader = { crypto, readFile: this.#options.readFile }
      const trustStores = new TrustStores(loader, this.#options.loadSystemTrust)
      this.#tools = { loader, abilities: abilitiesOf(crypto, this.#options.certificateCodecs), trustStores }
    }
    return this.#tools
  }
}

/** What there is once cryptography is. */
interface Tools {
  readonly loader: Loader
  readonly abilities: Abilities
  readonly trustStores: TrustStores
}
