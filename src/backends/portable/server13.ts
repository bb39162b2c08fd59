// over 400 lines: one function for each state of the diagram, in its order.
import { agreedFacts } from '../../channel/facts.ts'
import { MemoryReplayGuard } from '../../channel/memory-replay-guard.ts'
import type { PeerIdentity } from '../../config/peer-identity.ts'
import type { CodePoint } from '../../config/registry.ts'
import { hashLength } from '../../crypto/algorithms.ts'
import { CertificateError } from '../../errors.ts'
import {
  type AuthenticatedPeer,
  type FinishedProof,
  sign,
  signedContent,
  verifyCertificateVerify,
  verifyFinished,
} from './authentication.ts'
import { chooseVersion } from './client-choice.ts'
import type { ServerConnection } from './connection.ts'
import { fault } from './faults.ts'
import { type FoundKey, lookUpKey, type ProvenKey, requireBinder } from './key-lookup.ts'
import { type LateAnswer, LateRequests } from './late-requests.ts'
import type { Checked, HandshakeMessage, StateOf } from './machine.ts'
import { decodeCertificateVerify, decodeFinished, encodeCertificateVerify } from './messages/authentication.ts'
import { decodeCertificate, encodeCertificate } from './messages/certificate.ts'
import { decodeClientHello } from './messages/client-hello.ts'
import { decodeEmptyMessage } from './messages/empty-messages.ts'
import { handshakeHeaderLength } from './messages/frame.ts'
import { type Negotiated, negotiate, requireKeyModes, requireSameHello } from './negotiation13.ts'
import type { AcceptedChain } from './peer-verification.ts'
import { startTLS12 } from './resumed-server12.ts'
import { askAboutEarlyData } from './server-early-data.ts'
import {
  type Answer,
  evidenceFor,
  type Finishing,
  finish,
  formerCredential,
  type Hello,
  type Keys,
  requestCertificate,
  send,
  sendHelloRetryRequest,
  shareKeys,
  takeEarlyData,
} from './server-flight13.ts'
import { certificatesOf, clientOf, identityOf, type KeyedPeer, peerFacts, type ResumedPeer } from './session-peer.ts'
import { type Tickets, ticketsFor } from './tickets13.ts'
import type { TrafficKeys } from './traffic-keys.ts'
import { Transcript } from './transcript.ts'

/** A server's handshake: RFC 9846, Appendix A.2, with the pauses of the channel. */
export const SERVER13 = {
  // AGAIN: HelloRetryRequest. FINISHED: the client shows no certificate. EOED: early data is taken.
  WAIT_CH: {
    client_hello: [
      'FINDING_KEY',
      'ADMITTING',
      'WAIT_CH_AGAIN',
      'SIGNING',
      'WAIT_CERT',
      'WAIT_EOED',
      'WAIT_FINISHED',
      'TLS12',
    ],
  },
  FINDING_KEY: {
    // paused: a session in a store, or an external key
    stored_session: ['FINDING_KEY', 'ADMITTING', 'WAIT_CH_AGAIN', 'SIGNING', 'WAIT_CERT', 'WAIT_EOED', 'WAIT_FINISHED'],
    pre_shared_key: ['FINDING_KEY', 'ADMITTING', 'WAIT_CH_AGAIN', 'SIGNING', 'WAIT_CERT', 'WAIT_EOED', 'WAIT_FINISHED'],
  },
  ADMITTING: { admitted: ['WAIT_EOED', 'WAIT_FINISHED'] }, // paused: whether early data is new
  WAIT_CH_AGAIN: { client_hello: ['SIGNING', 'WAIT_CERT', 'WAIT_FINISHED'] },
  SIGNING: { signature: ['WAIT_CERT', 'WAIT_FINISHED'] }, // paused: the key is elsewhere
  WAIT_EOED: { end_of_early_data: ['WAIT_FINISHED'] },
  WAIT_CERT: { certificate: ['WAIT_CV', 'WAIT_FINISHED'], compressed_certificate: ['WAIT_CV', 'WAIT_FINISHED'] },
  WAIT_CV: { certificate_verify: ['WAIT_FINISHED'] },
  WAIT_FINISHED: { finished: ['WAIT_VERDICT', 'CONNECTED'] },
  WAIT_VERDICT: { accepted: ['CONNECTED'] }, // paused: the application's veto
  // FINISHED: the client answers a request with no certificate.
  CONNECTED: { key_update: ['CONNECTED'], certificate: ['WAIT_LATE_CV', 'WAIT_LATE_FINISHED'] },
  WAIT_LATE_CV: { certificate_verify: ['WAIT_LATE_FINISHED'] },
  WAIT_LATE_FINISHED: { finished: ['WAIT_LATE_VERDICT', 'CONNECTED'] },
  WAIT_LATE_VERDICT: { accepted: ['CONNECTED'] }, // paused: the application's veto
  TLS12: {}, // goes on in the diagram of TLS 1.2
} as const
type In<S extends keyof typeof SERVER13> = StateOf<Checked<typeof SERVER13>, S>

