import { callApplication } from '../../channel/application-call.ts'
import { forgetFailedEntry } from '../../channel/failed-sessions.ts'
import { MemoryReplayGuard } from '../../channel/memory-replay-guard.ts'
import { MemorySessionStore } from '../../channel/memory-session-store.ts'
import { RotatingTicketKeys } from '../../channel/rotating-ticket-keys.ts'
import { authenticatedUntil } from '../../channel/session-lifetime.ts'
import type { ReplayGuard } from '../../config/replay-guard.ts'
import type { TLSServerConfiguration } from '../../config/server-configuration.ts'
import type { SessionStore } from '../../config/server-sessions.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import { equalPublicBytes } from '../../crypto/bytes.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { endOf } from './client-sessions.ts'
import { decodeServerSession, encodeServerSession, type ServerSession } from './server-session.ts'
import { TicketSealer } from './ticket-sealer.ts'

export interface ServerSessionsOptions {
  readonly configuration: TLSServerConfiguration
  readonly crypto: CryptoProvider
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** What makes a client acceptable here: a session of another kind of context does not resume. */
  readonly binding: Uint8Array
}

/** The sessions of a server's context: how they are handed out, and for what each is good. */
export class ServerSessions {
  readonly ticketsPerConnection: number
  readonly lifetimeSeconds: number
  readonly maxEarlyDataBytes: number
  readonly replayGuard: ReplayGuard
  /** `undefined` where tickets hold everything. */
  readonly store: SessionStore | undefined
  readonly now: () => number
  readonly #sealer: TicketSealer | undefined
  readonly #crypto: CryptoProvider
  readonly #binding: Uint8Array

  constructor({ configuration, crypto, now, binding }: ServerSessionsOptions) {
    const { sessions = { kind: 'stateless' }, maxEarlyDataBytes = 0, replayGuard } = configuration
    if (sessions === 'none') throw new RangeError('there are no sessions to keep')
    this.ticketsPerConnection = sessions.ticketsPerConnection ?? 2
    this.lifetimeSeconds = sessions.lifetimeSeconds ?? 7200
    this.maxEarlyDataBytes = maxEarlyDataBytes
    this.replayGuard = replayGuard ?? new MemoryReplayGuard({ now })
    this.now = now
    this.#crypto = crypto
    this.#binding = binding
    if (sessions.kind === 'stateful') this.store = sessions.store ?? new MemorySessionStore({ now })
    else {
      const random = (length: number): Uint8Array => crypto.randomSecret(length)
      const { lifetimeSeconds } = this
      const keys = sessions.ticketKeys ?? new RotatingTicketKeys({ random, now, lifetimeSeconds })
      this.#sealer = new TicketSealer(crypto, keys)
    }
  }

  /** Whether the bytes are a ticket of ours, by the name of its key. */
  isTicket(bytes: Uint8Array): boolean {
    return this.#sealer?.isTicket(bytes) ?? bytes.length === idLength
  }

  /** The session in a ticket that holds everything; `undefined` for one that cannot be opened. */
  open(ticket: Uint8Array): ServerSession | undefined {
    const opened = this.#sealer?.open(ticket)
    return opened && decodeServerSession(opened)
  }

  /** A ticket in the place of one whose key will soon be gone; `undefined` where that one will do. */
  renew(ticket: Uint8Array, session: ServerSession): Uint8Array | undefined {
    return this.#sealer?.isCurrent(ticket) === false ? this.issue(session) : undefined
  }

  /** A session as the store has kept it. */
  read(stored: Uint8Array): ServerSession | undefined {
    return decodeServerSession(stored)
  }

  /** What a client is to show for this session: a ticket, or the number of an entry; `undefined` where it is too much for either. */
  issue(session: ServerSession): Uint8Array | undefined {
    const bytes = encodeServerSession(session)
    if (bytes === undefined) return undefined
    if (this.#sealer !== undefined) return this.#sealer.seal(bytes)
    const id = this.newId()
    this.#put(id, bytes, session)
    return id
  }

  /** A number for an entry that is to come. */
  newId(): Uint8Array {
    return this.#crypto.random(idLength)
  }

  /** Keeps a session under a number that the client knows already, where it is not too much: TLS 1.2. */
  keep(id: Uint8Array, session: ServerSession): void {
    const bytes = encodeServerSession(session)
    if (bytes !== undefined) this.#put(id, bytes, session)
  }

  #put(id: Uint8Array, bytes: Uint8Array, { issuedAtMilliseconds }: ServerSession): void {
    const end = issuedAtMilliseconds + 1000 * this.lifetimeSeconds
    callApplication('portable', 'sessions.store.put', () => this.store?.put(id, bytes, end))
  }

  /** Only once the client has proved that it has the session. */
  forgetFailed(id: Uint8Array): void {
    forgetFailedEntry(this.store, id)
  }

  /** A new session's part that does not depend on the connection. */
  stamp(): Pick<ServerSession, 'issuedAtMilliseconds' | 'binding'> {
    return { issuedAtMilliseconds: this.now(), binding: this.#binding }
  }

  /** For how long what a full handshake has shown holds. */
  authenticate([leaf]: readonly Uint8Array[]): Pick<ServerSession, 'authenticatedUntilMilliseconds'> {
    return { authenticatedUntilMilliseconds: authenticatedUntil(this.now(), leaf && endOf(leaf)) }
  }

  /** Whether a session may be resumed here and now, under this name. */
  isFitting(session: ServerSession, version: NegotiatedVersion, serverName: string | undefined): boolean {
    const now = this.now()
    const age = now - session.issuedAtMilliseconds
    return (
      session.version === version &&
      age >= 0 &&
      age < 1000 * this.lifetimeSeconds &&
      now < session.authenticatedUntilMilliseconds &&
      session.serverName === serverName &&
      equalPublicBytes(session.binding, this.#binding)
    )
  }
}

/** Of the numbers of entries, in bytes: also what a session id of TLS 1.2 can have. */
const idLength = 32
