import { noFacts } from '../../channel/facts.ts'
import { nameText } from '../../channel/server-name.ts'
import type { CodePoint } from '../../config/registry.ts'
import { hashLength } from '../../crypto/algorithms.ts'
import { acceptProtocol } from './application-protocols.ts'
import {
  type AuthenticatedPeer,
  chooseScheme,
  type FinishedProof,
  sign,
  signedContent,
  verifyCertificateVerify,
  verifyFinished,
} from './authentication.ts'
import { resendClientHello, sendClientHello } from './client-hello.ts'
import { startClient12 } from './client12.ts'
import type { ClientConnection } from './connection.ts'
import { fault } from './faults.ts'
import { type Directions, EarlyStage, type Exporter, type HandshakeStage } from './key-schedule.ts'
import type { Checked, HandshakeMessage, StateOf } from './machine.ts'
import {
  decodeCertificateVerify,
  decodeFinished,
  encodeCertificateVerify,
  encodeFinished,
} from './messages/authentication.ts'
import { decodeCertificate, encodeCertificate } from './messages/certificate.ts'
import { decodeCertificateRequest } from './messages/certificate-request.ts'
import { decodeEncryptedExtensions } from './messages/encrypted-extensions.ts'
import { decodeNewSessionTicket } from './messages/post-handshake.ts'
import { decodeServerHello, type HelloRetryRequest, type ServerHello13 } from './messages/server-hello.ts'
import type { AcceptedChain } from './peer-verification.ts'
import type { SentHello } from './sent-hello.ts'
import { requireSessionId, requireSuite, requireVersion12, requireVersion13 } from './server-choice.ts'
import type { Credential } from './setup.ts'
import type { SuiteParameters } from './suites.ts'
import { TrafficKeys } from './traffic-keys.ts'

/**
 * A client's handshake: RFC 9846, Appendix A.1, with the pauses of the channel. Resumption will add an arrow from WAIT_EE to
 * WAIT_FINISHED, post-handshake authentication one from CONNECTED.
 */
export const CLIENT13 = {
  WAIT_SH: { server_hello: ['WAIT_SH_AGAIN', 'WAIT_EE', 'TLS12'] }, // AGAIN: HelloRetryRequest
  WAIT_SH_AGAIN: { server_hello: ['WAIT_EE'] },
  WAIT_EE: { encrypted_extensions: ['WAIT_CERT_CR'] },
  WAIT_CERT_CR: { certificate_request: ['WAIT_CERT'], certificate: ['WAIT_CV'] },
  WAIT_CERT: { certificate: ['WAIT_CV'] },
  WAIT_CV: { certificate_verify: ['WAIT_FINISHED'] },
  WAIT_FINISHED: { finished: ['WAIT_VERDICT', 'SIGNING', 'CONNECTED'] },
  WAIT_VERDICT: { accepted: ['SIGNING', 'CONNECTED'] }, // paused: the application's veto
  SIGNING: { signature: ['CONNECTED'] }, // paused: the key is elsewhere
  CONNECTED: { new_session_ticket: ['CONNECTED'], key_update: ['CONNECTED'] },
  TLS12: {}, // goes on in the diagram of TLS 1.2
} as const
type In<S extends keyof typeof CLIENT13> = StateOf<Checked<typeof CLIENT13>, S>

/** The server has chosen, and there are keys. */
interface Keys {
  readonly connection: ClientConnection
  readonly sent: SentHello
  readonly suite: SuiteParameters
  readonly group: CodePoint
  readonly stage: HandshakeStage
  readonly traffic: Directions
}
/** What was agreed besides. */
interface Agreed extends Keys {
  readonly innerProtocol: string | undefined
}
/** What the server wants to see of us; `undefined` where it does not ask. */
type Request = { readonly schemes: readonly CodePoint[] } | undefined
/** The server is who it says, and the handshake is what both saw. */
interface Verified extends Agreed {
  readonly peer: AuthenticatedPeer
  readonly finished: FinishedProof
  readonly request: Request
  readonly keys: TrafficKeys
  readonly exporter: Exporter
}

