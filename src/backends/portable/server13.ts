import { noFacts } from '../../channel/facts.ts'
import { hashLength } from '../../crypto/algorithms.ts'
import { CertificateError } from '../../errors.ts'
import { encodeProtocol } from './application-protocols.ts'
import {
  type AuthenticatedPeer,
  type FinishedProof,
  sign,
  signedContent,
  verifyCertificateVerify,
  verifyFinished,
} from './authentication.ts'
import { chooseVersion } from './client-choice.ts'
import { recordSizeLimit } from './client-hello.ts'
import type { ServerConnection } from './connection.ts'
import { fault } from './faults.ts'
import { drawGrease } from './grease.ts'
import { type Directions, EarlyStage, type Exporter, type HandshakeStage } from './key-schedule.ts'
import type { Checked, StateOf } from './machine.ts'
import {
  decodeCertificateVerify,
  decodeFinished,
  encodeCertificateVerify,
  encodeFinished,
} from './messages/authentication.ts'
import { decodeCertificate, encodeCertificate } from './messages/certificate.ts'
import { encodeCertificateRequest } from './messages/certificate-request.ts'
import { type ClientHello, decodeClientHello } from './messages/client-hello.ts'
import { encodeEncryptedExtensions } from './messages/encrypted-extensions.ts'
import type { ExtensionsIn } from './messages/extension-forms.ts'
import { type OfferedExtensions, offeredExtensions } from './messages/extensions.ts'
import { encodeServerHello, helloRetryRequestRandom } from './messages/server-hello.ts'
import { type Negotiated, negotiate, requireSameHello } from './negotiation13.ts'
import type { AcceptedChain, PeerVerifier } from './peer-verification.ts'
import { versionCode } from './protocol-version.ts'
import { startServer12 } from './server12.ts'
import type { Credential } from './setup.ts'
import { wantsStatus } from './status-request.ts'
import { TrafficKeys } from './traffic-keys.ts'
import { Transcript } from './transcript.ts'

/** A server's handshake: RFC 9846, Appendix A.2, with the pauses of the channel. Early data and resumption will add their states. */
export const SERVER13 = {
  WAIT_CH: { client_hello: ['WAIT_CH_AGAIN', 'SIGNING', 'WAIT_CERT', 'WAIT_FINISHED', 'TLS12'] }, // AGAIN: HelloRetryRequest
  WAIT_CH_AGAIN: { client_hello: ['SIGNING', 'WAIT_CERT', 'WAIT_FINISHED'] },
  SIGNING: { signature: ['WAIT_CERT', 'WAIT_FINISHED'] }, // paused: the key is elsewhere
  WAIT_CERT: { certificate: ['WAIT_CV', 'WAIT_FINISHED'] },
  WAIT_CV: { certificate_verify: ['WAIT_FINISHED'] },
  WAIT_FINISHED: { finished: ['WAIT_VERDICT', 'CONNECTED'] },
  WAIT_VERDICT: { accepted: ['CONNECTED'] }, // paused: the application's veto
  CONNECTED: { key_update: ['CONNECTED'] },
  TLS12: {}, // goes on in the diagram of TLS 1.2
} as const
type In<S extends keyof typeof SERVER13> = StateOf<Checked<typeof SERVER13>, S>

declare const proof: unique symbol
/** A client that showed no certificate, which is all right. Made only by `acceptAnonymous`. */
interface AnonymousPeer {
  readonly [proof]: 'anonymous'
}

/** The handshake's keys are there, and our part of it up to the Certificate is sent. */
interface Keys {
  readonly connection: ServerConnection
  readonly hello: ClientHello
  readonly transcript: Transcript
  readonly negotiated: Negotiated
  readonly stage: HandshakeStage
  readonly traffic: Directions
  /** What we asked of the client; `undefined` where its certificate is not wanted. */
  readonly request: { readonly verifier: PeerVerifier; readonly extensions: OfferedExtensions } | undefined
}
/** We have said Finished. */
interface Finishing extends Keys {
  readonly keys: TrafficKeys
  readonly exporter: Exporter
}

