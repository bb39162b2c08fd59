import type { Backend } from '../../channel/backend.ts'
import { requireBufferOptions } from '../../channel/buffer-options.ts'
import { ChainsByName } from '../../channel/chains-by-name.ts'
import { openServerBuffer } from '../../channel/choosing-buffer.ts'
import type { ClientBufferOptions, ClientContext, ContextEnvironment, ServerContext } from '../../channel/context.ts'
import { insecureOptions } from '../../channel/insecure.ts'
import { warnOfInsecurity } from '../../channel/security-warning.ts'
import { parseServerName } from '../../channel/server-name.ts'
import type { TLSBuffer } from '../../channel/tls-buffer.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { TrustStore } from '../../config/trust-store.ts'
import { BackendError, ConfigurationError } from '../../errors.ts'
import type { Abilities } from './abilities.ts'
import { SchannelBuffer } from './buffer.ts'
import { type Identity, loadIdentity } from './identity.ts'
import type { NativeSecurity, SecHandle } from './native.ts'
import { credentialsFor, type Settings, settingsOf } from './settings.ts'
import { Status, statusName } from './status.ts'
import { loadTrust, type Trust } from './trust.ts'

/** What a context needs of its backend. */
export interface Workshop {
  readonly backend: Backend
  readonly native: NativeSecurity
  readonly abilities: Abilities
  readonly now: () => number
}

export class SchannelClientContext implements ClientContext {
  readonly backend: Backend
  readonly configuration: TLSClientConfiguration
  readonly #prepared: PreparedContext

  constructor(workshop: Workshop, configuration: TLSClientConfiguration, environment: ContextEnvironment) {
    this.backend = workshop.backend
    this.configuration = configuration
    this.#prepared = new PreparedContext(workshop, configuration, environment)
    this.#prepared.prepare(() => {
      const { certificateChain, trustStore = TrustStore.system() } = configuration
      this.#prepared.believe(trustStore)
      const identities =
        certificateChain === undefined ? [] : [this.#prepared.load('certificateChain', certificateChain)]
      this.#prepared.acquire([0], identities, 'certificateChain')
    })
  }

  createBuffer(serverName: string | undefined, options: ClientBufferOptions = {}): TLSBuffer {
    requireBufferOptions(options, this.backend)
    return new SchannelBuffer(this, this.#prepared, serverName === undefined ? undefined : parseServerName(serverName))
  }
}

export class SchannelServerContext implements ServerContext {
  readonly backend: Backend
  readonly configuration: TLSServerConfiguration
  readonly #prepared: PreparedContext