declare const proof: unique symbol
/** A client that showed no certificate, which is all right. Made only by `acceptAnonymous`. */
interface AnonymousPeer {
  readonly [proof]: 'anonymous'
}
type ClientPeer = AuthenticatedPeer | AnonymousPeer | ResumedPeer | KeyedPeer

export function startServer(connection: ServerConnection): In<'WAIT_CH'> {
  return {
    name: 'WAIT_CH',
    on: {
      client_hello: ({ raw: message }) => {
        // A copy: while others are asked, more may come.
        const raw = message.slice()
        const hello = decodeClientHello(raw.subarray(handshakeHeaderLength))
        if (chooseVersion(connection, hello) === 'TLSv1.2') {
          connection.handOver(startTLS12(connection, hello, raw))
          return { name: 'TLS12', on: {} }
        }
        connection.agreeOn('TLSv1.3')
        requireKeyModes(hello)
        return findKey({ connection, hello, raw }, lookUpKey(connection, hello))
      },
    },
  }
}

type Found = In<'FINDING_KEY'> | Decided
type Decided = In<'ADMITTING'> | In<'WAIT_CH_AGAIN'> | Answered | In<'WAIT_EOED'>
type Answered = In<'SIGNING'> | In<'WAIT_CERT'> | In<'WAIT_FINISHED'>

/** Goes on with the search until there is nothing to ask. */
function findKey(first: Hello, search: ReturnType<typeof lookUpKey>, answer?: unknown): Found {
  const step = search.next(answer)
  if (step.done === true) return answerHello(first, step.value)
  first.connection.pause(step.value)
  const goOn = (found: unknown): Found => findKey(first, search, found)
  return { name: 'FINDING_KEY', on: { stored_session: goOn, pre_shared_key: goOn } }
}

function answerHello({ connection, hello, raw }: Hello, found: FoundKey | undefined): Decided {
  const negotiated = negotiate(connection, hello, found)
  const key = found && requireBinder(connection, hello, raw, found, undefined)
  const transcript = new Transcript(connection.crypto)
  transcript.start(negotiated.suite.hash)
  transcript.add(raw)
  const offersEarlyData = hello.extensions.early_data !== undefined
  const { share } = negotiated
  if (share === undefined) {
    if (offersEarlyData) skipEarlyData(connection)
    return askAgain({ connection, hello, raw }, negotiated, transcript, found)
  }
  const answer = { connection, hello, raw, negotiated, transcript, key, isFirst: true, takesEarlyData: false }
  if (!offersEarlyData) return agreeOnKeys(answer, share)
  const question = key && askAboutEarlyData(answer, key)
  if (question === undefined) {
    skipEarlyData(connection)
    return agreeOnKeys(answer, share)
  }
  const { guard, identifier, expiresAtMilliseconds } = question
  // The guard of this process answers at once.
  if (guard instanceof MemoryReplayGuard)
    return decideOnEarlyData(answer, share, guard.admit(identifier, expiresAtMilliseconds))
  connection.pause(question)
  return { name: 'ADMITTING', on: { admitted: (yes) => decideOnEarlyData(answer, share, yes) } }
}

/** Early data goes with a pre-shared key, and so never with a certificate of the client's. */
function decideOnEarlyData(answer: Answer, share: Uint8Array, isNew: boolean): In<'WAIT_EOED'> | In<'WAIT_FINISHED'> {
  if (isNew) return waitEndOfEarlyData(takeEarlyData(answer, share), keyHolder(answer))
  skipEarlyData(answer.connection)
  return withoutCertificate(shareKeys(answer, share))
}

function skipEarlyData(connection: ServerConnection): void {
  connection.skipEarlyData(connection.setup.sessions?.maxEarlyDataBytes ?? 0)
}

function waitClientHelloAgain(
  { connection, hello: first }: Hello,
  before: Negotiated,
  transcript: Transcript,
  found: FoundKey | undefined,
): In<'WAIT_CH_AGAIN'> {
  return {
    name: 'WAIT_CH_AGAIN',
    on: {
      client_hello: ({ raw: message }) => {
        const raw = message.slice()
        const hello = decodeClientHello(raw.subarray(handshakeHeaderLength))
        requireSameHello(first, hello)
        requireKeyModes(hello)
        const key = found && requireBinder(connection, hello, raw, found, transcript)
        const negotiated = negotiate(connection, hello, key)
        const { share } = negotiated
        const isSame = negotiated.suite === before.suite && negotiated.group === before.group
        const onlyShare = hello.extensions.key_share?.length === 1
        if (!isSame || !onlyShare || share === undefined) throw fault('changed-client-hello', 'not the share asked for')
        transcript.add(raw)
        const answer = { connection, hello, raw, negotiated, transcript, key, isFirst: false, takesEarlyData: false }
        return agreeOnKeys(answer, share)
      },
    },
  }
}

