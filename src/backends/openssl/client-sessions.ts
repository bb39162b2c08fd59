import { createHash } from 'node:crypto'
import { callApplication } from '../../channel/application-call.ts'
import type { ClientBufferOptions } from '../../channel/context.ts'
import { forgetFailed } from '../../channel/failed-sessions.ts'
import { longestSessionStateBytes } from '../../channel/limits.ts'
import { MemorySessionCache } from '../../channel/memory-session-cache.ts'
import type { TakeSessionRequest } from '../../channel/pause.ts'
import { isOfferable, sessionBindingOf } from '../../channel/session-binding.ts'
import { authenticatedUntil, longestTicketSeconds } from '../../channel/session-lifetime.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import { Session, stateOf } from '../../config/session.ts'
import type { SessionCache } from '../../config/session-cache.ts'
import { encodeClientState } from './client-state.ts'
import { decodeDER } from './der.ts'
import { versionOf } from './facts.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { setSessionAge } from './session-age.ts'
import { type ChainJudge, endOfCertificate, verifyStoredChain } from './stored-chain.ts'

export interface ClientSessionsOptions {
  readonly library: Library
  readonly backendName: string
  readonly configuration: TLSClientConfiguration
  readonly now: () => number
  /** The context has been given a clock, which need not be the machine's. */
  readonly hasOwnClock: boolean
  readonly securityLevel: number
}

/** The sessions of a client's context: where they are kept, and for what each is good. */
export class ClientSessions {
  readonly options: ClientSessionsOptions
  readonly cache: SessionCache
  /** Those that came in this context: what was verified then holds as it is. */
  readonly own: WeakSet<Session> = new WeakSet()
  /** What the client shows of itself, DER. To be set before there are connections. */
  ownCertificate: Uint8Array | undefined
  /** The digest of everything but the purpose takes time where the trust store is long. */
  readonly #bindings = new Map<string, string>()

  constructor(options: ClientSessionsOptions) {
    const { sessions } = options.configuration
    this.options = options
    this.cache = sessions === undefined || sessions === 'none' ? new MemorySessionCache() : sessions
  }

  /** What a session has to have to be offered to this service of this server. */
  bindingFor(serverName: string | undefined, service: string | undefined): string {
    // No host name and no address begins as this text does.
    const id = service === undefined ? (serverName ?? '') : JSON.stringify([serverName, service])
    let binding = this.#bindings.get(id)
    if (binding === undefined) {
      const { library, backendName, configuration } = this.options
      const purpose = { backend: backendName, serverName, service, ownCertificate: this.ownCertificate }
      const { text, isProcessBound } = sessionBindingOf(configuration, purpose)
      const hash = createHash('sha256').update(text)
      if (isProcessBound) hash.update(processSecretOf(library))
      binding = hash.digest('hex')
      if (this.#bindings.size >= mostBindings) this.#bindings.clear()
      this.#bindings.set(id, binding)
    }
    return binding
  }
}

const mostBindings = 1000

/** What no other process has. */
function processSecretOf(library: Library): Buffer {
  processSecret ??= library.random(32)
  return processSecret
}
let processSecret: Buffer | undefined

/** What a session was made from, noted while OpenSSL hands it out. */
interface Arrival {
  readonly state: Uint8Array
  readonly version: number
  readonly cipherSuite: number
  readonly lifetimeSeconds: number
  readonly maxEarlyDataBytes: number
}

/** Where a session belongs. */
export interface Origin {
  readonly innerProtocol: string | undefined
  readonly peerChain: readonly Uint8Array[]
  readonly verified: boolean
  /** Whether the connection resumed the session that was offered. */
  readonly resumed: boolean
}

/** One connection's part in it: the session that it offers, and those that it gets. */
export class ClientResumption {
  readonly #sessions: ClientSessions
  readonly #serverName: string | undefined
  readonly #binding: string
  #given: Session | undefined
  #offered: Session | undefined
  /** Only to be compared: it is OpenSSL's. */
  #offeredState: Pointer | undefined
  #offeredAt = 0
  #offeredVerified = false
  /** In TLS 1.2 there is one. */
  #kept12: Session | undefined
  #arrivals: Arrival[] = []
  #fresh: Session[] = []

  constructor(sessions: ClientSessions, serverName: string | undefined, { service, session }: ClientBufferOptions) {
    this.#sessions = sessions
    this.#serverName = serverName
    this.#binding = sessions.bindingFor(serverName, service)
    this.#given = session
  }

