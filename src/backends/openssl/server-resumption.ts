import { callApplication } from '../../channel/application-call.ts'
import { forgetFailedEntry } from '../../channel/failed-sessions.ts'
import { MemorySessionStore } from '../../channel/memory-session-store.ts'
import type { GetSessionRequest } from '../../channel/pause.ts'
import { authenticatedUntil } from '../../channel/session-lifetime.ts'
import { ByteReader } from '../../codec/byte-reader.ts'
import { ByteWriter } from '../../codec/byte-writer.ts'
import { DecodeError } from '../../codec/decode-error.ts'
import { TicketStatus, TicketUse } from './constants.ts'
import { decodeDER, encodeDER } from './der.ts'
import { readPeerChain, versionOf } from './facts.ts'
import { endPointOf } from './key-material.ts'
import type { ProvenIdentity } from './late-requests.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import type { ServerSessions } from './server-sessions.ts'
import { setSessionAge } from './session-age.ts'
import { decodeRecord, encodeRecord, type SessionRecord } from './session-record.ts'
import { endOfCertificate } from './stored-chain.ts'
import type { TicketMaterial } from './ticket-sealing.ts'

/** Who the client of this connection is: an `Engine` knows it. */
export interface ClientStanding {
  /** Whether its chain was verified in the handshake. */
  readonly verification: { readonly chainVerified: boolean }
  /** Whom it has proved to be since. */
  readonly late: { identityNow(ssl: Pointer): ProvenIdentity | undefined } | undefined
}

/** One connection's part in resumption, on a server: what OpenSSL asks about tickets and sessions. */
export class ServerResumption {
  readonly #sessions: ServerSessions
  readonly #library: Library
  readonly #client: ClientStanding
  #resuming: SessionRecord | undefined
  /** What a store has answered: OpenSSL asks again after a HelloRetryRequest. */
  readonly #fetched: Map<string, Uint8Array | undefined> | undefined
  /** A question that the driver has to put before OpenSSL can go on. */
  #question: GetSessionRequest | undefined
  /** The number of the session of TLS 1.2 that this connection began, or has gone on with. */
  #entry: Uint8Array | undefined

  constructor(sessions: ServerSessions, client: ClientStanding) {
    this.#sessions = sessions
    this.#library = sessions.library
    this.#client = client
    this.#fetched = sessions.store && new Map()
  }

  /** What is known of the session that is being resumed, where one is. */
  get resuming(): SessionRecord | undefined {
    return this.#resuming
  }

  /** Of the session that is being resumed: see `SessionRecord`. */
  get endPoint(): Uint8Array | undefined {
    const { endPoint } = this.#resuming ?? {}
    return endPoint === undefined || endPoint.byteLength === 0 ? undefined : endPoint.slice()
  }

  /** Another kind of key was found, or the handshake begins anew. */
  forget(): void {
    this.#resuming = undefined
  }

  get ageMilliseconds(): number {
    return this.#resuming === undefined ? 0 : this.#sessions.now() - this.#resuming.issuedAtMilliseconds
  }

  get hasQuestion(): boolean {
    return this.#question !== undefined
  }

  takeQuestion(): GetSessionRequest | undefined {
    const question = this.#question
    this.#question = undefined
    return question
  }

  answer(id: Uint8Array, stored: Uint8Array | undefined): void {
    // A copy: what the store has given is its own memory.
    this.#fetched?.set(keyOf(id), stored && new Uint8Array(stored))
  }

