import { agreedFacts } from '../../channel/facts.ts'
import { MemorySessionCache } from '../../channel/memory-session-cache.ts'
import { nameText } from '../../channel/server-name.ts'
import type { CodePoint } from '../../config/registry.ts'
import type { Session } from '../../config/session.ts'
import { hashLength } from '../../crypto/algorithms.ts'
import { equalPublicBytes } from '../../crypto/bytes.ts'
import { type Agreed12, agreeOnHellos12 } from './agreement12.ts'
import { acceptProtocol } from './application-protocols.ts'
import { sign, signedContent, verifyCertificateVerify, verifyFinished } from './authentication.ts'
import { certificateOf, readRequest, schemeFor } from './client-certificate13.ts'
import {
  type Agreed,
  acceptChain,
  acceptCompressedChain,
  agreeOnKeys,
  endEarlyData,
  judgeEarlyData,
  type Keys,
  type Request,
  type ServerPeer,
  sendChangeCipherSpec,
  sendCounted,
  type Verified,
} from './client-flight13.ts'
import { resendClientHello, sendClientHello } from './client-hello.ts'
import { inUse } from './client-in-use13.ts'
import { startClient12 } from './client12.ts'
import type { ClientConnection } from './connection.ts'
import { endPointOfChain } from './end-point.ts'
import { fault } from './faults.ts'
import type { AnyState, Checked, StateOf } from './machine.ts'
import {
  decodeCertificateVerify,
  decodeFinished,
  encodeCertificateVerify,
  encodeFinished,
} from './messages/authentication.ts'
import { decodeEncryptedExtensions } from './messages/encrypted-extensions.ts'
import { decodeServerHello, type HelloRetryRequest } from './messages/server-hello.ts'
import type { AcceptedChain } from './peer-verification.ts'
import { startResumedClient12 } from './resumed-client12.ts'
import type { SentHello } from './sent-hello.ts'
import { requireSessionId, requireSuite, requireVersion12, requireVersion13 } from './server-choice.ts'
import { certificatesOf, identityOf, peerFacts, serverOf } from './session-peer.ts'
import type { Credential } from './setup.ts'
import { TrafficKeys } from './traffic-keys.ts'

/** A client's handshake: RFC 9846, Appendix A.1, with the pauses of the channel. From CONNECTED on: `client-in-use13.ts`. */
export const CLIENT13 = {
  TAKING_SESSION: { session: ['WAIT_SH'] }, // paused: the application's cache
  WAIT_SH: { server_hello: ['WAIT_SH_AGAIN', 'WAIT_EE', 'TLS12'] }, // AGAIN: HelloRetryRequest
  WAIT_SH_AGAIN: { server_hello: ['WAIT_EE'] },
  WAIT_EE: { encrypted_extensions: ['WAIT_CERT_CR', 'WAIT_FINISHED'] }, // FINISHED: a key that both had proves the server
  WAIT_CERT_CR: { certificate_request: ['WAIT_CERT'], certificate: ['WAIT_CV'], compressed_certificate: ['WAIT_CV'] },
  WAIT_CERT: { certificate: ['WAIT_CV'], compressed_certificate: ['WAIT_CV'] },
  WAIT_CV: { certificate_verify: ['WAIT_FINISHED'] },
  WAIT_FINISHED: { finished: ['WAIT_VERDICT', 'CHOOSING', 'SIGNING', 'CONNECTED'] },
  WAIT_VERDICT: { accepted: ['CHOOSING', 'SIGNING', 'CONNECTED'] }, // paused: the application's veto
  CHOOSING: { chosen: ['SIGNING', 'CONNECTED'] }, // paused: which certificate the application shows
  SIGNING: { signature: ['CONNECTED'] }, // paused: the key is elsewhere
  CONNECTED: {
    new_session_ticket: ['CONNECTED'],
    key_update: ['CONNECTED'],
    certificate_request: ['CHOOSING_LATE', 'SIGNING_LATE', 'CONNECTED'],
  },
  CHOOSING_LATE: { chosen: ['SIGNING_LATE', 'CONNECTED'] }, // paused: which certificate the application shows
  SIGNING_LATE: { signature: ['CONNECTED'] }, // paused: the key is elsewhere
  TLS12: {}, // goes on in the diagram of TLS 1.2
} as const
export type In<S extends keyof typeof CLIENT13> = StateOf<Checked<typeof CLIENT13>, S>

