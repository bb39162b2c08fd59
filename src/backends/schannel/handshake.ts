import { type AlertName, certificateAlert } from '../../alerts.ts'
import { describeForeign, notTLS } from '../../channel/foreign-peer.ts'
import { encodePlainAlert } from '../../channel/plain-alert.ts'
import { nameText, type ServerName } from '../../channel/server-name.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import { CertificateError, type TLSError } from '../../errors.ts'
import { type ByteQueue, nextRecord, wholeRecordsBytes } from './byte-queue.ts'
import type { PreparedContext } from './context.ts'
import { type SeenHandshake, versionOf } from './facts.ts'
import { faultOf, recordTooLong, unknownRecord } from './fault.ts'
import { HelloReader } from './hello.ts'
import type { ContextAnswer } from './native.ts'
import { objectionTo } from './negotiation.ts'
import { withPeer } from './peer.ts'
import type { Session } from './session.ts'
import { Status } from './status.ts'
import { certificateErrorOf } from './trust-fault.ts'
import { verifyPeer } from './verification.ts'

/**
 * The handshake of one connection: feeds Schannel with what came, judges what was agreed, and has the peer verified. The last flight is
 * held back until the peer is accepted, so that nothing of the application can follow it before.
 */
export class Handshake {
  readonly #prepared: PreparedContext
  readonly #session: Session
  readonly #isServer: boolean
  readonly #serverName: ServerName | undefined
  readonly #incoming: ByteQueue
  readonly #outgoing: ByteQueue
  readonly #received = new HelloReader()
  readonly #sent = new HelloReader()
  #lastFlight: Uint8Array = new Uint8Array(0)
  /** So many bytes of whole records were not enough for Schannel. */
  #tooFewBytes = 0
  #askedForCertificate = false
  #sawRecord = false

  peerChain: readonly Uint8Array[] = Object.freeze([])
  /** Whether the peer showed a certificate that passed verification. */
  verified = false

  constructor(
    prepared: PreparedContext,
    session: Session,
    serverName: ServerName | undefined,
    incoming: ByteQueue,
    outgoing: ByteQueue,
  ) {
    this.#prepared = prepared
    this.#session = session
    this.#isServer = prepared.configuration instanceof TLSServerConfiguration
    this.#serverName = serverName
    this.#incoming = incoming
    this.#outgoing = outgoing
  }

  /** Reads along with what comes. */
  follow(ciphertext: Uint8Array): void {
    this.#received.follow(ciphertext)
  }

  get seen(): SeenHandshake {
    const [client, server] = this.#isServer ? [this.#received, this.#sent] : [this.#sent, this.#received]
    const { serverHello, serverKeyExchange } = server
    return { clientHello: client.clientHello, serverHello, serverKeyExchange }
  }

  get version(): NegotiatedVersion | undefined {
    return versionOf(this.seen.serverHello)
  }

  /**
   * Takes the handshake as far as it goes without verifying the peer.
   * @throws NegotiationError, ProtocolError, AlertReceivedError; what the peer is told of it is in the outgoing queue.
   */
  advance(): 'negotiated' | 'want-read' {
    if (!this.#isServer && !this.#session.started) {
      this.#session.use(this.#prepared.credentialsFor([0]))
      const first = this.#session.exchange(undefined)
      if (first.status !== Status.SEC_I_CONTINUE_NEEDED) return this.#fail(first, new Uint8Array(0))
      this.#send(first.token)
    }
    for (;;) {
      const records = this.#nextRecords()
      if (records === undefined) return 'want-read'
      const answer = this.#session.exchange(records)
      const progress = this.#take(answer, records)
      if (progress !== 'again') return progress
    }
  }

