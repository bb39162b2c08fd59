import { earlyRecordBytes } from '../../channel/limits.ts'
import type { Waiting } from '../../channel/tls-buffer.ts'
import type { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { ReadEarlyData } from './constants.ts'
import type { Engine } from './engine.ts'
import { versionOf } from './facts.ts'
import { type QueuedError, takeErrors } from './fault.ts'
import { scratch } from './library.ts'

/** A handshake in its order: what comes before OpenSSL's own, that one, and what comes behind it. */
export class Handshake {
  readonly #engine: Engine
  #hasAsked = false
  #hasOffered = false
  /** What OpenSSL found amiss behind early data. */
  #noted: readonly QueuedError[] = []
  /** OpenSSL's own handshake is over. */
  #isNegotiated = false

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** `undefined` when all of it is done. */
  advance(): Waiting | undefined {
    if (!this.#isNegotiated) {
      const waiting = this.#begin() ?? this.#receiveEarlyData() ?? this.#negotiate()
      if (waiting !== undefined) return waiting
    }
    if (this.#engine.verification.refusal !== undefined) return refuseLate(this.#engine)
    this.#engine.isOpen = true
    this.#sendTicketsLate()
    return undefined
  }

  /** A client's session, and what it says before the server has answered. */
  #begin(): Waiting | undefined {
    const engine = this.#engine
    const { sessions, library } = engine
    engine.startOver()
    if (engine.isServer) return undefined
    if (!this.#hasAsked) {
      this.#hasAsked = true
      engine.pause = sessions.openingQuestion()
      if (engine.pause !== undefined) return 'paused'
    }
    if (this.#hasOffered) return undefined
    this.#hasOffered = true
    const ssl = engine.live()
    const early = sessions.offer(ssl)
    if (early === undefined) return undefined
    const written = new BigUint64Array(1)
    for (let at = 0; at < early.byteLength; at += earlyRecordBytes) {
      const record = early.subarray(at, at + earlyRecordBytes)
      const result = engine.step(() => library.native.SSL_write_early_data(ssl, record, record.byteLength, written))
      if (typeof result === 'string') return result
    }
    return undefined
  }

  /** A server's early data comes before everything else; where there is none, this is the ClientHello's way. */
  #receiveEarlyData(): Waiting | undefined {
    const engine = this.#engine
    const { earlyData } = engine.sessions
    const { native, scratchAddress } = engine.library
    while (earlyData !== undefined && !earlyData.isOver) {
      const ssl = engine.live()
      const length = new BigUint64Array(1)
      const result = engine.step(() => native.SSL_read_early_data(ssl, scratchAddress, scratch.byteLength, length))
      if (typeof result === 'string') return result
      earlyData.came(Buffer.from(scratch.subarray(0, Number(length[0]))))
      if (result !== ReadEarlyData.FINISH) continue
      earlyData.end()
      // It has read on behind EndOfEarlyData, and says that the early data is over also where that failed; afterwards it only says that
      // it did.
      this.#noted = takeErrors(native)
    }
    return undefined
  }

  #negotiate(): Waiting | undefined {
    const engine = this.#engine
    const ssl = engine.live()
    const { native } = engine.library
    const result = engine.step(() => native.SSL_do_handshake(ssl), this.#noted)
    if (typeof result === 'string') return result
    native.ERR_clear_error()
    this.#isNegotiated = true
    const foundation = engine.sessions.established(ssl)
    if (foundation.kind === 'session') engine.verification.standsOn(foundation.peerChain, foundation.verified, true)
    else if (foundation.kind === 'pre-shared-key') engine.verification.standsOn([], true, false)
    const { verifyPeer, clientAuthentication = 'none' } = engine.prepared.configuration as TLSServerConfiguration
    if (verifyPeer === undefined) return undefined
    // A client was asked about a certificate when it came. A server that may ask later knows nobody yet.
    const isUnasked = engine.isServer
      ? clientAuthentication !== 'none' || engine.verification.request(ssl).peer.chain.length > 0
      : foundation.kind !== 'certificates'
    return isUnasked ? engine.askForVeto() : undefined
  }

  /** Where OpenSSL did not send tickets by itself, because a veto was to come. */
  #sendTicketsLate(): void {
    const { library, prepared, sessions, isServer } = this.#engine
    const { sendsTicketsLate = false, ticketsPerConnection = 0 } = prepared.serverSessions ?? {}
    if (!isServer || !sendsTicketsLate || sessions.foundation.kind === 'pre-shared-key') return
    if (versionOf(library.native.SSL_version(this.#engine.live())) !== 'TLSv1.3') return
    // One for the one that was used, as OpenSSL does it.
    sendTickets(
      this.#engine,
      sessions.foundation.kind === 'session' ? Math.min(1, ticketsPerConnection) : ticketsPerConnection,
    )
  }
}

export function sendTickets(engine: Engine, count: number): void {
  const { native } = engine.library
  const ssl = engine.live()
  engine.prepared.readyTickets()
  for (let sent = 0; sent < count; sent++) native.SSL_new_session_ticket(ssl)
  if (count > 0) engine.step(() => native.SSL_do_handshake(ssl))
}

/**
 * A server learns of the client's certificate with the client's last message, and OpenSSL cannot stop there: its own handshake
 * is over. So it is wherever a session is resumed. A refusal can therefore not be an alert; the peer sees the connection being closed.
 */
export function refuseLate(engine: Engine): never {
  const ssl = engine.live()
  // Zero says that close_notify was sent and the peer's has not come; that is no error. SSL_shutdown(3).
  engine.step(() => engine.library.native.SSL_shutdown(ssl) + 1)
  return engine.fail(engine.verification.refusal)
}
