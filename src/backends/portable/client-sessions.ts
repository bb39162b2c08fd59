import { callApplication } from '../../channel/application-call.ts'
import { forgetFailed } from '../../channel/failed-sessions.ts'
import { longestSessionStateBytes } from '../../channel/limits.ts'
import { MemorySessionCache } from '../../channel/memory-session-cache.ts'
import { nameText, type ServerName } from '../../channel/server-name.ts'
import { isOfferable, sessionBindingOf } from '../../channel/session-binding.ts'
import { authenticatedUntil, longestTicketSeconds } from '../../channel/session-lifetime.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import { Session, type SessionContent, stateOf } from '../../config/session.ts'
import type { SessionCache } from '../../config/session-cache.ts'
import { hexOfBytes } from '../../crypto/bytes.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { CertificateError } from '../../errors.ts'
import { decodeCertificate } from '../../x509/certificate.ts'
import type { PeerVerifier } from './peer-verification.ts'
import { decodeSessionState, type SessionState } from './session-state.ts'

export interface ClientSessionsOptions {
  readonly backendName: string
  readonly configuration: TLSClientConfiguration
  readonly crypto: CryptoProvider
  readonly verifier: PeerVerifier
  /** What the client shows of itself, DER. */
  readonly ownCertificate?: Uint8Array | undefined
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** A session that can be offered now. Made only by {@link ClientSessions.judge}. */
export interface OfferableSession {
  readonly session: Session
  readonly state: SessionState
  readonly ageMilliseconds: number
  /** Whether the server was verified: when the session began, or now. */
  readonly verified: boolean
}

/** The sessions of a client's context: where they are kept, and for what each is good. */
export class ClientSessions {
  /** `undefined` where none is kept. */
  readonly cache: SessionCache | undefined
  readonly #options: ClientSessionsOptions
  /** Those that came in this context: what was verified then holds as it is. */
  readonly #own = new WeakSet<Session>()
  /** By server name and service: to digest a configuration takes time where its trust store is long. */
  readonly #bindings = new Map<string, string>()

  constructor(options: ClientSessionsOptions) {
    const { sessions } = options.configuration
    this.#options = options
    this.cache = sessions === 'none' ? undefined : (sessions ?? new MemorySessionCache())
  }

  /** What a session has to have to be offered to this service of this server; the key of caches. */
  bindingFor(serverName: ServerName | undefined, service: string | undefined): string {
    const name = nameText(serverName)
    const id = JSON.stringify([name, service])
    let binding = this.#bindings.get(id)
    if (binding === undefined) {
      binding = this.#digest(name, service)
      if (this.#bindings.size >= mostBindings) this.#bindings.clear()
      this.#bindings.set(id, binding)
    }
    return binding
  }

  /**
   * The session, if it can be offered now for this purpose. One that did not come in this context has to have a chain that is accepted
   * here and now.
   */
  judge(session: Session, binding: string, serverName: ServerName | undefined): OfferableSession | undefined {
    const { backendName, now } = this.#options
    const nowMilliseconds = now()
    if (!isOfferable(session, { backend: backendName, binding, nowMilliseconds })) return undefined
    const state = decodeSessionState(stateOf(session))
    if (state?.version !== session.version) return undefined
    const verified = this.#own.has(session) ? session.verified : this.#verifyAgain(session, serverName)
    if (verified === undefined) return undefined
    return { session, state, ageMilliseconds: nowMilliseconds - session.receivedAtMilliseconds, verified }
  }

  /** Makes a session of what came, and keeps it; `undefined` where it is of no use. `origin` is what the connection resumed. */
  keep(
    content: Omit<
      SessionContent,
      'backend' | 'receivedAtMilliseconds' | 'expiresAtMilliseconds' | 'authenticatedUntilMilliseconds'
    >,
    lifetimeSeconds: number,
    origin?: Pick<Session, 'authenticatedUntilMilliseconds'>,
  ): Session | undefined {
    const { backendName, now } = this.#options
    const [leaf] = content.peerChain
    // Without a certificate there is nothing that another context could verify: an external key is offered by itself each time.
    if (this.cache === undefined || leaf === undefined) return undefined
    if (content.state.byteLength > longestSessionStateBytes) return undefined
    const receivedAtMilliseconds = now()
    const authenticatedUntilMilliseconds =
      origin?.authenticatedUntilMilliseconds ?? authenticatedUntil(receivedAtMilliseconds, endOf(leaf))
    const end = receivedAtMilliseconds + 1000 * Math.min(lifetimeSeconds, longestTicketSeconds)
    const expiresAtMilliseconds = Math.min(end, authenticatedUntilMilliseconds)
    if (expiresAtMilliseconds <= receivedAtMilliseconds) return undefined
    const times = { receivedAtMilliseconds, expiresAtMilliseconds, authenticatedUntilMilliseconds }
    const session = new Session({ ...content, ...times, backend: backendName })
    this.#own.add(session)
    const { cache } = this
    callApplication(backendName, 'sessions.put', () => cache.put(session.binding, session))
    return session
  }

  forgetFailed(session: Session): void {
    forgetFailed(this.cache, session)
  }

  #digest(serverName: string | undefined, service: string | undefined): string {
    const { backendName, configuration, crypto, ownCertificate } = this.#options
    const purpose = { backend: backendName, serverName, service, ownCertificate }
    const { text, isProcessBound } = sessionBindingOf(configuration, purpose)
    const bound = isProcessBound ? [secretOfThisProcess(crypto)] : []
    return hexOfBytes(crypto.digest('sha256', new TextEncoder().encode(text), ...bound))
  }

  #verifyAgain({ peerChain }: Session, serverName: ServerName | undefined): boolean | undefined {
    try {
      return this.#options.verifier.vouch(peerChain, serverName).path !== undefined
    } catch (thrown) {
      if (thrown instanceof CertificateError) return undefined
      throw thrown
    }
  }
}

/** When a certificate ends, in milliseconds since 1970. */
export function endOf(certificate: Uint8Array): number {
  return decodeCertificate(certificate).notAfter.seconds * 1000
}

/** What no other process has, for bindings to things that have no meaning elsewhere. */
function secretOfThisProcess(crypto: CryptoProvider): Uint8Array {
  processSecret ??= crypto.randomSecret(32)
  return processSecret
}
let processSecret: Uint8Array | undefined

const mostBindings = 1000
