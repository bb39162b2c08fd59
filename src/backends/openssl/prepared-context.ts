import type { Backend } from '../../channel/backend.ts'
import type { ChainsByName } from '../../channel/chains-by-name.ts'
import type { ContextEnvironment } from '../../channel/context.ts'
import { insecureOptions } from '../../channel/insecure.ts'
import { maxCertificateChainBytes } from '../../channel/limits.ts'
import { MemoryReplayGuard } from '../../channel/memory-replay-guard.ts'
import { MemorySessionStore } from '../../channel/memory-session-store.ts'
import { warnOfInsecurity } from '../../channel/security-warning.ts'
import { nameText, type ServerName } from '../../channel/server-name.ts'
import { stapledResponse } from '../../channel/stapled-response.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import type { PreSharedKey, PreSharedKeyHash } from '../../config/pre-shared-key.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import type { TrustStore } from '../../config/trust-store.ts'
import { BackendError, ConfigurationError } from '../../errors.ts'
import { abilitiesOf } from './abilities.ts'
import { CertificateChoice } from './certificate-choice.ts'
import { CertificateTimestamps } from './certificate-timestamps.ts'
import { ClientSessions } from './client-sessions.ts'
import { CheckFlag, Ctrl, Mode, Option, SessionCacheMode, VerifyFlag } from './constants.ts'
import { encodeDER } from './der.ts'
import type { EarlyDataRules } from './early-data.ts'
import { takeErrors, textOf } from './fault.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { revocationFlags } from './revocation.ts'
import { ServerSessions } from './server-sessions.ts'
import { type Settings, settingsOf } from './settings.ts'
import { StapledStatusCheck } from './stapling.ts'
import type { TrustStores } from './trust.ts'

/** What a context needs of its backend. */
export interface Workshop {
  readonly backend: Backend
  readonly library: Library
  readonly trustStores: TrustStores
  /** The clock by which sessions age, in milliseconds since 1970, where the context is not given one. */
  readonly now: () => number
  /** For tests. */
  readonly recordsPerKey?: number
}

/** RFC 9846, Section 5.5, allows about 2^24.5 of full size with AES-GCM. */
const defaultRecordsPerKey = 2 ** 23

/** OpenSSL's own bound for early data that was refused. */
const defaultSkippedBytes = 16_384

