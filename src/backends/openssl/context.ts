import type { Backend } from '../../channel/backend.ts'
import { ChainsByName } from '../../channel/chains-by-name.ts'
import type { ClientContext, ContextEnvironment, ServerContext } from '../../channel/context.ts'
import { insecureOptions } from '../../channel/insecure.ts'
import { maxCertificateChainBytes } from '../../channel/limits.ts'
import { warnOfInsecurity } from '../../channel/security-warning.ts'
import { nameText, parseServerName, type ServerName } from '../../channel/server-name.ts'
import type { TLSBuffer } from '../../channel/tls-buffer.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import { TrustStore } from '../../config/trust-store.ts'
import { BackendError, ConfigurationError } from '../../errors.ts'
import { abilitiesOf } from './abilities.ts'
import { OpenSSLBuffer } from './buffer.ts'
import { CheckFlag, Ctrl, Mode, Option, Verify, VerifyFlag } from './constants.ts'
import { loadCertificate, loadPrivateKey } from './credentials.ts'
import { takeErrors, textOf } from './fault.ts'
import { namesOf } from './identities.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { revocationFlags } from './revocation.ts'
import { type Settings, settingsOf } from './settings.ts'
import type { TrustStores } from './trust.ts'

/** What a context needs of its backend. */
export interface Workshop {
  readonly backend: Backend
  readonly library: Library
  readonly trustStores: TrustStores
}

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
    if (certificateChain !== undefined) useChain(workshop.library, context, 'certificateChain', certificateChain)
    prepared.trust(context, configuration.trustStore ?? TrustStore.system())
    prepared.verify(context, Verify.PEER)
    prepared.offerProtocols(context)
  }

  createBuffer(serverName: string | undefined): TLSBuffer {
    return new OpenSSLBuffer(this, this.#prepared, serverName === undefined ? undefined : parseServerName(serverName))
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
        useChain(
          workshop.library,
          context,
          `certificateChain[${index}]`,
          configuration.certificateChain[index] as SigningChain,
        )
      }
      this.#authenticateClients(context)
      prepared.selectProtocols(context)
    }
    prepared.selectByServerName(chains)
  }

  createBuffer(): TLSBuffer {
    return new OpenSSLBuffer(this, this.#prepared, undefined)
  }

  #authenticateClients(context: Pointer): void {
    const { clientAuthentication = 'none', trustStore } = this.configuration
    if (clientAuthentication === 'none' || trustStore === undefined) return
    this.#prepared.trust(context, trustStore, { nameAuthorities: true })
    this.#prepared.verify(
      context,
      clientAuthentication === 'required' ? Verify.PEER | Verify.FAIL_IF_NO_PEER_CERT : Verify.PEER,
    )
  }
}

/** The native side of a context: one SSL_CTX, or on a server one for each group of chains that shares its names. */
export class PreparedContext {
  readonly library: Library
  readonly backendName: string
  readonly configuration: TLSClientConfiguration | TLSServerConfiguration
  readonly #now: (() => number) | undefined
  readonly skipsChainVerification: boolean
  readonly #skipsHostNameCheck: boolean
  chains: ChainsByName | undefined
  readonly #trustStores: TrustStores
  readonly #settings: Settings
  readonly #contexts = new Map<string, Pointer>()