  /** What has to be asked before the ClientHello, unless the context's own cache or the caller has answered already. */
  openingQuestion(): TakeSessionRequest | undefined {
    const { cache } = this.#sessions
    if (this.#given !== undefined) return undefined
    if (!(cache instanceof MemorySessionCache)) return { kind: 'take-session', cache, key: this.#binding }
    this.#given = cache.take(this.#binding)
    return undefined
  }

  answer(session: Session | undefined): void {
    this.#given = session
  }

  /** Has OpenSSL offer the session, if it can be: one that cannot is no fault, and the handshake a full one. */
  offer(judge: Omit<ChainJudge, 'securityLevel'>): void {
    const { library, backendName, now, hasOwnClock, securityLevel } = this.#sessions.options
    const session = this.#given
    const nowMilliseconds = now()
    if (session === undefined) return
    if (!isOfferable(session, { backend: backendName, binding: this.#binding, nowMilliseconds })) return
    const isOwn = this.#sessions.own.has(session)
    if (!isOwn && !verifyStoredChain(library, session.peerChain, { ...judge, securityLevel })) return
    const { native } = library
    const state = decodeDER(library, stateOf(session), 'session')
    if (state !== null && hasOwnClock) setSessionAge(library, state, nowMilliseconds - session.receivedAtMilliseconds)
    if (state !== null && native.SSL_set_session(judge.ssl, state) === 1) {
      this.#offeredState = state
      this.#offered = session
      this.#offeredAt = nowMilliseconds
      this.#offeredVerified = !isOwn || session.verified
    }
    // OpenSSL has taken a reference of its own.
    native.SSL_SESSION_free(state)
    native.ERR_clear_error()
  }

  get offered(): Session | undefined {
    return this.#offered
  }

  /** Whether the server of the offered session was verified: when the session began, or now. */
  get offeredVerified(): boolean {
    return this.#offeredVerified
  }

  /** How old the session was when it was offered, in milliseconds. */
  get ageMilliseconds(): number {
    return this.#offered === undefined ? 0 : this.#offeredAt - this.#offered.receivedAtMilliseconds
  }

  /** Whether the session that came with the offer lets this much be said before the server has answered. */
  allowsEarlyData(bytes: number): boolean {
    return this.#offered !== undefined && bytes > 0 && bytes <= this.#offered.maxEarlyDataBytes
  }

  /** OpenSSL's callback for a new session, which stays its own. */
  arrived(session: Pointer): void {
    const { library } = this.#sessions.options
    const { native } = library
    const cipher = native.SSL_SESSION_get0_cipher(session)
    this.#arrivals.push({
      state: encodeClientState(library, session),
      version: native.SSL_SESSION_get_protocol_version(session),
      cipherSuite: cipher === null ? 0 : native.SSL_CIPHER_get_protocol_id(cipher),
      lifetimeSeconds: lifetimeOf(library, session),
      maxEarlyDataBytes: native.SSL_SESSION_get_max_early_data(session),
    })
  }

  /** The offered session was resumed. OpenSSL is silent about a ticket of TLS 1.2 that came in the place of the one that was used. */
  resumed(session: Pointer | null): void {
    if (session === null || session === this.#offeredState) return
    if (versionOf(this.#sessions.options.library.native.SSL_SESSION_get_protocol_version(session)) === 'TLSv1.2')
      this.arrived(session)
  }

  get hasArrivals(): boolean {
    return this.#arrivals.length > 0
  }

  /** Makes sessions of what came and puts them into the cache. Outside of OpenSSL: the cache may be the application's. */
  keep({ innerProtocol, peerChain, verified, resumed: isResumed }: Origin): void {
    const { options, own, cache } = this.#sessions
    const { library, backendName, now } = options
    const arrivals = this.#arrivals
    this.#arrivals = []
    const [leaf] = peerChain
    // Without a certificate there is nothing that another context could verify: an external key is offered by itself each time.
    if (leaf === undefined) return
    const receivedAtMilliseconds = now()
    const authenticatedUntilMilliseconds = isResumed
      ? (this.#offered?.authenticatedUntilMilliseconds ?? 0)
      : authenticatedUntil(receivedAtMilliseconds, endOfCertificate(library, leaf))
    for (const { state, version, cipherSuite, lifetimeSeconds, maxEarlyDataBytes } of arrivals) {
      const negotiated = versionOf(version)
      const end = receivedAtMilliseconds + lifetimeSeconds * 1000
      const expiresAtMilliseconds = Math.min(end, authenticatedUntilMilliseconds)
      if (negotiated === undefined || expiresAtMilliseconds <= receivedAtMilliseconds) continue
      if (state.byteLength > longestSessionStateBytes) continue
      const session = new Session({
        backend: backendName,
        binding: this.#binding,
        version: negotiated,
        cipherSuite,
        serverName: this.#serverName,
        innerProtocol,
        receivedAtMilliseconds,
        expiresAtMilliseconds,
        authenticatedUntilMilliseconds,
        maxEarlyDataBytes,
        peerChain,
        verified,
        state,
      })
      own.add(session)
      if (negotiated === 'TLSv1.2') this.#kept12 = session
      this.#fresh.push(session)
      if (this.#fresh.length > mostFresh) this.#fresh.shift()
      callApplication(backendName, 'sessions.put', () => cache.put(this.#binding, session))
    }
  }

  /** The connection has failed. */
  failed(): void {
    for (const session of [this.#offered, this.#kept12])
      if (session !== undefined) forgetFailed(this.#sessions.cache, session)
  }

  take(): readonly Session[] {
    const sessions = this.#fresh
    this.#fresh = []
    return sessions
  }
}

/** RFC 9846, Section 4.6.1: seven days at most, whatever the server says. A server of TLS 1.2 may leave it open. */
function lifetimeOf({ native }: Library, session: Pointer): number {
  const hint = native.SSL_SESSION_get_ticket_lifetime_hint(session)
  const isOpen = hint === 0 && versionOf(native.SSL_SESSION_get_protocol_version(session)) === 'TLSv1.2'
  return Math.min(isOpen ? native.SSL_SESSION_get_timeout(session) : hint, longestTicketSeconds)
}

/** What nobody takes: the newest are kept for whoever asks later, since a server sends as many as it likes. */
const mostFresh = 16