export function startServer(connection: ServerConnection): In<'WAIT_CH'> {
  return {
    name: 'WAIT_CH',
    on: {
      client_hello: ({ body, raw }) => {
        const hello = decodeClientHello(body)
        if (chooseVersion(connection, hello) === 'TLSv1.2') {
          connection.handOver(startServer12(connection, hello, raw))
          return { name: 'TLS12', on: {} }
        }
        connection.agreeOn('TLSv1.3')
        const negotiated = negotiate(connection, hello)
        const transcript = new Transcript(connection.crypto)
        transcript.start(negotiated.suite.hash)
        transcript.add(raw)
        if (hello.extensions.early_data !== undefined) connection.skipEarlyData()
        if (negotiated.share === undefined) return askAgain(connection, hello, negotiated, transcript)
        return agreeOnKeys(connection, hello, negotiated, negotiated.share, transcript, true)
      },
    },
  }
}

function waitClientHelloAgain(
  connection: ServerConnection,
  first: ClientHello,
  before: Negotiated,
  transcript: Transcript,
): In<'WAIT_CH_AGAIN'> {
  return {
    name: 'WAIT_CH_AGAIN',
    on: {
      client_hello: ({ body, raw }) => {
        const hello = decodeClientHello(body)
        requireSameHello(first, hello)
        const negotiated = negotiate(connection, hello)
        const { share } = negotiated
        const isSame = negotiated.suite === before.suite && negotiated.group === before.group
        const onlyShare = hello.extensions.key_share?.length === 1
        if (!isSame || !onlyShare || share === undefined) throw fault('changed-client-hello', 'not the share asked for')
        transcript.add(raw)
        return agreeOnKeys(connection, hello, negotiated, share, transcript, false)
      },
    },
  }
}

function signing(k: Keys): In<'SIGNING'> {
  return { name: 'SIGNING', on: { signature: (signature) => finish(k, signature) } }
}