  constructor(
    workshop: Workshop,
    configuration: TLSClientConfiguration | TLSServerConfiguration,
    environment: ContextEnvironment,
  ) {
    this.library = workshop.library
    this.backendName = workshop.backend.name
    this.configuration = configuration
    this.#now = environment.now
    this.skipsChainVerification = environment[insecureOptions]?.skipChainVerification === true
    this.#skipsHostNameCheck = this.skipsChainVerification || environment[insecureOptions]?.skipHostNameCheck === true
    this.#trustStores = workshop.trustStores
    this.#settings = settingsOf(configuration, abilitiesOf(this.library))
    if (configuration.policy === 'leastSecure') {
      warnOfInsecurity('a TLS context with the policy leastSecure speaks with peers that nothing protects')
    }
    finalizer.register(this, { library: this.library, contexts: this.#contexts })
  }

  /** The SSL_CTX that a connection starts with. */
  get first(): Pointer {
    return this.#contexts.values().next().value as Pointer
  }

  /** A new SSL that knows which side it is and whom to expect. The caller owns it (SSL_free). */
  newConnection(serverName: ServerName | undefined): Pointer {
    const { native } = this.library
    const ssl = native.SSL_new(this.first)
    if (ssl === null) throw new BackendError(this.backendName, 'SSL_new failed: the machine may be out of memory')
    if (this.configuration instanceof TLSServerConfiguration) native.SSL_set_accept_state(ssl)
    else native.SSL_set_connect_state(ssl)
    const parameters = native.SSL_get0_param(ssl)
    if (serverName?.kind === 'dns')
      native.SSL_ctrl(ssl, Ctrl.SET_TLSEXT_HOSTNAME, 0, Buffer.from(`${serverName.name}\0`))
    if (serverName !== undefined && !this.#skipsHostNameCheck && !expectPeer(this.library, parameters, serverName)) {
      native.SSL_free(ssl)
      throw new ConfigurationError('serverName', `OpenSSL cannot check for ${nameText(serverName)}`)
    }
    if (this.#now !== undefined) {
      native.X509_VERIFY_PARAM_set_time(parameters, BigInt(Math.floor(this.#now() / 1000)))
    }
    return ssl
  }

  contextFor(group: readonly number[]): Pointer | undefined {
    return this.#contexts.get(group.join())
  }

  /** A new SSL_CTX with everything that all connections have in common. */
  newContext(group: readonly number[] = []): Pointer {
    const { native } = this.library
    const { lowest, highest, tls12Suites, tls13Suites, groups, signatureSchemes, securityLevel } = this.#settings
    native.ERR_clear_error()
    const context = native.SSL_CTX_new(native.TLS_method())
    if (context === null) throw new Error(`SSL_CTX_new failed: ${textOf(takeErrors(native))}`)
    this.#contexts.set(group.join(), context)
    native.SSL_CTX_set_security_level(context, securityLevel)
    native.SSL_CTX_ctrl(context, Ctrl.SET_MIN_PROTO_VERSION, lowest, null)
    native.SSL_CTX_ctrl(context, Ctrl.SET_MAX_PROTO_VERSION, highest, null)
    this.#must('ciphers', tls12Suites === undefined || native.SSL_CTX_set_cipher_list(context, tls12Suites) === 1)
    this.#must('ciphers', native.SSL_CTX_set_ciphersuites(context, tls13Suites ?? '') === 1)
    this.#must('groups', groups === undefined || setList(this.library, context, Ctrl.SET_GROUPS_LIST, groups))
    this.#must(
      'signatureSchemes',
      signatureSchemes === undefined || setList(this.library, context, Ctrl.SET_SIGALGS_LIST, signatureSchemes),
    )
    // NO_AUTO_CHAIN: what is sent is what the caller gave, not what OpenSSL can complete from the trust store.
    native.SSL_CTX_ctrl(
      context,
      Ctrl.MODE,
      Mode.ACCEPT_MOVING_WRITE_BUFFER | Mode.NO_AUTO_CHAIN | Mode.RELEASE_BUFFERS,
      null,
    )
    native.SSL_CTX_set_options(
      context,
      Option.NO_COMPRESSION | Option.NO_RENEGOTIATION | Option.CIPHER_SERVER_PREFERENCE | Option.PRIORITIZE_CHACHA,
    )
    // Suites with finite-field Diffie-Hellman, which nobody gets unasked, need parameters: those that fit the key.
    native.SSL_CTX_ctrl(context, Ctrl.SET_DH_AUTO, 1, null)
    this.#withoutSessions(context)
    native.SSL_CTX_ctrl(context, Ctrl.SET_MAX_CERT_LIST, maxCertificateChainBytes, null)
    if (this.configuration.keyLog !== undefined)
      native.SSL_CTX_set_keylog_callback(context, this.library.callbacks.logKey)
    return context
  }

  trust(context: Pointer, trustStore: TrustStore, options: { readonly nameAuthorities?: boolean } = {}): void {
    const { native } = this.library
    if (this.skipsChainVerification) return
    const { revocation } = this.configuration
    const shared = this.#trustStores.get(trustStore, revocation?.lists)
    native.SSL_CTX_set1_cert_store(context, shared.store)
    const parameters = native.SSL_CTX_get0_param(context)
    // Whatever stands in the trust store is trusted as it is, be it a root, an intermediate, or the certificate of one device.
    native.X509_VERIFY_PARAM_set_flags(parameters, VerifyFlag.PARTIAL_CHAIN | revocationFlags(revocation))
    // RFC 9525, Section 6.3: a wildcard is a whole label. Section 6.2: the common name does not count.
    native.X509_VERIFY_PARAM_set_hostflags(parameters, CheckFlag.NO_PARTIAL_WILDCARDS | CheckFlag.NEVER_CHECK_SUBJECT)
    if (options.nameAuthorities) for (const each of shared.certificates) native.SSL_CTX_add_client_CA(context, each)
  }

  verify(context: Pointer, mode: number): void {
    const { native, callbacks } = this.library
    native.SSL_CTX_set_verify(context, mode, null)
    native.SSL_CTX_set_cert_verify_callback(context, callbacks.verifyChain, null)
  }

  offerProtocols(context: Pointer): void {
    const { innerProtocols } = this.configuration
    if (innerProtocols === undefined) return
    // RFC 7301, Section 3.1: each name behind its length.
    const list = Buffer.concat(
      innerProtocols.map((name) => Buffer.concat([Buffer.of(Buffer.byteLength(name)), Buffer.from(name)])),
    )
    // Zero is success here, unlike everywhere else.
    this.#must('innerProtocols', this.library.native.SSL_CTX_set_alpn_protos(context, list, list.length) === 0)
  }

  selectProtocols(context: Pointer): void {
    if (this.configuration.innerProtocols === undefined) return
    this.library.native.SSL_CTX_set_alpn_select_cb(context, this.library.callbacks.selectProtocol, null)
  }

  selectByServerName(chains: ChainsByName): void {
    this.chains = chains
    if (this.#contexts.size < 2) return
    this.library.native.SSL_CTX_callback_ctrl(
      this.first,
      Ctrl.SET_TLSEXT_SERVERNAME_CB,
      this.library.callbacks.chooseByServerName,
    )
  }

  /** No session is kept and no ticket is given: resumption has to carry the peer's identity along, and that is not built yet. */
  #withoutSessions(context: Pointer): void {
    const { native } = this.library
    native.SSL_CTX_ctrl(context, Ctrl.SET_SESS_CACHE_MODE, 0, null)
    native.SSL_CTX_set_num_tickets(context, 0)
    native.SSL_CTX_set_options(context, Option.NO_TICKET)
  }

  #must(field: string, succeeded: boolean): void {
    if (!succeeded)
      throw new ConfigurationError(field, `OpenSSL refuses it: ${textOf(takeErrors(this.library.native))}`)
  }
}

function expectPeer({ native }: Library, parameters: Pointer | null, serverName: ServerName): boolean {
  if (serverName.kind === 'ip') return native.X509_VERIFY_PARAM_set1_ip_asc(parameters, serverName.address) === 1
  return native.X509_VERIFY_PARAM_set1_host(parameters, serverName.name, serverName.name.length) === 1
}

function setList({ native }: Library, context: Pointer, command: number, list: string): boolean {
  return native.SSL_CTX_ctrl(context, command, 0, Buffer.from(`${list}\0`)) === 1
}

function chainNames(library: Library, index: number, chain: SigningChain): readonly string[] {
  const leaf = loadCertificate(library, `certificateChain[${index}].leaf`, chain.leaf)
  try {
    return namesOf(library, leaf)
  } finally {
    library.native.X509_free(leaf)
  }
}

/** Gives a certificate, its issuers and its key to an SSL_CTX, which takes references of its own. */
function useChain(library: Library, context: Pointer, field: string, { leaf, key, chain = [] }: SigningChain): void {
  const { native } = library
  const refuse = (part: string, why: string): never => {
    throw new ConfigurationError(`${field}.${part}`, `${why}: ${textOf(takeErrors(native))}`)
  }
  const owned: (() => void)[] = []
  const own = (pointer: Pointer, free: (pointer: Pointer) => unknown): Pointer => {
    owned.push(() => free(pointer))
    return pointer
  }
  try {
    const certificate = own(loadCertificate(library, `${field}.leaf`, leaf), native.X509_free)
    const privateKey = own(loadPrivateKey(library, `${field}.key`, key), native.EVP_PKEY_free)
    native.ERR_clear_error()
    if (native.X509_check_private_key(certificate, privateKey) !== 1)
      refuse('key', 'it does not belong to the certificate')
    if (native.SSL_CTX_use_certificate(context, certificate) !== 1) refuse('leaf', 'OpenSSL refuses the certificate')
    if (native.SSL_CTX_use_PrivateKey(context, privateKey) !== 1) refuse('key', 'OpenSSL refuses the key')
    chain.forEach((each, index) => {
      const issuer = own(loadCertificate(library, `${field}.chain[${index}]`, each), native.X509_free)
      // The 1 has OpenSSL take a reference of its own.
      if (native.SSL_CTX_ctrl(context, Ctrl.CHAIN_CERT, 1, issuer) !== 1)
        refuse(`chain[${index}]`, 'OpenSSL refuses the certificate')
    })
  } finally {
    for (const free of owned) free()
  }
}

/** Frees what a forgotten context holds; connections that still run hold references of their own. */
const finalizer = new FinalizationRegistry<{
  readonly library: Library
  readonly contexts: ReadonlyMap<string, Pointer>
}>(({ library, contexts }) => {
  for (const context of contexts.values()) library.native.SSL_CTX_free(context)
})