/** Sends the ClientHello of a connection; before that, the application's cache may have to be asked for a session. */
export function startClient(connection: ClientConnection): In<'TAKING_SESSION'> | In<'WAIT_SH'> {
  const { options, setup, serverName } = connection
  const { cache } = setup.sessions
  const key = setup.sessions.bindingFor(serverName, options.service)
  if (cache === undefined) return sayHello(connection, undefined)
  if (options.session !== undefined) return sayHello(connection, options.session)
  if (cache instanceof MemorySessionCache) return sayHello(connection, cache.take(key))
  connection.pause({ kind: 'take-session', cache, key })
  return { name: 'TAKING_SESSION', on: { session: (session) => sayHello(connection, session) } }
}

function sayHello(connection: ClientConnection, session: Session | undefined): In<'WAIT_SH'> {
  const { options, setup, serverName } = connection
  const binding = setup.sessions.bindingFor(serverName, options.service)
  const offerable = session && setup.sessions.judge(session, binding, serverName)
  return waitServerHello(connection, sendClientHello(connection, offerable))
}

export function waitServerHello(connection: ClientConnection, sent: SentHello): In<'WAIT_SH'> {
  return {
    name: 'WAIT_SH',
    on: {
      server_hello: ({ body, raw }) => {
        const hello = decodeServerHello(body, sent.extensions)
        if (hello.kind === 'server_hello12') {
          requireVersion12(connection, hello)
          // RFC 9846, Section 4.2.10: such a server does not know what early data is.
          if (sent.earlySuite !== undefined) throw fault('wrong-version-choice', 'TLS 1.2, behind early data')
          connection.handOver(startTLS12(agreeOnHellos12(connection, sent, hello, raw), sent))
          return { name: 'TLS12', on: {} }
        }
        requireVersion13(connection, hello)
        connection.agreeOn('TLSv1.3')
        if (hello.kind === 'hello_retry_request') return retry(connection, sent, hello, raw)
        sendChangeCipherSpec(connection, sent)
        return waitEncryptedExtensions(agreeOnKeys(connection, sent, hello, raw))
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
        return waitEncryptedExtensions(agreeOnKeys(connection, sent, hello, raw))
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
        const innerProtocol = acceptProtocol(connection.setup.settings.innerProtocols, protocol)
        const earlyData = judgeEarlyData(k, extensions.early_data === true, innerProtocol)
        // Without an answer to it our next flight is under the handshake's own keys.
        if (sent.earlySuite !== undefined && earlyData !== 'accepted')
          connection.protectOutgoing(k.traffic.client.sealer())
        const agreed = { ...k, innerProtocol, earlyData }
        return k.key === undefined ? waitCertificateOrRequest(agreed) : waitFinished(agreed, undefined, serverOf(k.key))
      },
    },
  }
}

function waitCertificateOrRequest(k: Agreed): In<'WAIT_CERT_CR'> {
  return {
    name: 'WAIT_CERT_CR',
    on: {
      certificate_request: ({ body, raw }) => {
        const { context, request, compressions } = readRequest(body, false)
        if (context.length > 0) throw fault('malformed-request-context')
        k.sent.transcript.add(raw)
        return waitCertificate(k, { asked: request, compressions })
      },
      certificate: (message) => waitCertificateVerify(k, undefined, acceptChain(k, message)),
      compressed_certificate: (message) => waitCertificateVerify(k, undefined, acceptCompressedChain(k, message)),
    },
  }
}

function waitCertificate(k: Agreed, request: Request): In<'WAIT_CERT'> {
  return {
    name: 'WAIT_CERT',
    on: {
      certificate: (message) => waitCertificateVerify(k, request, acceptChain(k, message)),
      compressed_certificate: (message) => waitCertificateVerify(k, request, acceptCompressedChain(k, message)),
    },
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

function waitFinished(k: Agreed, request: Request, peer: ServerPeer): In<'WAIT_FINISHED'> {
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
        connection.logSecret('CLIENT_TRAFFIC_SECRET_0', sent.random, application.client.reveal())
        connection.logSecret('SERVER_TRAFFIC_SECRET_0', sent.random, application.server.reveal())
        connection.logSecret('EXPORTER_SECRET', sent.random, exporter.reveal())
        const keys = new TrafficKeys(connection, 'client', application)
        connection.guard(master, keys, exporter)
        keys.protectIncoming()
        if (k.earlyData === 'accepted') endEarlyData(k)
        const verified = { ...k, request, peer, finished, keys, exporter, master }
        return connection.setup.configuration.verifyPeer === undefined ? answer(verified) : waitVerdict(verified)
      },
    },
  }
}

