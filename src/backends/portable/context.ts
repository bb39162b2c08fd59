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
import type { SigningChain } from '../../config/signing-chain.ts'
import { TrustStore } from '../../config/trust-store.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import type { X509Certificate } from '../../x509/certificate.ts'
import type { RevocationPolicy } from '../../x509/revocation.ts'
import { PortableBuffer } from './buffer.ts'
import { CertificateCompression } from './certificate-compression.ts'
import { ClientSessions } from './client-sessions.ts'
import { startClient } from './client13.ts'
import { type Loader, loadCredential } from './credentials.ts'
import { Engine } from './engine.ts'
import { PeerVerifier } from './peer-verification.ts'
import { loadRevocation } from './revocation.ts'
import { ServerSessions } from './server-sessions.ts'
import { startServer } from './server13.ts'
import type { Settings } from './settings.ts'
import type { ClientSetup, Credential, ServerSetup, Setup } from './setup.ts'
import type { TrustStores } from './trust.ts'

/** What a context needs of its backend. */
export interface Workshop {
  readonly backend: Backend
  readonly crypto: CryptoProvider
  readonly loader: Loader
  readonly trustStores: TrustStores
  /** The clock of contexts that are not given one. */
  readonly now: () => number
  readonly settings: Settings
  readonly paddingMultipleBytes: number | undefined
}

export class PortableClientContext implements ClientContext {
  readonly backend: Backend
  readonly configuration: TLSClientConfiguration
  readonly #setup: ClientSetup

  constructor(workshop: Workshop, configuration: TLSClientConfiguration, environment: ContextEnvironment) {
    this.backend = workshop.backend
    this.configuration = configuration
    const { certificateChain } = configuration
    const { loader, settings, crypto, backend } = workshop
    const trust = {
      trustStore: configuration.trustStore ?? TrustStore.system(),
      revocation: revocationOf(workshop, configuration),
    }
    const verifier = makeVerifier(workshop, configuration, trust, environment)
    const now = environment.now ?? workshop.now
    const loaded = new WeakMap<SigningChain, Credential>()
    const { credential } =
      (certificateChain && loadCredential(loader, 'certificateChain', certificateChain, settings.minimumRsaBits)) ?? {}
    this.#setup = {
      ...commonSetup(workshop),
      configuration,
      loadChosen: (chain) => {
        const known = loaded.get(chain)
        if (known !== undefined) return known
        const { credential } = loadCredential(loader, 'chooseCertificate', chain, settings.minimumRsaBits)
        loaded.set(chain, credential)
        return credential
      },
      credential,
      verifier,
      sessions: new ClientSessions({
        backendName: backend.name,
        configuration,
        crypto,
        verifier,
        ownCertificate: credential?.chain[0],
        now,
      }),
    }
    warnOfPolicy(configuration)
  }

  createBuffer(serverName: string | undefined, options: ClientBufferOptions = {}): TLSBuffer {
    const name = serverName === undefined ? undefined : parseServerName(serverName)
    const engine = new Engine<ClientSetup>(this.#setup, {
      isClient: true,
      serverName: name,
      options: requireBufferOptions(options, this.backend),
      start: startClient,
    })
    return new PortableBuffer(this, engine)
  }
}

export class PortableServerContext implements ServerContext {
  readonly backend: Backend
  readonly configuration: TLSServerConfiguration
  readonly #setup: ServerSetup

  constructor(workshop: Workshop, configuration: TLSServerConfiguration, environment: ContextEnvironment) {
    this.backend = workshop.backend
    this.configuration = configuration
    const { clientAuthentication = 'none', trustStore } = configuration
    const chains = configuration.certificateChain.map((chain, index) =>
      loadCredential(workshop.loader, `certificateChain[${index}]`, chain, workshop.settings.minimumRsaBits),
    )
    const authorities =
      trustStore !== undefined && !skipsChains(environment) ? workshop.trustStores.get(trustStore).certificates : []
    const revocation = trustStore && revocationOf(workshop, configuration)
    const lateVerifier = trustStore && makeVerifier(workshop, configuration, { trustStore, revocation }, environment)
    this.#setup = {
      ...commonSetup(workshop),
      configuration,
      credentials: chains.map(({ credential }) => credential),
      chains: new ChainsByName(chains.map(({ names }) => names)),
      verifier: clientAuthentication === 'none' ? undefined : lateVerifier,
      lateVerifier,
      authorities: authorities.map(({ subject }) => subject.encoding),
      sessions:
        configuration.sessions === 'none'
          ? undefined
          : new ServerSessions({
              configuration,
              crypto: workshop.crypto,
              now: environment.now ?? workshop.now,
              binding: bindingOf(workshop.crypto, configuration, { authorities, revocation }),
            }),
    }
    warnOfPolicy(configuration)
  }

  createBuffer(): TLSBuffer {
    const options = { isClient: false, serverName: undefined, start: startServer }
    return openServerBuffer(this, () => new PortableBuffer(this, new Engine<ServerSetup>(this.#setup, options)))
  }
}

function commonSetup({ crypto, settings, paddingMultipleBytes }: Workshop): Omit<Setup, 'configuration'> {
  const certificateCompression = new CertificateCompression(settings.certificateCodecs)
  return { crypto, settings, certificateCompression, paddingMultipleBytes }
}

function revocationOf(
  { loader }: Workshop,
  { revocation }: TLSClientConfiguration | TLSServerConfiguration,
): RevocationPolicy | undefined {
  return revocation && loadRevocation(loader, revocation)
}

function makeVerifier(
  { crypto, trustStores, now }: Workshop,
  configuration: TLSClientConfiguration | TLSServerConfiguration,
  { trustStore, revocation }: { readonly trustStore: TrustStore; readonly revocation: RevocationPolicy | undefined },
  environment: ContextEnvironment,
): PeerVerifier {
  return new PeerVerifier({
    crypto,
    revocation,
    anchors: skipsChains(environment) ? undefined : trustStores.get(trustStore),
    purpose: configuration instanceof TLSServerConfiguration ? 'client-authentication' : 'server-authentication',
    now: environment.now ?? now,
    skipsHostNameCheck: environment[insecureOptions]?.skipHostNameCheck === true,
    // A server asks its clients for none.
    ocspStapling: configuration instanceof TLSServerConfiguration ? 'none' : (configuration.ocspStapling ?? 'none'),
  })
}

/** A session is good where clients are asked for the same, the same authorities are believed, and the same is known to be revoked. */
function bindingOf(
  crypto: CryptoProvider,
  { clientAuthentication = 'none' }: TLSServerConfiguration,
  {
    authorities,
    revocation,
  }: { readonly authorities: readonly X509Certificate[]; readonly revocation: RevocationPolicy | undefined },
): Uint8Array {
  const { lists = [], missing = '', scope = '' } = revocation ?? {}
  const rules = new TextEncoder().encode([clientAuthentication, lists.length, missing, scope].join(' '))
  const revoked = lists.map(({ tbs, signature }) => crypto.digest('sha256', tbs, signature))
  const trusted = authorities.map(({ der }) => crypto.digest('sha256', der))
  return crypto.digest('sha256', crypto.digest('sha256', rules), ...revoked, ...trusted)
}

function skipsChains(environment: ContextEnvironment): boolean {
  return environment[insecureOptions]?.skipChainVerification === true
}

function warnOfPolicy({ policy }: TLSClientConfiguration | TLSServerConfiguration): void {
  if (policy === 'leastSecure')
    warnOfInsecurity('a TLS context with the policy leastSecure speaks with peers that nothing protects')
}