/** Sends the ClientHello of a connection. */
export function startClient(connection: ClientConnection): In<'WAIT_SH'> {
  return waitServerHello(connection, sendClientHello(connection))
}

export function waitServerHello(connection: ClientConnection, sent: SentHello): In<'WAIT_SH'> {
  return {
    name: 'WAIT_SH',
    on: {
      server_hello: ({ body, raw }) => {
        const hello = decodeServerHello(body, sent.extensions)
        if (hello.kind === 'server_hello12') {
          requireVersion12(connection, hello)
          connection.handOver(startClient12(connection, sent, hello, raw))
          return { name: 'TLS12', on: {} }
        }
        requireVersion13(connection, hello)
        connection.agreeOn('TLSv1.3')
        if (hello.kind === 'hello_retry_request') return retry(connection, sent, hello, raw)
        sendChangeCipherSpec(connection, sent)
        return agreeOnKeys(connection, sent, hello, raw)
      },
    },
  }
}

function waitServerHelloAgain(
  connection: ClientConnection,
  sent: SentHello,
  request: HelloRetryRequest,
): In<'WAIT_SH_AGAIN'> {
  return {
    name: 'WAIT_SH_AGAIN',
    on: {
      server_hello: ({ body, raw }) => {
        const hello = decodeServerHello(body, sent.extensions)
        requireVersion13(connection, hello)
        if (hello.kind === 'hello_retry_request') throw fault('unexpected-message', 'a second HelloRetryRequest')
        if (hello.cipherSuite !== request.cipherSuite) throw fault('wrong-cipher-suite-choice', 'not the one before')
        return agreeOnKeys(connection, sent, hello, raw)
      },
    },
  }
}

function waitEncryptedExtensions(k: Keys): In<'WAIT_EE'> {
  const { connection, sent } = k
  return {
    name: 'WAIT_EE',
    on: {
      encrypted_extensions: ({ body, raw }) => {
        const { extensions } = decodeEncryptedExtensions(body, sent.extensions)
        sent.transcript.add(raw)
        const { application_layer_protocol_negotiation: protocol, record_size_limit: limit } = extensions
        // In TLS 1.3 the limit counts the byte of the type: RFC 8449, Section 4.
        if (limit !== undefined) connection.limitOutgoingContent(limit - 1)
        return waitCertificateOrRequest({
          ...k,
          innerProtocol: acceptProtocol(connection.setup.settings.innerProtocols, protocol),
        })
      },
    },
  }
}

function waitCertificateOrRequest(k: Agreed): In<'WAIT_CERT_CR'> {
  return {
    name: 'WAIT_CERT_CR',
    on: {
      certificate_request: ({ body, raw }) => {
        const { context, extensions } = decodeCertificateRequest(body)
        if (context.length > 0) throw fault('malformed-request-context')
        k.sent.transcript.add(raw)
        return waitCertificate(k, { schemes: extensions.signature_algorithms })
      },
      certificate: (message) => waitCertificateVerify(k, undefined, acceptChain(k, message)),
    },
  }
}

function waitCertificate(k: Agreed, request: Request): In<'WAIT_CERT'> {
  return {
    name: 'WAIT_CERT',
    on: { certificate: (message) => waitCertificateVerify(k, request, acceptChain(k, message)) },
  }
}

function waitCertificateVerify(k: Agreed, request: Request, chain: AcceptedChain): In<'WAIT_CV'> {
  const { connection, sent } = k
  return {
    name: 'WAIT_CV',
    on: {
      certificate_verify: ({ body, raw }) => {
        const message = decodeCertificateVerify(body)
        const offered = connection.setup.settings.signatureSchemes
        const transcript = sent.transcript.digest()
        const peer = verifyCertificateVerify(connection.crypto, 'server', chain, offered, message, transcript)
        sent.transcript.add(raw)
        return waitFinished(k, request, peer)
      },
    },
  }
}