/** The native side of a context: one SSL_CTX, or on a server one for each group of chains that shares its names. */
export class PreparedContext {
  readonly library: Library
  readonly backendName: string
  readonly configuration: TLSClientConfiguration | TLSServerConfiguration
  readonly #clock: () => number
  readonly #now: (() => number) | undefined
  readonly skipsChainVerification: boolean
  readonly #skipsHostNameCheck: boolean
  chains: ChainsByName | undefined
  readonly #trustStores: TrustStores
  readonly #settings: Settings
  readonly #contexts = new Map<string, Pointer>()
  #first: Pointer | undefined
  readonly timestamps: CertificateTimestamps
  readonly #ocspResponses = new Map<Pointer, () => Uint8Array | undefined>()
  /** `undefined` on a server, and where sessions are off. */
  readonly clientSessions: ClientSessions | undefined
  /** `undefined` on a client, and where sessions are off. */
  readonly serverSessions: ServerSessions | undefined
  /** `undefined` where early data is not taken. */
  readonly earlyDataRules: EarlyDataRules | undefined
  /** After how many records a connection changes its keys by itself. */
  readonly recordsPerKey: number

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
    this.recordsPerKey = workshop.recordsPerKey ?? defaultRecordsPerKey
    const { library, backendName } = this
    this.timestamps = new CertificateTimestamps(library, backendName)
    const now = environment.now ?? workshop.now
    this.#clock = now
    const hasOwnClock = environment.now !== undefined
    if (configuration.sessions !== 'none') {
      if (configuration instanceof TLSServerConfiguration) {
        this.serverSessions = new ServerSessions({
          ...{ library, backendName, configuration, now, hasOwnClock },
          acceptance: this.#acceptance(),
        })
      } else {
        const { securityLevel } = this.#settings
        this.clientSessions = new ClientSessions({
          library,
          backendName,
          configuration,
          now,
          hasOwnClock,
          securityLevel,
        })
      }
    }
    if (configuration instanceof TLSServerConfiguration && (configuration.maxEarlyDataBytes ?? 0) > 0) {
      const { maxEarlyDataBytes: maxBytes = 0, replayGuard: guard = new MemoryReplayGuard({ now }) } = configuration
      this.earlyDataRules = { maxBytes, guard, now }
    }
    finalizer.register(this, { library: this.library, contexts: this.#contexts })
  }

  /** The external key that a client offers: OpenSSL has room for one. */
  get preSharedKey(): PreSharedKey | undefined {
    return this.configuration instanceof TLSServerConfiguration ? undefined : this.configuration.preSharedKeys?.[0]
  }

  get findsPreSharedKeys(): boolean {
    return this.configuration instanceof TLSServerConfiguration && this.configuration.findPreSharedKey !== undefined
  }

  /** Whether something may have to be asked of the program while OpenSSL looks at a ClientHello, where it cannot wait. */
  get mayAskDuringHello(): boolean {
    const { store } = this.serverSessions ?? {}
    const { guard } = this.earlyDataRules ?? {}
    const isForeign = (own: boolean, given: object | undefined): boolean => given !== undefined && !own
    return (
      this.findsPreSharedKeys ||
      isForeign(store instanceof MemorySessionStore, store) ||
      isForeign(guard instanceof MemoryReplayGuard, guard)
    )
  }

  /** For a key that was found: OpenSSL chooses the suite before it looks at keys, and a key fits suites of its own hash only. */
  preferHash(ssl: Pointer, hash: PreSharedKeyHash): void {
    const suites = this.#settings.tls13Suites?.split(':') ?? []
    const isOfHash = (suite: string): boolean => suite.endsWith(hash.toUpperCase())
    const ordered = [...suites.filter(isOfHash), ...suites.filter((suite) => !isOfHash(suite))]
    const { native } = this.library
    native.SSL_set_ciphersuites(ssl, ordered.join(':'))
    // A client that has ChaCha20 first would turn the order round again.
    native.SSL_clear_options(ssl, Option.PRIORITIZE_CHACHA)
  }

  /** Before a step in which tickets may come or be made. */
  readyTickets(): void {
    this.serverSessions?.sealing?.handOver(this.first)
  }

  /** The SSL_CTX that a connection starts with. */
  get first(): Pointer {
    this.#first ??= this.#contexts.values().next().value as Pointer
    return this.#first
  }

  /** A new SSL that knows which side it is and whom to expect. The caller owns it (SSL_free). */
  newConnection(serverName: ServerName | undefined): Pointer {
    const { native } = this.library
    const ssl = native.SSL_new(this.first)
    if (ssl === null) throw new BackendError(this.backendName, 'SSL_new failed: the machine may be out of memory')
    if (this.configuration instanceof TLSServerConfiguration) native.SSL_set_accept_state(ssl)
    else native.SSL_set_connect_state(ssl)
    if (serverName === undefined && this.#now === undefined) return ssl
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

  /** For one connection; `undefined` where nothing is asked for. */
  stapledStatusCheck(): StapledStatusCheck | undefined {
    if (this.configuration instanceof TLSServerConfiguration) return undefined
    const { ocspStapling = 'none' } = this.configuration
    return ocspStapling === 'none' ? undefined : new StapledStatusCheck(this.library, ocspStapling, this.#clock)
  }

  /** A client shows this certificate, and its sessions are for nobody else. */
  appearsAs(certificate: Pointer): void {
    if (this.clientSessions === undefined) return
    this.clientSessions.ownCertificate = encodeDER(this.library, certificate, this.library.native.i2d_X509)
  }

  /** The state of a certificate of ours, as the application has it now. */
  ocspResponseFor(certificate: Pointer | null): Uint8Array | undefined {
    return certificate === null ? undefined : this.#ocspResponses.get(certificate)?.()
  }

  /** What a chain of ours has to staple. The certificate is the context's, for as long as that lives. */
  staples(context: Pointer, certificate: Pointer, ocspResponse: SigningChain['ocspResponse']): void {
    const response = stapledResponse(this.backendName, ocspResponse)
    if (response === undefined) return
    this.#ocspResponses.set(certificate, response)
    this.#listenForStatus(context)
  }

  /** Asks servers for the state of their certificates, where the configuration wants that. */
  askForStatus(context: Pointer): void {
    if (this.stapledStatusCheck() === undefined) return
    this.library.native.SSL_CTX_ctrl(context, Ctrl.SET_TLSEXT_STATUS_REQ_TYPE, ocsp, null)
    this.#listenForStatus(context)
  }

  #listenForStatus(context: Pointer): void {
    const { native, callbacks } = this.library
    native.SSL_CTX_callback_ctrl(context, Ctrl.SET_TLSEXT_STATUS_REQ_CB, callbacks.status)
  }

  /** Every context of a server. */
  get contexts(): readonly Pointer[] {
    return [...this.#contexts.values()]
  }

  /** Whether there is more than one to choose among. */
  get hasAlternatives(): boolean {
    return this.#contexts.size > 1
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
    this.#withSessions(context)
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

  /** Makes a client ready to be asked for its certificate in the ways that the configuration has. */
  answerRequests(context: Pointer): void {
    const { native, callbacks } = this.library
    if (this.configuration instanceof TLSServerConfiguration) return
    if (this.configuration.postHandshakeAuthentication === true) native.SSL_CTX_set_post_handshake_auth(context, 1)
    if (this.certificateChoice() !== undefined) native.SSL_CTX_set_cert_cb(context, callbacks.wantCertificate, null)
  }

  /** For one connection of a client; `undefined` where there is nothing to choose and nothing to count. */
  certificateChoice(): CertificateChoice | undefined {
    if (this.configuration instanceof TLSServerConfiguration) return undefined
    const { chooseCertificate, postHandshakeAuthentication } = this.configuration
    const asks = chooseCertificate !== undefined
    return asks || postHandshakeAuthentication === true ? new CertificateChoice(this.library, asks) : undefined
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
    // Also where the choice is no choice: only then does OpenSSL keep the name with a session of TLS 1.2, and acknowledge it; and it is
    // there that a handshake can be given up which a question has stopped.
    this.library.native.SSL_CTX_callback_ctrl(
      this.first,
      Ctrl.SET_TLSEXT_SERVERNAME_CB,
      this.library.callbacks.chooseByServerName,
    )
  }

  #withSessions(context: Pointer): void {
    const { native, callbacks } = this.library
    native.SSL_CTX_ctrl(context, Ctrl.SET_SESS_CACHE_MODE, SessionCacheMode.OFF, null)
    if (this.clientSessions !== undefined) {
      const mode = SessionCacheMode.CLIENT | SessionCacheMode.NO_INTERNAL
      native.SSL_CTX_ctrl(context, Ctrl.SET_SESS_CACHE_MODE, mode, null)
      native.SSL_CTX_sess_set_new_cb(context, callbacks.sessions.newSession)
    } else if (this.serverSessions !== undefined) this.serverSessions.install(context)
    else {
      native.SSL_CTX_set_num_tickets(context, 0)
      native.SSL_CTX_set_options(context, Option.NO_TICKET)
    }
    if (this.preSharedKey !== undefined)
      native.SSL_CTX_set_psk_use_session_callback(context, callbacks.sessions.usePreSharedKey)
    if (this.findsPreSharedKeys)
      native.SSL_CTX_set_psk_find_session_callback(context, callbacks.sessions.findPreSharedKey)
    // Our own guard stands in for OpenSSL's, which would need its table of sessions.
    native.SSL_CTX_set_options(context, Option.NO_ANTI_REPLAY)
    if (this.earlyDataRules === undefined) return
    const { maxBytes } = this.earlyDataRules
    native.SSL_CTX_set_max_early_data(context, maxBytes)
    // Also how much is skipped where it is not accepted.
    native.SSL_CTX_set_recv_max_early_data(context, Math.max(maxBytes, defaultSkippedBytes))
    native.SSL_CTX_set_allow_early_data_cb(context, callbacks.sessions.allowEarlyData, null)
  }

  /** By what rules a server lets clients in, as a text: a session that began under others is none of its own. */
  #acceptance(): string {
    const { clientAuthentication = 'none', trustStore, revocation } = this.configuration as TLSServerConfiguration
    if (trustStore === undefined) return 'anybody'
    const trust = this.skipsChainVerification
      ? 'whatever they show'
      : this.#trustStores.get(trustStore, revocation?.lists).digest
    const { missing = 'reject', scope = 'path' } = revocation ?? {}
    return [clientAuthentication, trust, ...(revocation === undefined ? [] : [missing, scope])].join(' ')
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

/** Frees what a forgotten context holds; connections that still run hold references of their own. */
const finalizer = new FinalizationRegistry<{
  readonly library: Library
  readonly contexts: ReadonlyMap<string, Pointer>
}>(({ library, contexts }) => {
  for (const context of contexts.values()) library.native.SSL_CTX_free(context)
})

/** TLSEXT_STATUSTYPE_ocsp: RFC 6066, Section 8. */
const ocsp = 1
