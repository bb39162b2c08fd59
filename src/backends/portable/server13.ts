import { agreedFacts } from '../../channel/facts.ts'
import { MemoryReplayGuard } from '../../channel/memory-replay-guard.ts'
import type { CodePoint } from '../../config/registry.ts'
import { hashLength } from '../../crypto/algorithms.ts'
import { type FinishedProof, sign, signedContent, verifyCertificateVerify, verifyFinished } from './authentication.ts'
import { chooseVersion } from './client-choice.ts'
import { acceptAnonymous, type ClientPeer, isAnonymous, whoIs } from './client-peer.ts'
import type { ServerConnection } from './connection.ts'
import { fault } from './faults.ts'
import { type FoundKey, lookUpKey, type ProvenKey, requireBinder } from './key-lookup.ts'
import { LateRequests } from './late-requests.ts'
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
  endPointFor,
  evidenceFor,
  type Finishing,
  finish,
  type Hello,
  type Keys,
  requestCertificate,
  send,
  sendHelloRetryRequest,
  shareKeys,
  takeEarlyData,
} from './server-flight13.ts'
import { inUse } from './server-in-use13.ts'
import { clientOf, type KeyedPeer, peerFacts, type ResumedPeer } from './session-peer.ts'
import { ticketsFor } from './tickets13.ts'
import { Transcript } from './transcript.ts'

/** A server's handshake: RFC 9846, Appendix A.2, with the pauses of the channel. From CONNECTED on: `server-in-use13.ts`. */
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
export type In<S extends keyof typeof SERVER13> = StateOf<Checked<typeof SERVER13>, S>

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
  if (found !== undefined) connection.guard(found.stage)
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
    endPoint: endPointFor(k),
    exporter,
    keys,
    resumption: tickets?.resumption,
    tickets,
    certificateRequests: requests,
  })
  tickets?.sendFirst()
  return inUse({ connection, keys, requests, tickets })
}

// ── what the states use ──

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

/** Where clients are asked later at most, there is nothing to say about one that has not been asked. */
function isForVeto({ setup }: ServerConnection, peer: ClientPeer): boolean {
  const { verifyPeer } = setup.configuration
  return verifyPeer !== undefined && (setup.verifier !== undefined || whoIs(peer).chain.length > 0)
}

const noContext: Uint8Array = new Uint8Array(0)
