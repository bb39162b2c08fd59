import { createHash } from 'node:crypto'
import { MemorySessionStore } from '../../channel/memory-session-store.ts'
import { RotatingTicketKeys } from '../../channel/rotating-ticket-keys.ts'
import type { TLSServerConfiguration } from '../../config/server-configuration.ts'
import type { SessionStore } from '../../config/server-sessions.ts'
import { Ctrl, Option, SessionCacheMode } from './constants.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { TicketSealing } from './ticket-sealing.ts'

export interface ServerSessionsOptions {
  readonly library: Library
  readonly backendName: string
  readonly configuration: TLSServerConfiguration
  readonly now: () => number
  /** The context has been given a clock, which need not be the machine's. */
  readonly hasOwnClock: boolean
  /** What a client has to have been verified by, as a digest: a session that began under other rules is not resumed. */
  readonly acceptance: string
}

/** How a server's context lets clients resume: tickets that hold everything, or numbers of entries in a store. */
export class ServerSessions {
  readonly library: Library
  readonly backendName: string
  readonly now: () => number
  readonly hasOwnClock: boolean
  readonly lifetimeSeconds: number
  readonly ticketsPerConnection: number
  /** Where tickets hold everything. */
  readonly sealing: TicketSealing | undefined
  /** Where they are numbers. */
  readonly store: SessionStore | undefined
  readonly #sessionIdContext: Buffer
  /** A veto comes after OpenSSL's own end of the handshake, and whom it refuses is to have no ticket: then we send them ourselves. */
  readonly sendsTicketsLate: boolean

  /** @throws ConfigurationError where the application's keys cannot be used. */
  constructor({ library, backendName, configuration, now, hasOwnClock, acceptance }: ServerSessionsOptions) {
    const { sessions = { kind: 'stateless' } } = configuration
    if (sessions === 'none') throw new Error('sessions are off')
    this.library = library
    this.backendName = backendName
    this.now = now
    this.hasOwnClock = hasOwnClock
    this.lifetimeSeconds = sessions.lifetimeSeconds ?? defaultLifetimeSeconds
    this.ticketsPerConnection = sessions.ticketsPerConnection ?? defaultTickets
    this.sendsTicketsLate = configuration.verifyPeer !== undefined
    this.#sessionIdContext = createHash('sha256').update(acceptance).digest()
    if (sessions.kind === 'stateful') this.store = sessions.store ?? new MemorySessionStore({ now })
    else {
      const random = (length: number): Uint8Array => library.random(length)
      const { lifetimeSeconds } = this
      const keys = sessions.ticketKeys ?? new RotatingTicketKeys({ random, now, lifetimeSeconds })
      this.sealing = new TicketSealing(library, keys, backendName)
    }
  }

  install(context: Pointer): void {
    const { native, callbacks } = this.library
    const { sessions } = callbacks
    native.SSL_CTX_set_timeout(context, this.lifetimeSeconds)
    native.SSL_CTX_set_session_id_context(context, this.#sessionIdContext, this.#sessionIdContext.byteLength)
    native.SSL_CTX_set_num_tickets(context, this.sendsTicketsLate ? 0 : this.ticketsPerConnection)
    if (this.store === undefined) {
      native.SSL_CTX_ctrl(context, Ctrl.SET_SESS_CACHE_MODE, SessionCacheMode.OFF, null)
      native.SSL_CTX_set_tlsext_ticket_key_evp_cb(context, sessions.ticketKey)
      native.SSL_CTX_set_session_ticket_cb(context, sessions.generateTicket, sessions.decryptTicket, null)
    } else {
      native.SSL_CTX_ctrl(
        context,
        Ctrl.SET_SESS_CACHE_MODE,
        SessionCacheMode.SERVER | SessionCacheMode.NO_INTERNAL,
        null,
      )
      native.SSL_CTX_set_options(context, Option.NO_TICKET)
      native.SSL_CTX_sess_set_new_cb(context, sessions.newSession)
      native.SSL_CTX_sess_set_get_cb(context, sessions.getSession)
    }
  }
}

/** Two hours. */
const defaultLifetimeSeconds = 7_200
const defaultTickets = 2