/** Nothing of ours has been shown yet: neither a certificate nor data. */
function waitVerdict(k: Verified): In<'WAIT_VERDICT'> {
  const { connection, peer } = k
  connection.pause({ kind: 'verify-peer', peer: identityOf(peer, nameText(connection.serverName)) })
  return { name: 'WAIT_VERDICT', on: { accepted: () => answer(k) } }
}

function choosing(k: Verified): In<'CHOOSING'> {
  return {
    name: 'CHOOSING',
    on: { chosen: (chain) => show(k, chain && k.connection.setup.loadChosen(chain)) },
  }
}

function signing(k: Verified, scheme: CodePoint): In<'SIGNING'> {
  return { name: 'SIGNING', on: { signature: (signature) => connected(k, { scheme, signature }) } }
}

function connected(
  k: Verified,
  proven?: { readonly scheme: CodePoint; readonly signature: Uint8Array },
): In<'CONNECTED'> {
  const { connection, sent, keys, exporter, peer } = k
  const { configuration, sessions } = connection.setup
  if (proven !== undefined) {
    sendCounted(k, encodeCertificateVerify({ algorithm: proven.scheme, signature: proven.signature }))
  }
  sendCounted(k, encodeFinished({ verifyData: k.traffic.client.finished(sent.transcript.digest()) }))
  keys.protectOutgoing()
  const resumption = sessions.cache && k.master.resumption(sent.transcript.digest())
  const evidence = 'signatureScheme' in peer ? peer.chain : undefined
  connection.establish({
    facts: agreedFacts({
      version: 'TLSv1.3',
      cipherSuite: k.suite.code,
      group: k.group,
      signatureScheme: 'signatureScheme' in peer ? peer.signatureScheme : undefined,
      innerProtocol: k.innerProtocol,
      serverName: nameText(connection.serverName),
      ...peerFacts(peer),
      earlyData: k.earlyData,
      ocspResponse: evidence?.ocspResponse,
      certificateCompression: evidence?.compression,
      signedCertificateTimestamps: evidence?.timestamps,
    }),
    endPoint: endPointOfChain(certificatesOf(peer).peerChain),
    exporter,
    keys,
    resumption,
    tickets: undefined,
    certificateRequests: 'client',
  })
  return inUse({
    connection,
    keys,
    resumable: resumption && { connection, suite: k.suite, innerProtocol: k.innerProtocol, peer, resumption },
    handshake: configuration.postHandshakeAuthentication === true ? sent.transcript : undefined,
  })
}

// ── what the states use ──

/** An echo of our session id says that the server resumes: RFC 5246, Section 7.4.1.3; RFC 5077, Section 3.4. */
function startTLS12(agreed: Agreed12, { sessionId, session12 }: SentHello): AnyState {
  const isEcho = sessionId.length > 0 && equalPublicBytes(agreed.sessionId, sessionId)
  if (!isEcho) return startClient12(agreed)
  // It pretends to know a session that there is not.
  if (session12 === undefined) throw fault('wrong-session-id')
  return startResumedClient12(agreed, session12)
}

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
  // RFC 9846, Section 4.2.10: a HelloRetryRequest rejects early data.
  if (sent.earlySuite !== undefined) connection.sendInClear()
  sendChangeCipherSpec(connection, sent)
  const { hash } = suite
  return waitServerHelloAgain(connection, resendClientHello(connection, sent, { group, cookie, hash }), hello)
}

/** Our last flight: what was asked for, and Finished. RFC 9846, Section 4.4. */
function answer(k: Verified): In<'CHOOSING'> | In<'SIGNING'> | In<'CONNECTED'> {
  const { connection, request } = k
  if (request === undefined) return connected(k)
  if (connection.setup.configuration.chooseCertificate === undefined) return show(k, connection.setup.credential)
  connection.pause({ kind: 'choose-certificate', request: request.asked })
  return choosing(k)
}

function show(k: Verified, credential: Credential | undefined): In<'SIGNING'> | In<'CONNECTED'> {
  const { connection, sent } = k
  const { asked, compressions } = k.request as NonNullable<Request>
  const scheme = schemeFor(connection, asked, credential)
  const message = certificateOf(scheme === undefined ? undefined : credential, new Uint8Array(0))
  // Where there is no certificate, there is nothing to compress.
  sendCounted(
    k,
    scheme === undefined ? message : connection.setup.certificateCompression.compress(message, compressions),
  )
  if (credential === undefined || scheme === undefined) return connected(k)
  const signature = sign(connection, credential, scheme, signedContent('client', sent.transcript.digest()))
  return signature === undefined ? signing(k, scheme) : connected(k, { scheme, signature })
}