  constructor(workshop: Workshop, configuration: TLSServerConfiguration, environment: ContextEnvironment) {
    this.backend = workshop.backend
    this.configuration = configuration
    this.#prepared = new PreparedContext(workshop, configuration, environment)
    this.#prepared.prepare(() => {
      const { certificateChain, clientAuthentication = 'none', trustStore } = configuration
      if (clientAuthentication !== 'none' && trustStore !== undefined) this.#prepared.believe(trustStore)
      const identities = certificateChain.map((chain, index) =>
        this.#prepared.load(`certificateChain[${index}]`, chain),
      )
      const chains = new ChainsByName(identities.map(({ names }) => names))
      // The first group of chains is the fallback.
      for (const group of chains.groups()) {
        const members = group.flatMap((index) => identities[index] ?? [])
        this.#prepared.acquire(group, members, `certificateChain[${group[0] ?? 0}]`)
      }
      this.#prepared.chains = chains
    })
  }

  createBuffer(): TLSBuffer {
    return openServerBuffer(this, () => new SchannelBuffer(this, this.#prepared, undefined))
  }
}

/** The native side of a context: credentials, on a server those for each group of chains that shares its names, and whom to believe. */
export class PreparedContext {
  readonly native: NativeSecurity
  readonly configuration: TLSClientConfiguration | TLSServerConfiguration
  readonly settings: Settings
  readonly skipsChainVerification: boolean
  readonly skipsHostNameCheck: boolean
  /** The time at which certificates have to be valid. */
  readonly now: () => number
  chains: ChainsByName | undefined
  readonly #held: Held

  constructor(
    { native, abilities, now }: Workshop,
    configuration: TLSClientConfiguration | TLSServerConfiguration,
    environment: ContextEnvironment,
  ) {
    this.native = native
    this.configuration = configuration
    this.settings = settingsOf(configuration, abilities)
    this.now = environment.now ?? now
    this.skipsChainVerification = environment[insecureOptions]?.skipChainVerification === true
    this.skipsHostNameCheck = this.skipsChainVerification || environment[insecureOptions]?.skipHostNameCheck === true
    this.#held = { native, identities: new Set(), credentials: new Map(), trust: undefined }
    if (configuration.policy === 'leastSecure') {
      warnOfInsecurity('a TLS context with the policy leastSecure speaks with peers that nothing protects')
    }
    finalizer.register(this, this.#held)
  }

  /** Whether a client may show a certificate of its own. */
  get showsCertificate(): boolean {
    return this.#held.identities.size > 0
  }

  get trust(): Trust | undefined {
    return this.#held.trust
  }

  /** The credentials for a group of chains, those of the first where there is no such group. */
  credentialsFor(group: readonly number[]): SecHandle {
    const { credentials } = this.#held
    return credentials.get(group.join()) ?? (credentials.values().next().value as SecHandle)
  }

  /** Runs the preparation, and frees what it had loaded where it fails. */
  prepare(steps: () => void): void {
    try {
      steps()
    } catch (thrown) {
      freeHeld(this.#held)
      throw thrown
    }
  }

  believe(trustStore: TrustStore): void {
    if (!this.skipsChainVerification) this.#held.trust = loadTrust(this.native, trustStore)
  }

  load(field: string, chain: Parameters<typeof loadIdentity>[2]): Identity {
    const identity = loadIdentity(this.native, field, chain)
    this.#held.identities.add(identity)
    return identity
  }

  acquire(group: readonly number[], identities: readonly Identity[], field: string): void {
    if (this.#held.credentials.has(group.join())) return
    let { status, handle } = this.#ask(identities)
    if (handle === undefined && keyRefused.has(status) && identities.some(({ persist }) => persist !== undefined)) {
      // Some releases of Windows want the key where another process can open it too: it is stored until this context goes.
      ;({ status, handle } = this.#ask(identities.map((each) => this.#persisted(each))))
    }
    for (const { forgetKey } of identities) forgetKey()
    if (handle !== undefined) this.#held.credentials.set(group.join(), handle)
    else if (keyRefused.has(status)) {
      throw new ConfigurationError(`${field}.key`, `Schannel cannot use it: ${statusName(status)}`)
    } else {
      const code = statusName(status)
      throw new BackendError('schannel', `Schannel gives no credentials: ${code}`, { nativeCode: code })
    }
  }

  #ask(identities: readonly Identity[]): { status: number; handle: SecHandle | undefined } {
    const isServer = this.configuration instanceof TLSServerConfiguration
    const credentials = credentialsFor(this.settings, {
      isServer,
      certificates: identities.map(({ certificate }) => certificate),
      // Its authorities are named to clients that are asked for a certificate.
      rootStore: isServer ? this.trust?.store : undefined,
    })
    return this.native.AcquireCredentialsHandle(isServer ? 'inbound' : 'outbound', credentials)
  }

  #persisted(identity: Identity): Identity {
    if (identity.persist === undefined) return identity
    const stored = identity.persist()
    this.#held.identities.delete(identity)
    this.#held.identities.add(stored)
    identity.release()
    return stored
  }
}

/** What AcquireCredentialsHandle answers where it cannot use a key. */
const keyRefused: ReadonlySet<number> = new Set([
  Status.SEC_E_NO_CREDENTIALS,
  Status.SEC_E_UNKNOWN_CREDENTIALS,
  Status.NTE_BAD_KEYSET,
])

interface Held {
  readonly native: NativeSecurity
  readonly identities: Set<Identity>
  readonly credentials: Map<string, SecHandle>
  trust: Trust | undefined
}

/** Frees what a context holds. Channels keep their context alive, so none of it is in use. */
function freeHeld(held: Held): void {
  for (const handle of held.credentials.values()) held.native.FreeCredentialsHandle(handle)
  for (const identity of held.identities) identity.release()
  held.trust?.release()
  held.credentials.clear()
  held.identities.clear()
  held.trust = undefined
}

const finalizer = new FinalizationRegistry<Held>(freeHeld)