function waitCertificate(k: Finishing, request: NonNullable<Keys['request']>): In<'WAIT_CERT'> {
  return {
    name: 'WAIT_CERT',
    on: {
      certificate: ({ body, raw }) => {
        const { context, entries } = decodeCertificate(body, request.extensions)
        if (context.length > 0) throw fault('malformed-request-context')
        k.transcript.add(raw)
        if (entries.length === 0) return waitFinished(k, acceptAnonymous(k.connection))
        const chain = entries.map(({ certificate }) => certificate)
        return waitCertificateVerify(k, request.verifier.accept(request.verifier.vouch(chain, undefined)))
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

function waitFinished(k: Finishing, peer: AuthenticatedPeer | AnonymousPeer): In<'WAIT_FINISHED'> {
  const { connection, transcript, negotiated, traffic, keys } = k
  return {
    name: 'WAIT_FINISHED',
    on: {
      finished: ({ body }) => {
        const { verifyData } = decodeFinished(body, hashLength[negotiated.suite.hash])
        const expected = traffic.client.finished(transcript.digest())
        const finished = verifyFinished(connection.crypto, expected, verifyData)
        traffic.client.wipe()
        keys.protectIncoming()
        const { verifyPeer } = connection.setup.configuration
        return verifyPeer === undefined ? connected(k, peer, finished) : waitVerdict(k, peer, finished)
      },
    },
  }
}

function waitVerdict(
  k: Finishing,
  peer: AuthenticatedPeer | AnonymousPeer,
  finished: FinishedProof,
): In<'WAIT_VERDICT'> {
  const chain = 'chain' in peer ? peer.chain.chain : Object.freeze([])
  k.connection.pause({ kind: 'verify-peer', peer: Object.freeze({ chain, serverName: undefined }) })
  return { name: 'WAIT_VERDICT', on: { accepted: () => connected(k, peer, finished) } }
}

function connected(k: Finishing, peer: AuthenticatedPeer | AnonymousPeer, _finished: FinishedProof): In<'CONNECTED'> {
  const { connection, negotiated, keys, exporter, hello } = k
  const known = 'chain' in peer ? peer : undefined
  connection.establish({
    facts: Object.freeze({
      ...noFacts,
      version: 'TLSv1.3',
      cipherSuite: negotiated.suite.code,
      group: negotiated.group,
      signatureScheme: known?.signatureScheme ?? negotiated.scheme,
      innerProtocol: negotiated.innerProtocol,
      serverName: hello.extensions.server_name || undefined,
      peerCertificate: known?.chain.chain[0],
      peerChain: known?.chain.chain ?? Object.freeze([]),
      verified: known?.chain.verified ?? false,
    }),
    serverCertificate: negotiated.credential.chain[0],
    exportKeyingMaterial: (label, context, length) => exporter.export(label, context, length),
    updateOutgoingKeys: keys.sendUpdate,
    wipe: () => keys.wipe(),
  })
  const self: In<'CONNECTED'> = {
    name: 'CONNECTED',
    on: {
      key_update: ({ body }) => {
        keys.receiveUpdate(body)
        return self
      },
    },
  }
  return self
}

// ── what the states use ──

/** HelloRetryRequest: RFC 9846, Section 4.1.4. It needs no cookie: this channel keeps the state. */
function askAgain(
  connection: ServerConnection,
  hello: ClientHello,
  negotiated: Negotiated,
  transcript: Transcript,
): In<'WAIT_CH_AGAIN'> {
  const { suite, group } = negotiated
  transcript.replaceByHash(suite.hash)
  const message = encodeServerHello({
    kind: 'hello_retry_request',
    legacyVersion: versionCode['TLSv1.2'],
    random: helloRetryRequestRandom,
    sessionId: hello.sessionId,
    cipherSuite: suite.code,
    extensions: { supported_versions: versionCode['TLSv1.3'], key_share: group },
  })
  connection.send(message)
  transcript.add(message)
  if (hello.sessionId.length > 0) connection.sendChangeCipherSpec()
  return waitClientHelloAgain(connection, hello, negotiated, transcript)
}

/** ServerHello to Certificate: RFC 9846, Sections 4.1.3 to 4.4.2. */
function agreeOnKeys(
  connection: ServerConnection,
  hello: ClientHello,
  negotiated: Negotiated,
  share: Uint8Array,
  transcript: Transcript,
  isFirst: boolean,
): In<'SIGNING'> | In<'WAIT_CERT'> | In<'WAIT_FINISHED'> {
  const { crypto } = connection
  const { suite, group, credential, scheme } = negotiated
  const accepted = crypto.acceptKeyShare(group, share)
  if (accepted === undefined) throw fault('bad-key-share')
  const send = (message: Uint8Array): void => {
    connection.send(message)
    transcript.add(message)
  }
  send(
    encodeServerHello({
      kind: 'server_hello',
      legacyVersion: versionCode['TLSv1.2'],
      random: crypto.random(32),
      sessionId: hello.sessionId,
      cipherSuite: suite.code,
      extensions: {
        key_share: { group, keyExchange: accepted.publicKey },
        supported_versions: versionCode['TLSv1.3'],
      },
    }),
  )
  if (isFirst && hello.sessionId.length > 0) connection.sendChangeCipherSpec()
  const stage = new EarlyStage(crypto, suite).shareSecret(accepted.sharedSecret)
  const traffic = stage.traffic(transcript.digest())
  connection.logSecret('CLIENT_HANDSHAKE_TRAFFIC_SECRET', hello.random, traffic.client.reveal())
  connection.logSecret('SERVER_HANDSHAKE_TRAFFIC_SECRET', hello.random, traffic.server.reveal())
  connection.protectOutgoing(traffic.server.sealer())
  connection.protectIncoming(traffic.client.opener({ allowsPlainAlert: true }))
  send(encodeEncryptedExtensions({ extensions: answerExtensions(connection, hello, negotiated) }))
  const request = requestCertificate(connection, send)
  const entries = credential.chain.map((certificate, depth) => ({
    certificate,
    extensions: depth === 0 ? evidenceFor(hello, credential) : {},
  }))
  send(encodeCertificate({ context: new Uint8Array(0), entries }))
  const k: Keys = { connection, hello, transcript, negotiated, stage, traffic, request }
  const signature = sign(connection, credential, scheme, signedContent('server', transcript.digest()))
  return signature === undefined ? signing(k) : finish(k, signature)
}

/** CertificateVerify and Finished: RFC 9846, Sections 4.4.3 and 4.4.4. */
function finish(k: Keys, signature: Uint8Array): In<'WAIT_CERT'> | In<'WAIT_FINISHED'> {
  const { connection, transcript, negotiated, stage, traffic, hello, request } = k
  const send = (message: Uint8Array): void => {
    connection.send(message)
    transcript.add(message)
  }
  send(encodeCertificateVerify({ algorithm: negotiated.scheme, signature }))
  send(encodeFinished({ verifyData: traffic.server.finished(transcript.digest()) }))
  traffic.server.wipe()
  const master = stage.finish()
  const digest = transcript.digest()
  const application = master.traffic(digest)
  const exporter = master.exporter(digest)
  master.wipe()
  connection.logSecret('CLIENT_TRAFFIC_SECRET_0', hello.random, application.client.reveal())
  connection.logSecret('SERVER_TRAFFIC_SECRET_0', hello.random, application.server.reveal())
  connection.logSecret('EXPORTER_SECRET', hello.random, exporter.reveal())
  const keys = new TrafficKeys(connection, 'server', application)
  keys.protectOutgoing()
  const finishing = { ...k, keys, exporter }
  return request === undefined
    ? waitFinished(finishing, acceptAnonymous(connection))
    : waitCertificate(finishing, request)
}

function answerExtensions(
  connection: ServerConnection,
  { extensions }: ClientHello,
  { innerProtocol }: Negotiated,
): Parameters<typeof encodeEncryptedExtensions>[0]['extensions'] {
  const { server_name: name, record_size_limit: limit } = extensions
  // In TLS 1.3 the limit counts the byte of the type: RFC 8449, Section 4.
  if (limit !== undefined) connection.limitOutgoingContent(limit - 1)
  return {
    server_name: name === undefined || name === '' ? undefined : true,
    application_layer_protocol_negotiation: innerProtocol === undefined ? undefined : encodeProtocol(innerProtocol),
    record_size_limit: limit === undefined ? undefined : recordSizeLimit,
  }
}

/** What goes beside our own certificate to a client that asks for it: RFC 9846, Section 4.4.2.1. */
function evidenceFor({ extensions }: ClientHello, credential: Credential): ExtensionsIn<'certificate'> {
  return {
    status_request: wantsStatus(extensions.status_request) ? credential.ocspResponse?.() : undefined,
    signed_certificate_timestamp:
      extensions.signed_certificate_timestamp && credential.timestamps.length > 0 ? credential.timestamps : undefined,
  }
}

/** RFC 9846, Section 4.3.2. */
function requestCertificate({ setup, crypto }: ServerConnection, send: (message: Uint8Array) => void): Keys['request'] {
  const { verifier, authorities, settings } = setup
  if (verifier === undefined) return undefined
  const { signatureSchemes, certificateSignatureSchemes } = settings
  const grease = drawGrease(crypto)
  const extensions = {
    unknown: [{ type: grease.extension, body: new Uint8Array(0) }],
    signature_algorithms: [...signatureSchemes, grease.signatureScheme],
    signature_algorithms_cert: certificateSignatureSchemes,
    certificate_authorities: authorities.length > 0 ? authorities : undefined,
  }
  send(encodeCertificateRequest({ context: new Uint8Array(0), extensions }))
  return { verifier, extensions: offeredExtensions(extensions) }
}

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