  /** The client has proved that it has the session that it goes on with. */
  established(ssl: Pointer): void {
    const { native } = this.#library
    if (this.#sessions.store === undefined || isTLS13(this.#library, ssl) || native.SSL_session_reused(ssl) !== 1)
      return
    this.#entry = this.#idOf(native.SSL_get_session(ssl) as Pointer)
  }

  /** The connection has failed. */
  failed(): void {
    if (this.#entry !== undefined) forgetFailedEntry(this.#sessions.store, this.#entry)
  }

  // ── tickets that hold everything ──

  ticketKey(material: TicketMaterial, isSealing: boolean): number {
    const { sealing } = this.#sessions
    if (sealing === undefined) return -1
    return isSealing ? sealing.seal(material) : sealing.open(material)
  }

  /** Before a ticket is sealed: puts in what OpenSSL would forget. */
  generateTicket(ssl: Pointer): number {
    const { native } = this.#library
    const session = native.SSL_get_session(ssl)
    const record = encodeRecord(this.#record(ssl)) ?? empty
    return native.SSL_SESSION_set1_ticket_appdata(session, record, record.byteLength)
  }

  /** After OpenSSL has opened a ticket, or has not. */
  decryptTicket(ssl: Pointer, session: Pointer, status: number): number {
    switch (status) {
      case TicketStatus.SUCCESS:
      case TicketStatus.SUCCESS_RENEW:
        break
      case TicketStatus.EMPTY:
      case TicketStatus.NO_DECRYPT:
        return TicketUse.IGNORE_RENEW
      case TicketStatus.NONE:
        return TicketUse.IGNORE
      default:
        return TicketUse.ABORT
    }
    const record = this.#fitting(ssl, decodeRecord(this.#applicationData(session)))
    if (record === undefined) return TicketUse.IGNORE_RENEW
    this.#resume(session, record)
    // Tickets of TLS 1.3 are used once, so the client needs another.
    const isDue = status === TicketStatus.SUCCESS_RENEW || isTLS13(this.#library, ssl)
    return isDue ? TicketUse.USE_RENEW : TicketUse.USE
  }

  // ── numbers of entries in a store ──

  newSession(ssl: Pointer, session: Pointer): void {
    const { native } = this.#library
    const { store, backendName, lifetimeSeconds, now } = this.#sessions
    const record = encodeRecord(this.#record(ssl))
    if (store === undefined || record === undefined) return
    const state = encodeDER(this.#library, session, native.i2d_SSL_SESSION)
    const entry = new ByteWriter(record.byteLength + state.byteLength + 8).vector24(record).vector24(state).finish()
    const id = this.#idOf(session)
    const end = now() + lifetimeSeconds * 1000
    callApplication(backendName, 'sessions.store.put', () => store.put(id, entry.slice(), end))
    if (!isTLS13(this.#library, ssl)) this.#entry = id
  }

  /** The session of this number, for OpenSSL to own; `null` for none, also while the store has yet to be asked. */
  getSession(ssl: Pointer, id: Uint8Array, mayAsk: boolean): Pointer | null {
    const { store } = this.#sessions
    const key = keyOf(id)
    const fetched = this.#fetched
    if (store === undefined || fetched === undefined || this.#question !== undefined) return null
    if (!fetched.has(key)) {
      const once = isTLS13(this.#library, ssl)
      if (fetched.size >= mostLookups) return null
      if (!(store instanceof MemorySessionStore)) {
        if (!mayAsk) return null
        this.#question = { kind: 'get-session', store, id, once }
        return null
      }
      fetched.set(key, store.get(id, { once }))
    }
    const entry = fetched.get(key)
    const [record, state] = entry === undefined ? [] : readEntry(entry)
    const fitting = record && this.#fitting(ssl, decodeRecord(record))
    if (fitting === undefined || state === undefined) return null
    const session = decodeDER(this.#library, state, 'session')
    this.#library.native.ERR_clear_error()
    if (session !== null) this.#resume(session, fitting)
    return session
  }

  // ── what is remembered ──

  #record(ssl: Pointer): SessionRecord {
    const { now } = this.#sessions
    const resumed = this.#resuming
    const { native } = this.#library
    const isResumed = resumed !== undefined && native.SSL_session_reused(ssl) === 1
    const proven = this.#client.late?.identityNow(ssl)
    if (isResumed && proven === undefined) return { ...resumed, issuedAtMilliseconds: now() }
    const serverName = native.SSL_get_servername(ssl, 0)?.toLowerCase() ?? undefined
    const peerChain = proven?.peerChain ?? readPeerChain(this.#library, ssl, true)
    const [leaf] = peerChain
    const issuedAtMilliseconds = now()
    return {
      issuedAtMilliseconds,
      authenticatedUntilMilliseconds: authenticatedUntil(
        issuedAtMilliseconds,
        leaf && endOfCertificate(this.#library, leaf),
      ),
      serverName,
      verified: proven?.verified ?? this.#client.verification.chainVerified,
      endPoint: isResumed ? resumed.endPoint : (endPointOf(this.#library, native.SSL_get_certificate(ssl)) ?? empty),
      peerChain,
    }
  }

  #resume(session: Pointer, record: SessionRecord): void {
    this.#resuming = record
    if (this.#sessions.hasOwnClock) setSessionAge(this.#library, session, this.ageMilliseconds)
  }

  /** The record, if the session is for this name and has not ended. */
  #fitting(ssl: Pointer, record: SessionRecord | undefined): SessionRecord | undefined {
    if (record === undefined) return undefined
    const { now, lifetimeSeconds } = this.#sessions
    const age = now() - record.issuedAtMilliseconds
    const isFitting =
      age >= 0 &&
      age < lifetimeSeconds * 1000 &&
      now() < record.authenticatedUntilMilliseconds &&
      record.serverName === readServerName(this.#library, ssl)
    return isFitting ? record : undefined
  }

  #applicationData(session: Pointer): Uint8Array {
    const { native, pointerOut, lengthOut } = this.#library
    if (native.SSL_SESSION_get0_ticket_appdata(session, pointerOut, lengthOut) !== 1) return empty
    return this.#library.peek(pointerOut[0] ?? null, Number(lengthOut[0] ?? 0n))
  }

  #idOf(session: Pointer): Uint8Array {
    const length = new Uint32Array(1)
    const id = this.#library.native.SSL_SESSION_get_id(session, length)
    return this.#library.copy(id, length[0] ?? 0)
  }
}

/** The name in the ClientHello: OpenSSL looks at tickets before it looks at that. RFC 6066, Section 3. */
function readServerName(library: Library, ssl: Pointer): string | undefined {
  const { native, pointerOut, lengthOut } = library
  if (native.SSL_client_hello_get0_ext(ssl, serverNameExtension, pointerOut, lengthOut) !== 1) return undefined
  try {
    const list = new ByteReader(
      library.peek(pointerOut[0] ?? null, Number(lengthOut[0] ?? 0n)),
      'server_name',
    ).reader16()
    list.u8('name_type')
    return Buffer.from(list.vector16('host_name')).toString('latin1').toLowerCase() || undefined
  } catch (thrown) {
    // OpenSSL will refuse it.
    if (thrown instanceof DecodeError) return undefined
    throw thrown
  }
}

function readEntry(entry: Uint8Array): readonly [Uint8Array, Uint8Array] | [] {
  try {
    const r = new ByteReader(entry, 'stored session')
    const record = r.vector24('record')
    const state = r.vector24('state')
    r.end()
    return [record, state]
  } catch (thrown) {
    if (thrown instanceof DecodeError) return []
    throw thrown
  }
}

function isTLS13({ native }: Library, ssl: Pointer): boolean {
  return versionOf(native.SSL_version(ssl)) === 'TLSv1.3'
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id).toString('latin1')
}

const serverNameExtension = 0

/** How many sessions one client is looked up for. */
const mostLookups = 4

const empty: Uint8Array = new Uint8Array(0)
