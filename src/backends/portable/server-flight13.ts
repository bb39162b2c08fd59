import { encodeProtocol } from './application-protocols.ts'
import { recordSizeLimit } from './client-hello.ts'
import type { ServerConnection } from './connection.ts'
import { fault } from './faults.ts'
import { drawGrease } from './grease.ts'
import type { ProvenKey } from './key-lookup.ts'
import { type Directions, EarlyStage, type Exporter, type HandshakeStage, type MasterStage } from './key-schedule.ts'
import { encodeFinished } from './messages/authentication.ts'
import { encodeCertificateRequest } from './messages/certificate-request.ts'
import type { ClientHello } from './messages/client-hello.ts'
import { encodeEncryptedExtensions } from './messages/encrypted-extensions.ts'
import type { ExtensionsIn } from './messages/extension-forms.ts'
import { type OfferedExtensions, offeredExtensions } from './messages/extensions.ts'
import { encodeServerHello, helloRetryRequestRandom } from './messages/server-hello.ts'
import type { Negotiated } from './negotiation13.ts'
import type { PeerVerifier } from './peer-verification.ts'
import { versionCode } from './protocol-version.ts'
import type { Credential } from './setup.ts'
import { wantsStatus } from './status-request.ts'
import { TrafficKeys } from './traffic-keys.ts'
import type { Transcript } from './transcript.ts'

/** A ClientHello, and the bytes that it is a view of. */
export interface Hello {
  readonly connection: ServerConnection
  readonly hello: ClientHello
  readonly raw: Uint8Array
}
/** What goes on from a hello: the key that proves both sides, where there is one, and early data under it. */
export interface Answer extends Hello {
  readonly negotiated: Negotiated
  readonly transcript: Transcript
  readonly key: ProvenKey | undefined
  readonly isFirst: boolean
  readonly takesEarlyData: boolean
}

/** The handshake's keys are there, and our part of it up to the Certificate is sent. */
export interface Keys extends Answer {
  readonly stage: HandshakeStage
  readonly traffic: Directions
  /** What we asked of the client; `undefined` where its certificate is not wanted. */
  readonly request: { readonly verifier: PeerVerifier; readonly extensions: OfferedExtensions } | undefined
}
/** We have said Finished. */
export interface Finishing extends Keys {
  readonly keys: TrafficKeys
  readonly exporter: Exporter
  readonly master: MasterStage
}

/** RFC 9846, Section 4.1.4. It needs no cookie: this channel keeps the state. */
export function sendHelloRetryRequest(
  { connection, hello }: Hello,
  { suite, group }: Negotiated,
  transcript: Transcript,
): void {
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
}

/** ServerHello and EncryptedExtensions. What the client sends is not opened yet: it may be early data. */
export function shareKeys(answer: Answer, share: Uint8Array): Keys {
  const { connection, hello, negotiated, transcript, key, isFirst, takesEarlyData } = answer
  const { crypto } = connection
  const { suite, group } = negotiated
  const accepted = crypto.acceptKeyShare(group, share)
  if (accepted === undefined) throw fault('bad-key-share')
  send(
    answer,
    encodeServerHello({
      kind: 'server_hello',
      legacyVersion: versionCode['TLSv1.2'],
      random: crypto.random(32),
      sessionId: hello.sessionId,
      cipherSuite: suite.code,
      extensions: {
        key_share: { group, keyExchange: accepted.publicKey },
        supported_versions: versionCode['TLSv1.3'],
        pre_shared_key: key?.index,
      },
    }),
  )
  if (isFirst && hello.sessionId.length > 0) connection.sendChangeCipherSpec()
  const stage = (key?.stage ?? new EarlyStage(crypto, suite.hash)).shareSecret(suite, accepted.sharedSecret)
  const traffic = stage.traffic(transcript.digest())
  connection.guard(stage, traffic.client, traffic.server)
  connection.logSecret('CLIENT_HANDSHAKE_TRAFFIC_SECRET', hello.random, traffic.client.reveal())
  connection.logSecret('SERVER_HANDSHAKE_TRAFFIC_SECRET', hello.random, traffic.server.reveal())
  connection.protectOutgoing(traffic.server.sealer())
  const extensions = {
    ...answerExtensions(connection, hello, negotiated),
    early_data: takesEarlyData || undefined,
    // RFC 6066, Section 3: the name is not acknowledged where a session goes on.
    ...(key?.origin.kind === 'session' ? { server_name: undefined } : {}),
  }
  send(answer, encodeEncryptedExtensions({ extensions }))
  return { ...answer, stage, traffic, request: undefined }
}