  /** What Schannel can be given now: all whole records, if they are more than were too few before. */
  #nextRecords(): Buffer | undefined {
    const next = nextRecord(this.#incoming)
    if (next.kind === 'foreign')
      return this.#abort(this.#sawRecord ? unknownRecord() : notTLS(describeForeign(this.#incoming.peek(8))))
    if (next.kind === 'too-long') return this.#abort(recordTooLong())
    if (next.kind === 'unknown' || !next.isWhole) return undefined
    const length = wholeRecordsBytes(this.#incoming)
    if (length <= this.#tooFewBytes) return undefined
    this.#sawRecord = true
    if (this.#isServer && !this.#session.started && !this.#chooseCredentials()) return undefined
    this.#examineChoice()
    return this.#incoming.peek(length)
  }

  /** By the name that the client asks for; answers false as long as that is not known. */
  #chooseCredentials(): boolean {
    const { clientHello, done } = this.#received
    if (clientHello === undefined && !done) return false
    const group = this.#prepared.chains?.choose(clientHello?.serverName) ?? []
    this.#session.use(this.#prepared.credentialsFor(group))
    return true
  }

  #take(answer: ContextAnswer, records: Buffer): 'negotiated' | 'want-read' | 'again' {
    const { status, token, extraBytes } = answer
    switch (status) {
      case Status.SEC_E_OK:
        this.#consume(records.byteLength - extraBytes)
        this.#sent.follow(token)
        this.#examineChoice()
        this.#lastFlight = token
        return 'negotiated'
      case Status.SEC_I_CONTINUE_NEEDED: {
        const used = records.byteLength - extraBytes
        this.#consume(used)
        this.#send(token)
        // Where it used nothing and says nothing, only more can help.
        if (used === 0 && token.byteLength === 0) this.#tooFewBytes = records.byteLength
        return 'again'
      }
      case Status.SEC_E_INCOMPLETE_MESSAGE:
        this.#tooFewBytes = records.byteLength
        return 'again'
      case Status.SEC_I_INCOMPLETE_CREDENTIALS:
        // The server asks for a certificate, and what we have, if anything, is not from an authority that it names. The same input once more
        // goes on with what there is.
        if (this.#askedForCertificate) return this.#fail(answer, records)
        this.#askedForCertificate = true
        return 'again'
      default:
        return this.#fail(answer, records)
    }
  }

  #consume(bytes: number): void {
    this.#tooFewBytes = 0
    this.#incoming.drop(bytes)
  }

  #send(token: Uint8Array): void {
    this.#sent.follow(token)
    this.#examineChoice()
    this.#outgoing.push(token)
  }

  /** Looks at what the server chose as soon as it is known: nothing is encrypted by then, and nothing that we chose has been sent. */
  #examineChoice(): void {
    const { serverHello, serverKeyExchange } = this.seen
    if (serverHello === undefined) return
    const objection = objectionTo(this.#prepared.settings, serverHello, serverKeyExchange)
    if (objection !== undefined) this.#abort(objection)
  }

  /**
   * Verifies the peer, once the handshake is negotiated.
   * @throws CertificateError; what the peer is told of it is in the outgoing queue.
   */
  authenticate(): void {
    const { native, trust, skipsChainVerification, skipsHostNameCheck, now } = this.#prepared
    withPeer(native, this.#session, (certificate, chain) => {
      this.peerChain = chain
      if (certificate === undefined) this.#requireNone()
      else if (!skipsChainVerification && trust !== undefined) {
        const fault = verifyPeer(
          {
            native,
            trust,
            of: this.#isServer ? 'client' : 'server',
            serverName: skipsHostNameCheck ? undefined : this.#serverName,
            now: now(),
          },
          certificate,
          chain,
        )
        if (fault !== undefined) {
          const alert = this.refuse(certificateAlert[fault.reason])
          throw certificateErrorOf(fault, chain, { serverName: nameText(this.#serverName), alert })
        }
        this.verified = true
      }
    })
  }

  /** A peer without a certificate is acceptable to a server that does not insist. */
  #requireNone(): void {
    const { configuration } = this.#prepared
    if (configuration instanceof TLSServerConfiguration && configuration.clientAuthentication !== 'required') return
    const who = this.#isServer
      ? 'the client sent no certificate, and one is required'
      : 'the server sent no certificate'
    // TLS 1.2 has no alert of its own for it. RFC 5246, Section 7.4.6.
    const alert = this.refuse(this.version === 'TLSv1.2' ? 'handshake_failure' : 'certificate_required')
    throw new CertificateError('missing', who, { alert })
  }

  /** Sends the last flight: the peer is accepted. */
  accept(): void {
    this.#outgoing.push(this.#lastFlight)
  }

  /**
   * Tells the peer that it is not accepted; answers what it was told, if it was. In TLS 1.3 an alert of a client can only go behind its last
   * flight, and that shows its certificate: whom we do not trust does not get to see it.
   */
  refuse(alert: AlertName): AlertName | undefined {
    if (!this.#isServer && this.#prepared.showsCertificate && this.version !== 'TLSv1.2') return undefined
    const message = this.#session.alert(alert)
    if (message.byteLength === 0) return undefined
    this.#outgoing.push(this.#lastFlight)
    this.#outgoing.push(message)
    return alert
  }

  #fail(answer: ContextAnswer, records: Uint8Array): never {
    this.#outgoing.push(answer.token)
    throw faultOf(answer.status, {
      during: 'handshake',
      encrypted: this.seen.serverHello !== undefined,
      isServer: this.#isServer,
      credentialStructure: this.#prepared.settings.credentialStructure,
      answer: answer.token,
      records,
    })
  }

  /** Ends a handshake of which nothing is encrypted yet. */
  #abort(error: TLSError): never {
    if (error.alert !== undefined) this.#outgoing.push(encodePlainAlert(error.alert as AlertName))
    throw error
  }
}
