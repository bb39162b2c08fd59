import type { ClientBufferOptions } from '../../channel/context.ts'
import type { EarlyDataOutcome } from '../../channel/early-data.ts'
import type { PauseAnswer, PauseRequest } from '../../channel/pause.ts'
import type { PreSharedKey } from '../../config/pre-shared-key.ts'
import type { Session } from '../../config/session.ts'
import { ClientResumption } from './client-sessions.ts'
import { EarlyDataStatus } from './constants.ts'
import { ServerEarlyData } from './early-data.ts'
import type { Engine } from './engine.ts'
import type { SessionFacts } from './facts.ts'
import type { Library } from './library.ts'
import { fitsHash, ServerPreSharedKeys, sessionOfKey } from './pre-shared-keys.ts'
import type { PreparedContext } from './prepared-context.ts'
import type { Pointer } from './prototypes.ts'
import { ServerResumption } from './server-resumption.ts'
import type { SessionListener } from './session-callbacks.ts'
import type { TicketMaterial } from './ticket-sealing.ts'

/** What the connection goes on from. */
export type Foundation =
  | { readonly kind: 'certificates' }
  | { readonly kind: 'session'; readonly peerChain: readonly Uint8Array[]; readonly verified: boolean }
  | { readonly kind: 'pre-shared-key'; readonly key: PreSharedKey }

/** Everything about one connection that has to do with sessions, early data and pre-shared keys. */
export class ConnectionSessions implements SessionListener {
  readonly client: ClientResumption | undefined
  readonly server: ServerResumption | undefined
  readonly earlyData: ServerEarlyData | undefined
  readonly #keys: ServerPreSharedKeys | undefined
  readonly #library: Library
  readonly #prepared: PreparedContext
  readonly #engine: Engine
  /** What the client says early, if the session allows it. */
  readonly #toSend: Uint8Array | undefined
  #offeredKey: PreSharedKey | undefined
  /** OpenSSL can be made to begin anew with an answer only as long as the client has heard nothing. */
  #mayAsk: boolean
  #foundation: Foundation = { kind: 'certificates' }

  constructor(engine: Engine, options: ClientBufferOptions) {
    const { prepared, library, serverName } = engine
    const { clientSessions, serverSessions, earlyDataRules, findsPreSharedKeys } = prepared
    this.#engine = engine
    this.#prepared = prepared
    this.#library = library
    this.#toSend = options.earlyData?.byteLength ? options.earlyData : undefined
    this.client = clientSessions && new ClientResumption(clientSessions, serverName, options)
    this.server = serverSessions && new ServerResumption(serverSessions, engine)
    this.earlyData = earlyDataRules && new ServerEarlyData(library, earlyDataRules)
    this.#keys = findsPreSharedKeys ? new ServerPreSharedKeys(library) : undefined
    this.#mayAsk = prepared.mayAskDuringHello
  }

  // ── around the handshake ──

  /** What the driver has to be asked before the client's first byte. */
  openingQuestion(): PauseRequest | undefined {
    return this.client?.openingQuestion()
  }