/** The client's early data is opened from here on, and our part is said at once: RFC 9846, Sections 4.2.10 and 4.5. */
export function takeEarlyData(answer: Answer, share: Uint8Array): Finishing {
  const { connection, hello, raw, negotiated } = answer
  const key = answer.key as ProvenKey
  const digest = connection.crypto.digest(key.hash, raw)
  const early = key.stage.traffic(negotiated.suite, digest)
  const exporter = key.stage.exporter(digest)
  connection.logSecret('CLIENT_EARLY_TRAFFIC_SECRET', hello.random, early.reveal())
  connection.logSecret('EARLY_EXPORTER_SECRET', hello.random, exporter.reveal())
  connection.early.provideExporter(exporter)
  const k = shareKeys({ ...answer, takesEarlyData: true }, share)
  connection.protectIncoming(early.opener({ allowsPlainAlert: true }))
  early.wipe()
  const { origin } = key
  connection.early.accept(origin.kind === 'session' ? origin.session.maxEarlyDataBytes : 0)
  return finish(k)
}

export function finish(k: Keys): Finishing {
  const { connection, transcript, stage, traffic, hello } = k
  send(k, encodeFinished({ verifyData: traffic.server.finished(transcript.digest()) }))
  traffic.server.wipe()
  const master = stage.finish()
  const digest = transcript.digest()
  const application = master.traffic(digest)
  const exporter = master.exporter(digest)
  connection.logSecret('CLIENT_TRAFFIC_SECRET_0', hello.random, application.client.reveal())
  connection.logSecret('SERVER_TRAFFIC_SECRET_0', hello.random, application.server.reveal())
  connection.logSecret('EXPORTER_SECRET', hello.random, exporter.reveal())
  const keys = new TrafficKeys(connection, 'server', application)
  connection.guard(master, keys, exporter)
  keys.protectOutgoing()
  return { ...k, keys, exporter, master }
}

export function send({ connection, transcript }: Answer, message: Uint8Array): void {
  connection.send(message)
  transcript.add(message)
}

export function answerExtensions(
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
export function evidenceFor({ extensions }: ClientHello, credential: Credential): ExtensionsIn<'certificate'> {
  return {
    status_request: wantsStatus(extensions.status_request) ? credential.ocspResponse?.() : undefined,
    signed_certificate_timestamp:
      extensions.signed_certificate_timestamp && credential.timestamps.length > 0 ? credential.timestamps : undefined,
  }
}

/** What the client has been shown, here or where the session began; nothing where it has an external key. RFC 5929, Section 4. */
export function endPointFor({ key, negotiated }: Answer): Uint8Array | undefined {
  if (key === undefined) return negotiated.certificate?.credential.endPoint
  return key.origin.kind === 'session' ? key.origin.session.endPoint : undefined
}

/** RFC 9846, Section 4.3.2. */
export function requestCertificate(
  { setup, crypto }: ServerConnection,
  { verifier, context }: { readonly verifier: PeerVerifier; readonly context: Uint8Array },
  send: (message: Uint8Array) => void,
): NonNullable<Keys['request']> {
  const { authorities, settings } = setup
  const { signatureSchemes, certificateSignatureSchemes } = settings
  const grease = drawGrease(crypto)
  const extensions = {
    unknown: [{ type: grease.extension, body: new Uint8Array(0) }],
    signature_algorithms: [...signatureSchemes, grease.signatureScheme],
    signature_algorithms_cert: certificateSignatureSchemes,
    certificate_authorities: authorities.length > 0 ? authorities : undefined,
    // Not behind the handshake: with a context of its own each answer would have to be compressed anew.
    compress_certificate: context.length === 0 ? setup.certificateCompression.offer : undefined,
  }
  send(encodeCertificateRequest({ context, extensions }))
  return { verifier, extensions: offeredExtensions(extensions) }
}
