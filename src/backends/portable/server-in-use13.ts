/** A server of TLS 1.3 whose handshake is done: new keys, and certificates that it asks for late. RFC 9846, Section 4.6. */
import {
  type AuthenticatedPeer,
  type FinishedProof,
  verifyCertificateVerify,
  verifyFinished,
} from './authentication.ts'
import { type AnonymousPeer, acceptAnonymous, isAnonymous, whoIs } from './client-peer.ts'
import type { ServerConnection } from './connection.ts'
import type { LateAnswer, LateRequests } from './late-requests.ts'
import { decodeCertificateVerify, decodeFinished } from './messages/authentication.ts'
import type { AcceptedChain } from './peer-verification.ts'
import type { In } from './server13.ts'
import { certificatesOf } from './session-peer.ts'
import type { Tickets } from './tickets13.ts'
import type { TrafficKeys } from './traffic-keys.ts'

/** What is left of the handshake: no more than what can still be needed. */
export interface InUse {
  readonly connection: ServerConnection
  readonly keys: TrafficKeys
  readonly requests: LateRequests
  readonly tickets: Tickets | undefined
}

export function inUse(c: InUse): In<'CONNECTED'> {
  const self: In<'CONNECTED'> = {
    name: 'CONNECTED',
    on: {
      key_update: ({ body }) => {
        c.keys.receiveUpdate(body)
        return self
      },
      certificate: (message) => {
        const answer = c.requests.take(message)
        c.connection.insistOnHandshake(true)
        if (answer.entries.length === 0) return waitLateFinished(c, answer, acceptAnonymous(c.connection))
        const chain = answer.entries.map(({ certificate }) => certificate)
        return waitLateCertificateVerify(c, answer, answer.verifier.accept(answer.verifier.vouch(chain, undefined)))
      },
    },
  }
  return self
}

function waitLateCertificateVerify(c: InUse, answer: LateAnswer, chain: AcceptedChain): In<'WAIT_LATE_CV'> {
  return {
    name: 'WAIT_LATE_CV',
    on: {
      certificate_verify: ({ body, raw }) => {
        const { setup, crypto } = c.connection
        const message = decodeCertificateVerify(body)
        const digest = answer.transcript.digest()
        const offered = setup.settings.signatureSchemes
        const peer = verifyCertificateVerify(crypto, 'client', chain, offered, message, digest)
        answer.transcript.add(raw)
        return waitLateFinished(c, answer, peer)
      },
    },
  }
}

function waitLateFinished(
  c: InUse,
  answer: LateAnswer,
  peer: AuthenticatedPeer | AnonymousPeer,
): In<'WAIT_LATE_FINISHED'> {
  const { connection, keys } = c
  return {
    name: 'WAIT_LATE_FINISHED',
    on: {
      finished: ({ body }) => {
        const expected = keys.finishedOfPeer(answer.transcript.digest())
        const { verifyData } = decodeFinished(body, expected.length)
        const finished = verifyFinished(connection.crypto, expected, verifyData)
        connection.insistOnHandshake(false)
        if (connection.setup.configuration.verifyPeer === undefined) return identified(c, answer, peer, finished)
        connection.pause({ kind: 'verify-peer', peer: whoIs(peer) })
        return waitLateVerdict(c, answer, peer, finished)
      },
    },
  }
}

function waitLateVerdict(
  c: InUse,
  answer: LateAnswer,
  peer: AuthenticatedPeer | AnonymousPeer,
  finished: FinishedProof,
): In<'WAIT_LATE_VERDICT'> {
  return { name: 'WAIT_LATE_VERDICT', on: { accepted: () => identified(c, answer, peer, finished) } }
}

/** Who declines stays who it was; otherwise facts and tickets are about the one that was proved last. */
function identified(
  c: InUse,
  { request }: LateAnswer,
  peer: AuthenticatedPeer | AnonymousPeer,
  _finished: FinishedProof,
): In<'CONNECTED'> {
  request.peer = whoIs(peer)
  if (!isAnonymous(peer)) {
    const { peerChain, verified } = certificatesOf(peer)
    const { signatureScheme } = peer
    c.connection.changeFacts({ peerCertificate: peerChain[0], peerChain, verified, signatureScheme })
    c.tickets?.identify(peer)
    // RFC 9846, Section 4.6.1: those so far know nothing of it.
    c.tickets?.sendFirst()
  }
  return inUse(c)
}