  /** The client's session is offered; answers what it may say with it at once. */
  offer(ssl: Pointer): Uint8Array | undefined {
    this.client?.offer({ ssl, context: this.#prepared.first })
    return this.#toSend !== undefined && this.client?.allowsEarlyData(this.#toSend.byteLength)
      ? this.#toSend
      : undefined
  }

  /** The server has answered: from now on nothing is asked any more. */
  settle(): void {
    this.#mayAsk = false
  }

  get hasQuestion(): boolean {
    return this.#keys?.hasQuestion || this.server?.hasQuestion || this.earlyData?.hasQuestion || false
  }

  /** What OpenSSL asked and could not wait for. */
  takeQuestion(): PauseRequest | undefined {
    return this.#keys?.takeQuestion() ?? this.server?.takeQuestion() ?? this.earlyData?.takeQuestion()
  }

  /** Answers one of these requests. @throws ConfigurationError for what OpenSSL cannot use. */
  answer(request: PauseRequest, answer: PauseAnswer): void {
    switch (request.kind) {
      case 'take-session':
        this.client?.answer(answer as Session | undefined)
        break
      case 'get-session':
        this.server?.answer(request.id, answer as Uint8Array | undefined)
        break
      case 'admit-early-data':
        this.earlyData?.answer(answer as boolean)
        break
      case 'find-pre-shared-key':
        this.#keys?.answer(request.identity, answer as PreSharedKey | undefined)
        break
    }
  }

  /** OpenSSL begins anew, on another SSL, with what was answered so far. */
  startOver(ssl: Pointer): void {
    this.server?.forget()
    this.#keys?.forget()
    const hash = this.#keys?.hash
    if (hash !== undefined) this.#prepared.preferHash(ssl, hash)
  }

  /** OpenSSL's handshake is over: what it stands on. */
  established(ssl: Pointer): Foundation {
    this.server?.established(ssl)
    this.#foundation = this.#readFoundation(ssl)
    return this.#foundation
  }

  /** The connection has failed. */
  failed(): void {
    this.client?.failed()
    this.server?.failed()
  }

  get foundation(): Foundation {
    return this.#foundation
  }

  #readFoundation(ssl: Pointer): Foundation {
    const { native } = this.#library
    if (native.SSL_session_reused(ssl) !== 1) return { kind: 'certificates' }
    const session = native.SSL_get_session(ssl)
    const key = this.#keys?.used ?? this.#offeredKey
    if (key !== undefined && !this.#isTicket(session)) return { kind: 'pre-shared-key', key }
    this.client?.resumed(session)
    const { offered, offeredVerified = false } = this.client ?? {}
    const { peerChain, verified } = this.server?.resuming ?? {
      peerChain: offered?.peerChain ?? [],
      verified: offeredVerified,
    }
    return { kind: 'session', peerChain, verified }
  }

  /** A key that was had before is a session without a ticket. */
  #isTicket(session: Pointer | null): boolean {
    if (this.client === undefined) return this.server?.resuming !== undefined
    return session !== null && this.#library.native.SSL_SESSION_has_ticket(session) === 1
  }

  /** What it adds to what was agreed. */
  facts(ssl: Pointer): SessionFacts {
    const foundation = this.#foundation
    return {
      earlyData: this.#earlyDataOutcome(ssl),
      preSharedKeyIdentity: foundation.kind === 'pre-shared-key' ? foundation.key.identity : undefined,
      resumed:
        foundation.kind === 'session'
          ? { peerChain: foundation.peerChain, ageMilliseconds: (this.client ?? this.server)?.ageMilliseconds }
          : undefined,
    }
  }

  #earlyDataOutcome(ssl: Pointer): EarlyDataOutcome | undefined {
    if (this.client !== undefined && this.#toSend === undefined) return undefined
    const status = this.#library.native.SSL_get_early_data_status(ssl)
    if (status === EarlyDataStatus.ACCEPTED) return 'accepted'
    if (status === EarlyDataStatus.REJECTED) return 'rejected'
    return this.#toSend === undefined ? undefined : 'not-sent'
  }

  // ── what OpenSSL asks and tells ──

  newSession(session: Pointer): void {
    if (this.client !== undefined) this.client.arrived(session)
    else this.server?.newSession(this.#engine.live(), session)
  }

  getSession(id: Uint8Array): Pointer | null {
    const found = this.server?.getSession(this.#engine.live(), id, this.#mayAsk) ?? null
    if (found !== null) this.#keys?.forget()
    return found
  }

  ticketKey(material: TicketMaterial, isSealing: boolean): number {
    return this.server?.ticketKey(material, isSealing) ?? -1
  }

  generateTicket(): number {
    return this.server?.generateTicket(this.#engine.live()) ?? 1
  }

  decryptTicket(session: Pointer, status: number): number {
    return this.server?.decryptTicket(this.#engine.live(), session, status) ?? 1
  }

  allowEarlyData(): number {
    return this.earlyData?.allow(this.#engine.live(), this.#mayAsk) ? 1 : 0
  }

  usePreSharedKey(hash: Pointer | null): { readonly identity: Uint8Array; readonly session: Pointer } | null {
    const key = this.#prepared.preSharedKey
    if (key === undefined || !fitsHash(this.#library, key, hash)) return null
    const session = sessionOfKey(this.#library, this.#engine.live(), key)
    if (session === null) return null
    this.#offeredKey = key
    return { identity: key.identity, session }
  }

  findPreSharedKey(identity: Uint8Array): Pointer | null | 'unknown yet' {
    // OpenSSL asks about tickets, too.
    if (this.#keys === undefined || this.#prepared.serverSessions?.sealing?.isTicket(identity)) return null
    const found = this.#keys.find(this.#engine.live(), identity, this.#mayAsk)
    if (typeof found !== 'bigint') return found
    this.server?.forget()
    // Who has the key needs no ticket.
    this.#library.native.SSL_set_num_tickets(this.#engine.live(), 0)
    return found
  }
}