function signing(k: Keys): In<'SIGNING'> {
  return { name: 'SIGNING', on: { signature: (signature) => finishWithCertificate(k, signature) } }
}

function waitEndOfEarlyData(k: Finishing, peer: ResumedPeer | KeyedPeer): In<'WAIT_EOED'> {
  return {
    name: 'WAIT_EOED',
    on: {
      end_of_early_data: ({ body, raw }) => {
        decodeEmptyMessage('end_of_early_data', body)
        k.transcript.add(raw)
        k.connection.early.end()
        k.connection.protectIncoming(k.traffic.client.opener())
        return waitFinished(k, peer)
      },
    },
  }
}

function waitCertificate(k: Finishing, request: NonNullable<Keys['request']>): In<'WAIT_CERT'> {
  const accept = ({ body, raw }: HandshakeMessage, compression?: CodePoint): In<'WAIT_CV'> | In<'WAIT_FINISHED'> => {
    const { context, entries } = decodeCertificate(body, request.extensions)
    if (context.length > 0) throw fault('malformed-request-context')
    k.transcript.add(raw)
    if (entries.length === 0) return waitFinished(k, acceptAnonymous(k.connection))
    const { verifier } = request
    const chain = entries.map(({ certificate }) => certificate)
    return waitCertificateVerify(k, verifier.accept(verifier.vouch(chain, undefined), { compression }))
  }
  return {
    name: 'WAIT_CERT',
    on: {
      certificate: (message) => accept(message),
      // It is itself what the transcript has: RFC 8879, Section 4.
      compressed_certificate: ({ body, raw }) => {
        const inside = k.connection.setup.certificateCompression.decompress(body)
        return accept({ body: inside.body, raw }, inside.algorithm)
      },
    },
  }
}

function waitCertificateVerify(k: Finishing, chain: AcceptedChain): In<'WAIT_CV'> {
  const { connection, transcript } = k
  return {
    name: 'WAIT_CV',
    on: {
      certificate_verify: ({ body, raw }) => {
        const message = decodeCertificateVerify(body)
        const offered = connection.setup.settings.signatureSchemes
        const digest = transcript.digest()
        const peer = verifyCertificateVerify(connection.crypto, 'client', chain, offered, message, digest)
        transcript.add(raw)
        return waitFinished(k, peer)
      },
    },
  }
}

function waitFinished(k: Finishing, peer: ClientPeer): In<'WAIT_FINISHED'> {
  const { connection, transcript, negotiated, traffic, keys } = k
  return {
    name: 'WAIT_FINISHED',
    on: {
      finished: ({ body, raw }) => {
        const { verifyData } = decodeFinished(body, hashLength[negotiated.suite.hash])
        const expected = traffic.client.finished(transcript.digest())
        const finished = verifyFinished(connection.crypto, expected, verifyData)
        transcript.add(raw)
        traffic.client.wipe()
        keys.protectIncoming()
        return isForVeto(connection, peer) ? waitVerdict(k, peer, finished) : connected(k, peer, finished)
      },
    },
  }
}

function waitVerdict(k: Finishing, peer: ClientPeer, finished: FinishedProof): In<'WAIT_VERDICT'> {
  k.connection.pause({ kind: 'verify-peer', peer: whoIs(peer) })
  return { name: 'WAIT_VERDICT', on: { accepted: () => connected(k, peer, finished) } }
}

function connected(k: Finishing, peer: ClientPeer, _finished: FinishedProof): In<'CONNECTED'> {
  const { connection, negotiated, keys, exporter, hello, transcript } = k
  const requests = new LateRequests(connection, hello.extensions.post_handshake_auth === true ? transcript : undefined)
  const tickets = ticketsFor(k, peer)
  k.master.wipe()
  const ownScheme = negotiated.certificate?.scheme
  connection.establish({
    facts: agreedFacts({
      version: 'TLSv1.3',
      cipherSuite: negotiated.suite.code,
      group: negotiated.group,
      innerProtocol: negotiated.innerProtocol,
      serverName: hello.extensions.server_name || undefined,
      ...(isAnonymous(peer) ? {} : peerFacts(peer)),
      signatureScheme: 'signatureScheme' in peer ? peer.signatureScheme : ownScheme,
      certificateCompression: 'signatureScheme' in peer ? peer.chain.compression : undefined,
      earlyData: k.takesEarlyData ? 'accepted' : hello.extensions.early_data && 'rejected',
    }),
    serverCertificate: (negotiated.certificate?.credential ?? formerCredential(k))?.chain[0],
    exporter,
    keys,
    resumption: tickets?.resumption,
    tickets,
    certificateRequests: requests,
  })
  tickets?.sendFirst()
  return inUse({ connection, keys, requests, tickets })
}

