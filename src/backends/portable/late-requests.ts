/** How a server asks for the client's certificate in a connection that is in use: RFC 9846, Section 4.6.2. */
import { type ClientCertificateRequest, mostOpenRequests, type RequestObstacle } from '../../channel/post-handshake.ts'
import type { PeerIdentity } from '../../config/peer-identity.ts'
import { equalPublicBytes } from '../../crypto/bytes.ts'
import type { ServerConnection } from './connection.ts'
import { fault } from './faults.ts'
import type { HandshakeMessage } from './machine.ts'
import { type CertificateEntry, decodeCertificate } from './messages/certificate.ts'
import type { OfferedExtensions } from './messages/extensions.ts'
import type { PeerVerifier } from './peer-verification.ts'
import { requestCertificate } from './server-flight13.ts'
import type { Transcript } from './transcript.ts'

/** One request, as whoever asked sees it. */
class LateRequest implements ClientCertificateRequest {
  peer: PeerIdentity | undefined
}

/** A request that has been answered with a Certificate. */
export interface LateAnswer {
  readonly request: LateRequest
  readonly verifier: PeerVerifier
  /** The handshake, this request, and what answers it. */
  readonly transcript: Transcript
  readonly entries: readonly CertificateEntry[]
}

interface OpenRequest extends Omit<LateAnswer, 'entries'> {
  readonly context: Uint8Array
  readonly extensions: OfferedExtensions
}

/** The requests of one connection that wait for their answers. */
export class LateRequests {
  readonly #connection: ServerConnection
  /** `undefined` where the client has not offered to answer. */
  readonly #handshake: Transcript | undefined
  #open: readonly OpenRequest[] = none

  /** `handshake` ends with the client's Finished, and stays as it is. */
  constructor(connection: ServerConnection, handshake: Transcript | undefined) {
    this.#connection = connection
    this.#handshake = handshake
  }

  /** Why nothing can be asked now, if that is so. */
  get obstacle(): RequestObstacle | undefined {
    if (this.#handshake === undefined) return 'not offered'
    if (this.#connection.setup.lateVerifier === undefined) return 'no trust'
    return this.#open.length >= mostOpenRequests ? 'too many' : undefined
  }

  /** Only where there is no obstacle. */
  ask(): ClientCertificateRequest {
    const { setup, crypto } = this.#connection
    const transcript = (this.#handshake as Transcript).fork()
    // RFC 9846, Section 4.3.2: not to be foreseen, so that nobody can have a client sign an answer beforehand.
    const context = crypto.random(32)
    const verifier = setup.lateVerifier as PeerVerifier
    const extensions = requestCertificate(this.#connection, { verifier, context }, (message) => {
      this.#connection.send(message)
      transcript.add(message)
    }).extensions
    const request = new LateRequest()
    this.#open = [...this.#open, { request, context, verifier, transcript, extensions }]
    return request
  }

  /** The request that a Certificate answers; it is open no more. @throws ProtocolError where it answers none. */
  take({ body, raw }: HandshakeMessage): LateAnswer {
    if (this.#open.length === 0) throw fault('unexpected-message', 'a certificate that nobody asked for')
    // RFC 9846, Section 4.4.2: the context stands first, behind its length.
    const context = body.subarray(1, 1 + (body[0] ?? 0))
    const open = this.#open.find((each) => equalPublicBytes(each.context, context))
    if (open === undefined) throw fault('malformed-request-context')
    this.#open = this.#open.filter((each) => each !== open)
    const { entries } = decodeCertificate(body, open.extensions)
    open.transcript.add(raw)
    return { ...open, entries }
  }
}

const none: readonly OpenRequest[] = []
