import type { Backend } from '../../channel/backend.ts'
import { requireBufferOptions } from '../../channel/buffer-options.ts'
import { ChainsByName } from '../../channel/chains-by-name.ts'
import { openServerBuffer } from '../../channel/choosing-buffer.ts'
import type { ClientBufferOptions, ClientContext, ContextEnvironment, ServerContext } from '../../channel/context.ts'
import { parseServerName } from '../../channel/server-name.ts'
import type { TLSBuffer } from '../../channel/tls-buffer.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import type { TLSServerConfiguration } from '../../config/server-configuration.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import { TrustStore } from '../../config/trust-store.ts'
import { OpenSSLBuffer } from './buffer.ts'
import { Verify } from './constants.ts'
import { loadCertificate } from './credentials.ts'
import { namesOf } from './identities.ts'
import type { Library } from './library.ts'
import { PreparedContext, type Workshop } from './prepared-context.ts'
import type { Pointer } from './prototypes.ts'
import { useChain } from './signing-chain.ts'

export class OpenSSLClientContext implements ClientContext {
  readonly backend: Backend
  readonly configuration: TLSClientConfiguration
  readonly #prepared: PreparedContext

  constructor(workshop: Workshop, configuration: TLSClientConfiguration, environment: ContextEnvironment) {
    this.backend = workshop.backend
    this.configuration = configuration
    const prepared = new PreparedContext(workshop, configuration, environment)
    this.#prepared = prepared
    const context = prepared.newContext()
    const { certificateChain } = configuration
    if (certificateChain !== undefined) {
      const certificate = useChain(workshop.library, { context }, 'certificateChain', certificateChain)
      prepared.appearsAs(certificate)
    }
    prepared.askForStatus(context)
    if (configuration.certificateTimestamps === true) prepared.timestamps.ask(context)
    prepared.trust(context, configuration.trustStore ?? TrustStore.system())
    prepared.verify(context, Verify.PEER)
    prepared.answerRequests(context)
    prepared.offerProtocols(context)
  }

  createBuffer(serverName: string | undefined, options: ClientBufferOptions = {}): TLSBuffer {
    const name = serverName === undefined ? undefined : parseServerName(serverName)
    return new OpenSSLBuffer(this, this.#prepared, name, requireBufferOptions(options, this.backend))
  }
}

export class OpenSSLServerContext implements ServerContext {
  readonly backend: Backend
  readonly configuration: TLSServerConfiguration
  readonly #prepared: PreparedContext

  constructor(workshop: Workshop, configuration: TLSServerConfiguration, environment: ContextEnvironment) {
    this.backend = workshop.backend
    this.configuration = configuration
    const prepared = new PreparedContext(workshop, configuration, environment)
    this.#prepared = prepared
    const chains = new ChainsByName(
      configuration.certificateChain.map((chain, index) => chainNames(workshop.library, index, chain)),
    )
    // The first group of chains is the fallback, and its context the one with which every connection starts.
    for (const group of chains.groups()) {
      if (prepared.contextFor(group) !== undefined) continue
      const context = prepared.newContext(group)
      for (const index of group) {
        const chain = configuration.certificateChain[index] as SigningChain
        const certificate = useChain(workshop.library, { context }, `certificateChain[${index}]`, chain)
        prepared.staples(context, certificate, chain.ocspResponse)
        prepared.timestamps.put(certificate, chain.signedCertificateTimestamps ?? [])
      }
      this.#authenticateClients(context)
      prepared.selectProtocols(context)
    }
    if (!prepared.timestamps.isEmpty) for (const context of prepared.contexts) prepared.timestamps.answer(context)
    prepared.selectByServerName(chains)
  }

  createBuffer(): TLSBuffer {
    return openServerBuffer(this, () => new OpenSSLBuffer(this, this.#prepared, undefined))
  }

  #authenticateClients(context: Pointer): void {
    const { clientAuthentication = 'none', trustStore } = this.configuration
    if (trustStore === undefined) return
    this.#prepared.trust(context, trustStore, { nameAuthorities: true })
    this.#prepared.verify(context, verifyModes[clientAuthentication])
  }
}

/** Those that are not asked in the handshake can be asked later. */
const verifyModes = {
  none: Verify.NONE,
  requested: Verify.PEER,
  required: Verify.PEER | Verify.FAIL_IF_NO_PEER_CERT,
} as const

function chainNames(library: Library, index: number, chain: SigningChain): readonly string[] {
  const leaf = loadCertificate(library, `certificateChain[${index}].leaf`, chain.leaf)
  try {
    return namesOf(library, leaf)
  } finally {
    library.native.X509_free(leaf)
  }
}
