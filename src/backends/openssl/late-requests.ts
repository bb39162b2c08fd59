/** How a server asks for the client's certificate in a connection that is in use: RFC 9846, Section 4.6.2. */
import {
  type ClientCertificateRequest,
  cannotRequest,
  mostOpenRequests,
  type RequestObstacle,
} from '../../channel/post-handshake.ts'
import type { PeerIdentity } from '../../config/peer-identity.ts'
import type { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { BackendError } from '../../errors.ts'
import { Ctrl, Mode, Reason, Shutdown, Verify } from './constants.ts'
import type { Engine } from './engine.ts'
import { readPeerChain, versionOf } from './facts.ts'
import { takeErrors, textOf } from './fault.ts'
import { refuseLate, sendTickets } from './handshake.ts'
import type { Pointer } from './prototypes.ts'

/** Who the client is. */
export interface ProvenIdentity {
  readonly peerChain: readonly Uint8Array[]
  readonly verified: boolean
}

/** One request, as whoever asked sees it. */
class LateRequest implements ClientCertificateRequest {
  peer: PeerIdentity | undefined
}

/**
 * The requests of one connection. OpenSSL has one open at a time, so others wait for their turn; and it tells nobody when one has been
 * answered, which is read from the messages that come.
 */
export class LateRequests {
  readonly #engine: Engine
  #open: LateRequest | undefined
  #waiting: LateRequest[] = []
  /** All of the answer is there. */
  #isAnswered = false
  #asksForVeto = false
  #identity: ProvenIdentity | undefined

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** An answer is awaited, or being judged. */
  get isOpen(): boolean {
    return this.#open !== undefined
  }

  /** OpenSSL has taken an answer that is yet to be dealt with. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  /** `before` is who the client was in the handshake; `undefined` where a session says that. */
  ask(before: ProvenIdentity | undefined): ClientCertificateRequest {
    const obstacle = this.#obstacle()
    if (obstacle !== undefined) throw cannotRequest(obstacle)
    const request = new LateRequest()
    if (this.#open !== undefined) {
      this.#waiting.push(request)
      return request
    }
    this.#identity ??= before
    this.#send(request)
    return request
  }

  /** Who a ticket is for that is being made now; `undefined` for whom the handshake knows. */
  identityNow(ssl: Pointer): ProvenIdentity | undefined {
    return (this.#isAnswered ? this.#shown(ssl) : undefined) ?? this.#identity
  }

  /** A handshake message came while a request was open. */
  sawMessage(type: number): void {
    if (type === finished && this.#open !== undefined) this.#isAnswered = true
  }

  /** Deals with an answer before anything behind it is read. Answers who the client is, where that has changed. */
  settle(): 'paused' | ProvenIdentity | undefined {
    const engine = this.#engine
    if (!this.#isAnswered) return undefined
    if (engine.pause !== undefined) return 'paused'
    if (engine.prepared.configuration.verifyPeer !== undefined && !this.#asksForVeto) {
      this.#asksForVeto = true
      return engine.askForVeto()
    }
    if (engine.verification.refusal !== undefined) refuseLate(engine)
    return this.#accept(engine.live())
  }

  #accept(ssl: Pointer): ProvenIdentity | undefined {
    const engine = this.#engine
    const shown = this.#shown(ssl)
    const request = this.#open as LateRequest
    request.peer = Object.freeze({ chain: shown?.peerChain ?? nothing, serverName: undefined })
    this.#identity = shown ?? this.#identity
    this.#open = undefined
    this.#isAnswered = false
    this.#asksForVeto = false
    const { sendsTicketsLate = false, ticketsPerConnection = 0 } = engine.prepared.serverSessions ?? {}
    if (shown !== undefined && sendsTicketsLate) sendTickets(engine, ticketsPerConnection)
    const next = this.#waiting.shift()
    if (next !== undefined && this.#obstacle() !== 'closed') this.#send(next)
    else this.#listen(ssl, false)
    return shown
  }

  #obstacle(): RequestObstacle | undefined {
    const { prepared, library, peerClosed } = this.#engine
    const { native } = library
    const ssl = this.#engine.live()
    if (versionOf(native.SSL_version(ssl)) !== 'TLSv1.3') return 'version'
    if (prepared.configuration.trustStore === undefined) return 'no trust'
    if (peerClosed || (native.SSL_get_shutdown(ssl) & (Shutdown.SENT | Shutdown.RECEIVED)) !== 0) return 'closed'
    const open = this.#waiting.length + (this.#open === undefined ? 0 : 1)
    return open >= mostOpenRequests ? 'too many' : undefined
  }

  #send(request: LateRequest): void {
    const engine = this.#engine
    const { native } = engine.library
    const ssl = engine.live()
    const { clientAuthentication } = engine.prepared.configuration as TLSServerConfiguration
    const isRequired = clientAuthentication === 'required'
    native.SSL_set_verify(ssl, isRequired ? Verify.PEER | Verify.FAIL_IF_NO_PEER_CERT : Verify.PEER, null)
    native.ERR_clear_error()
    if (native.SSL_verify_client_post_handshake(ssl) !== 1) {
      const errors = takeErrors(native)
      if (errors.some(({ reason }) => reason === Reason.EXTENSION_NOT_RECEIVED)) throw cannotRequest('not offered')
      engine.fail(new BackendError(engine.prepared.backendName, `no certificate can be asked for: ${textOf(errors)}`))
    }
    this.#open = request
    engine.verifyAnew()
    this.#listen(ssl, true)
    // It is this call that sends it.
    engine.step(() => native.SSL_do_handshake(ssl))
  }

  /** While a request is open, reading stops behind each handshake message: what follows an answer is for whoever was found acceptable. */
  #listen(ssl: Pointer, listens: boolean): void {
    const { native, callbacks } = this.#engine.library
    native.SSL_set_msg_callback(ssl, listens ? callbacks.message : null)
    native.SSL_ctrl(ssl, listens ? Ctrl.CLEAR_MODE : Ctrl.MODE, Mode.AUTO_RETRY, null)
  }

  /** `undefined` where the client has shown nothing. */
  #shown(ssl: Pointer): ProvenIdentity | undefined {
    const peerChain = readPeerChain(this.#engine.library, ssl, true)
    if (peerChain.length === 0) return undefined
    return { peerChain, verified: this.#engine.verification.chainVerified }
  }
}

const nothing: readonly Uint8Array[] = Object.freeze([])

/** The type of the message that ends an answer. RFC 9846, Section 4. */
const finished = 20