/** A connection whose handshake is done. */
interface InUse {
  readonly connection: ServerConnection
  readonly keys: TrafficKeys
  readonly requests: LateRequests
  readonly tickets: Tickets | undefined
}

function inUse(c: InUse): In<'CONNECTED'> {
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

// ── what the states use ──

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

function askAgain(
  first: Hello,
  negotiated: Negotiated,
  transcript: Transcript,
  found: FoundKey | undefined,
): In<'WAIT_CH_AGAIN'> {
  sendHelloRetryRequest(first, negotiated, transcript)
  return waitClientHelloAgain(first, negotiated, transcript, found)
}

/** ServerHello to Certificate, or without one to Finished: RFC 9846, Sections 4.1.3 to 4.4.2. */
function agreeOnKeys(answer: Answer, share: Uint8Array): Answered {
  const { connection, transcript, hello, negotiated } = answer
  const { setup } = connection
  const { certificate } = negotiated
  const keys = shareKeys(answer, share)
  if (certificate === undefined) return withoutCertificate(keys)
  const { credential, scheme } = certificate
  connection.protectIncoming(keys.traffic.client.opener({ allowsPlainAlert: true }))
  const { verifier } = connection.setup
  const request =
    verifier && requestCertificate(connection, { verifier, context: noContext }, (message) => send(answer, message))
  const entries = credential.chain.map((each, depth) => ({
    certificate: each,
    extensions: depth === 0 ? evidenceFor(hello, credential) : {},
  }))
  const message = encodeCertificate({ context: noContext, entries })
  send(answer, setup.certificateCompression.compress(message, hello.extensions.compress_certificate))
  const k: Keys = { ...keys, request }
  const signature = sign(connection, credential, scheme, signedContent('server', transcript.digest()))
  return signature === undefined ? signing(k) : finishWithCertificate(k, signature)
}

/** A key that both had is the proof of both: RFC 9846, Section 2.2. */
function withoutCertificate(k: Keys): In<'WAIT_FINISHED'> {
  k.connection.protectIncoming(k.traffic.client.opener({ allowsPlainAlert: true }))
  return waitFinished(finish(k), keyHolder(k))
}

/** CertificateVerify and Finished: RFC 9846, Sections 4.4.3 and 4.4.4. */
function finishWithCertificate(k: Keys, signature: Uint8Array): In<'WAIT_CERT'> | In<'WAIT_FINISHED'> {
  const { request, negotiated, connection } = k
  const { scheme: algorithm } = negotiated.certificate as NonNullable<Negotiated['certificate']>
  send(k, encodeCertificateVerify({ algorithm, signature }))
  const finishing = finish(k)
  return request === undefined
    ? waitFinished(finishing, acceptAnonymous(connection))
    : waitCertificate(finishing, request)
}

/** The client that has proved to have the key of this handshake. */
function keyHolder({ connection, key }: Answer): ResumedPeer | KeyedPeer {
  return clientOf(key as ProvenKey, connection.setup.sessions?.now() ?? 0)
}

function isAnonymous(peer: ClientPeer): peer is AnonymousPeer {
  return !('chain' in peer) && !('key' in peer)
}

function whoIs(peer: ClientPeer): PeerIdentity {
  return isAnonymous(peer) ? nobody : identityOf(peer, undefined)
}

/** Where clients are asked later at most, there is nothing to say about one that has not been asked. */
function isForVeto({ setup }: ServerConnection, peer: ClientPeer): boolean {
  const { verifyPeer } = setup.configuration
  return verifyPeer !== undefined && (setup.verifier !== undefined || whoIs(peer).chain.length > 0)
}

const noContext: Uint8Array = new Uint8Array(0)

const nobody = Object.freeze({ chain: Object.freeze([]), serverName: undefined })

/** @throws CertificateError where the configuration requires a certificate. */
function acceptAnonymous({ setup }: ServerConnection): AnonymousPeer {
  if (setup.verifier !== undefined && setup.configuration.clientAuthentication === 'required') {
    throw new CertificateError('missing', 'the client sent no certificate, and one is required', {
      alert: 'certificate_required',
    })
  }
  // The one place where the proof is made.
  return {} as unknown as AnonymousPeer
}
