/** A client of TLS 1.3 whose handshake is done: sessions, new keys, and certificates that it is asked for late. RFC 9846, Section 4.6. */
import type { CertificateRequest } from '../../config/certificate-request.ts'
import type { CodePoint } from '../../config/registry.ts'
import { sign, signedContent } from './authentication.ts'
import { certificateOf, readRequest, schemeFor } from './client-certificate13.ts'
import { keepSession, type Resumable } from './client-flight13.ts'
import type { In } from './client13.ts'
import type { ClientConnection } from './connection.ts'
import { fault } from './faults.ts'
import { encodeCertificateVerify, encodeFinished } from './messages/authentication.ts'
import { decodeNewSessionTicket } from './messages/post-handshake.ts'
import type { Credential } from './setup.ts'
import type { TrafficKeys } from './traffic-keys.ts'
import type { Transcript } from './transcript.ts'

/** What is left of the handshake: no more than what can still be needed. */
export interface InUse {
  readonly connection: ClientConnection
  readonly keys: TrafficKeys
  /** `undefined` where no session is kept. */
  readonly resumable: Resumable | undefined
  /** It ends with our Finished; `undefined` where we have not offered to show a certificate later. */
  readonly handshake: Transcript | undefined
}

export function inUse({ connection, keys, resumable, handshake }: InUse): In<'CONNECTED'> {
  const self: In<'CONNECTED'> = {
    name: 'CONNECTED',
    on: {
      new_session_ticket: ({ body }) => {
        const ticket = decodeNewSessionTicket(body)
        if (resumable !== undefined) keepSession(resumable, ticket)
        return self
      },
      key_update: ({ body }) => {
        keys.receiveUpdate(body)
        return self
      },
      certificate_request: ({ body, raw }) => {
        if (handshake === undefined)
          throw fault('unexpected-message', 'a request for a certificate that we have not offered to answer')
        const { context, request } = readRequest(body, true)
        // Nothing may follow close_notify.
        if (connection.sentCloseNotify) return self
        const transcript = handshake.fork()
        transcript.add(raw)
        const late = { connection, keys, request, transcript, context: context.slice(), connected: self }
        if (connection.setup.configuration.chooseCertificate === undefined)
          return answerLate(late, connection.setup.credential)
        connection.pause({ kind: 'choose-certificate', request })
        return choosingLate(late)
      },
    },
  }
  return self
}

/** A request in a connection that is in use, with the handshake and it in the transcript: RFC 9846, Section 4.4. */
interface Late {
  readonly connection: ClientConnection
  readonly keys: TrafficKeys
  readonly request: CertificateRequest
  readonly transcript: Transcript
  readonly context: Uint8Array
  readonly connected: In<'CONNECTED'>
}

function choosingLate(late: Late): In<'CHOOSING_LATE'> {
  return {
    name: 'CHOOSING_LATE',
    on: { chosen: (chain) => answerLate(late, chain && late.connection.setup.loadChosen(chain)) },
  }
}

function signingLate(late: Late, certificate: Uint8Array, scheme: CodePoint): In<'SIGNING_LATE'> {
  return {
    name: 'SIGNING_LATE',
    on: { signature: (signature) => finishLate(late, certificate, { scheme, signature }) },
  }
}

/** The three messages follow one another, so none is sent before all are there: RFC 9846, Section 4.6.2. */
function answerLate(late: Late, credential: Credential | undefined): In<'SIGNING_LATE'> | In<'CONNECTED'> {
  const { connection, request, transcript, context } = late
  const scheme = schemeFor(connection, request, credential)
  const certificate = certificateOf(scheme === undefined ? undefined : credential, context)
  transcript.add(certificate)
  if (credential === undefined || scheme === undefined) return finishLate(late, certificate, undefined)
  const signature = sign(connection, credential, scheme, signedContent('client', transcript.digest()))
  return signature === undefined
    ? signingLate(late, certificate, scheme)
    : finishLate(late, certificate, { scheme, signature })
}

function finishLate(
  { connection, keys, transcript, connected }: Late,
  certificate: Uint8Array,
  proven: { readonly scheme: CodePoint; readonly signature: Uint8Array } | undefined,
): In<'CONNECTED'> {
  connection.send(certificate)
  if (proven !== undefined) {
    const verify = encodeCertificateVerify({ algorithm: proven.scheme, signature: proven.signature })
    transcript.add(verify)
    connection.send(verify)
  }
  connection.send(encodeFinished({ verifyData: keys.finishedOfOurs(transcript.digest()) }))
  return connected
}