function waitFinished(k: Agreed, request: Request, peer: AuthenticatedPeer): In<'WAIT_FINISHED'> {
  const { connection, sent, stage, traffic } = k
  return {
    name: 'WAIT_FINISHED',
    on: {
      finished: ({ body, raw }) => {
        const { verifyData } = decodeFinished(body, hashLength[k.suite.hash])
        const expected = traffic.server.finished(sent.transcript.digest())
        const finished = verifyFinished(connection.crypto, expected, verifyData)
        sent.transcript.add(raw)
        traffic.server.wipe()
        const master = stage.finish()
        const transcript = sent.transcript.digest()
        const application = master.traffic(transcript)
        const exporter = master.exporter(transcript)
        master.wipe()
        connection.logSecret('CLIENT_TRAFFIC_SECRET_0', sent.random, application.client.reveal())
        connection.logSecret('SERVER_TRAFFIC_SECRET_0', sent.random, application.server.reveal())
        connection.logSecret('EXPORTER_SECRET', sent.random, exporter.reveal())
        const keys = new TrafficKeys(connection, 'client', application)
        keys.protectIncoming()
        const verified = { ...k, request, peer, finished, keys, exporter }
        return connection.setup.configuration.verifyPeer === undefined ? answer(verified) : waitVerdict(verified)
      },
    },
  }
}

/** Nothing of ours has been shown yet: neither a certificate nor data. */
function waitVerdict(k: Verified): In<'WAIT_VERDICT'> {
  const { connection, peer } = k
  const { chain } = peer.chain
  connection.pause({
    kind: 'verify-peer',
    peer: Object.freeze({ chain, serverName: nameText(connection.serverName) }),
  })
  return { name: 'WAIT_VERDICT', on: { accepted: () => answer(k) } }
}

function signing(k: Verified, scheme: CodePoint): In<'SIGNING'> {
  return { name: 'SIGNING', on: { signature: (signature) => connected(k, { scheme, signature }) } }
}

function connected(
  k: Verified,
  proven?: { readonly scheme: CodePoint; readonly signature: Uint8Array },
): In<'CONNECTED'> {
  const { connection, sent, keys, exporter, peer } = k
  if (proven !== undefined) {
    sendCounted(k, encodeCertificateVerify({ algorithm: proven.scheme, signature: proven.signature }))
  }
  sendCounted(k, encodeFinished({ verifyData: k.traffic.client.finished(sent.transcript.digest()) }))
  k.traffic.client.wipe()
  keys.protectOutgoing()
  connection.establish({
    facts: Object.freeze({
      ...noFacts,
      version: 'TLSv1.3',
      cipherSuite: k.suite.code,
      group: k.group,
      signatureScheme: peer.signatureScheme,
      innerProtocol: k.innerProtocol,
      serverName: nameText(connection.serverName),
      peerCertificate: peer.chain.chain[0],
      peerChain: peer.chain.chain,
      verified: peer.chain.verified,
      ocspResponse: peer.chain.ocspResponse,
      signedCertificateTimestamps: peer.chain.timestamps,
    }),
    serverCertificate: peer.chain.chain[0],
    exportKeyingMaterial: (label, context, length) => exporter.export(label, context, length),
    updateOutgoingKeys: keys.sendUpdate,
    wipe: () => keys.wipe(),
  })
  const self: In<'CONNECTED'> = {
    name: 'CONNECTED',
    on: {
      new_session_ticket: ({ body, raw }) => {
        decodeNewSessionTicket(body)
        connection.keepTicket(raw)
        return self
      },
      key_update: ({ body }) => {
        keys.receiveUpdate(body)
        return self
      },
    },
  }
  return self
}

// ── what the states use ──

/** RFC 9846, Section 4.1.4. */
function retry(
  connection: ClientConnection,
  sent: SentHello,
  hello: HelloRetryRequest,
  raw: Uint8Array,
): In<'WAIT_SH_AGAIN'> {
  const suite = requireSuite(connection, hello)
  requireSessionId(sent, hello)
  const { key_share: group, cookie } = hello.extensions
  if (group === undefined && cookie === undefined) throw fault('needless-hello-retry')
  if (group !== undefined) {
    if (!connection.setup.settings.groups.includes(group)) throw fault('wrong-group-choice')
    if (sent.keyShares.some((share) => share.group === group)) throw fault('needless-hello-retry')
  }
  sent.transcript.replaceByHash(suite.hash)
  sent.transcript.add(raw)
  sendChangeCipherSpec(connection, sent)
  return waitServerHelloAgain(connection, resendClientHello(connection, sent, { group, cookie }), hello)
}

/** The key exchange is complete: from here on both directions are protected. */
function agreeOnKeys(
  connection: ClientConnection,
  sent: SentHello,
  hello: ServerHello13,
  raw: Uint8Array,
): In<'WAIT_EE'> {
  const { crypto } = connection
  const suite = requireSuite(connection, hello)
  requireSessionId(sent, hello)
  const { key_share: theirs } = hello.extensions
  if (theirs === undefined) throw fault('missing-extension', 'key_share')
  const ours = sent.keyShares.find(({ group }) => group === theirs.group)
  if (ours === undefined) throw fault('wrong-group-choice')
  const secret = ours.agree(theirs.keyExchange)
  if (secret === undefined) throw fault('bad-key-share')
  sent.transcript.start(suite.hash)
  sent.transcript.add(raw)
  const stage = new EarlyStage(crypto, suite).shareSecret(secret)
  const traffic = stage.traffic(sent.transcript.digest())
  connection.logSecret('CLIENT_HANDSHAKE_TRAFFIC_SECRET', sent.random, traffic.client.reveal())
  connection.logSecret('SERVER_HANDSHAKE_TRAFFIC_SECRET', sent.random, traffic.server.reveal())
  connection.protectIncoming(traffic.server.opener())
  connection.protectOutgoing(traffic.client.sealer())
  return waitEncryptedExtensions({ connection, sent, suite, group: theirs.group, stage, traffic })
}

/** Once, and only where the hello looks like resumption of TLS 1.2: RFC 9846, Appendix D.4. */
function sendChangeCipherSpec(connection: ClientConnection, sent: SentHello): void {
  if (sent.sessionId.length > 0) connection.sendChangeCipherSpec()
}

function acceptChain({ connection, sent }: Agreed, { body, raw }: HandshakeMessage): AcceptedChain {
  const { context, entries } = decodeCertificate(body, sent.extensions)
  if (context.length > 0) throw fault('malformed-request-context')
  if (entries.length === 0) throw fault('empty-server-certificate')
  sent.transcript.add(raw)
  const { verifier } = connection.setup
  const chain = entries.map(({ certificate }) => certificate)
  // RFC 9846, Section 4.4.2.1: each is about the certificate that it stands with.
  const { status_request: ocspResponse, signed_certificate_timestamp: timestamps } = entries[0]?.extensions ?? {}
  return verifier.accept(verifier.vouch(chain, connection.serverName), { ocspResponse, timestamps })
}

/** Our last flight: what was asked for, and Finished. RFC 9846, Section 4.4. */
function answer(k: Verified): In<'SIGNING'> | In<'CONNECTED'> {
  const { connection, request, sent } = k
  if (request === undefined) return connected(k)
  const { credential, settings } = connection.setup
  const scheme = credential && chooseScheme(credential, settings.signatureSchemes, request.schemes)
  const chain = scheme === undefined ? [] : (credential as Credential).chain
  const entries = chain.map((certificate) => ({ certificate, extensions: {} }))
  sendCounted(k, encodeCertificate({ context: new Uint8Array(0), entries }))
  if (credential === undefined || scheme === undefined) return connected(k)
  const signature = sign(connection, credential, scheme, signedContent('client', sent.transcript.digest()))
  return signature === undefined ? signing(k, scheme) : connected(k, { scheme, signature })
}

function sendCounted({ connection, sent }: Keys, message: Uint8Array): void {
  connection.send(message)
  sent.transcript.add(message)
}
