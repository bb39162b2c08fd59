/** One example of every handshake message, with every extension that may stand in it. */
import * as authentication from '#polytls/backends/portable/messages/authentication.js'
import * as certificate from '#polytls/backends/portable/messages/certificate.js'
import * as certificateRequest from '#polytls/backends/portable/messages/certificate-request.js'
import * as clientHello from '#polytls/backends/portable/messages/client-hello.js'
import * as compressedCertificate from '#polytls/backends/portable/messages/compressed-certificate.js'
import * as emptyMessages from '#polytls/backends/portable/messages/empty-messages.js'
import * as encryptedExtensions from '#polytls/backends/portable/messages/encrypted-extensions.js'
import { handshakeHeaderLength } from '#polytls/backends/portable/messages/frame.js'
import * as keyExchange from '#polytls/backends/portable/messages/key-exchange.js'
import * as postHandshake from '#polytls/backends/portable/messages/post-handshake.js'
import * as serverHello from '#polytls/backends/portable/messages/server-hello.js'

export interface Sample {
  readonly name: string
  /** With the header. */
  readonly encoded: Uint8Array
  decode(body: Uint8Array): unknown
  readonly message: unknown
  /** Lengths at which the body may end early and still be a message: TLS 1.2's hellos may have no extensions. */
  readonly alsoComplete: readonly number[]
}

export function bodyOf(sample: Sample): Uint8Array {
  return sample.encoded.slice(handshakeHeaderLength)
}

/** `length` bytes that are all different. */
export function bytes(length: number, first = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => first + i)
}
const text = (value: string): Uint8Array => Uint8Array.from(value, (char) => char.charCodeAt(0))

const unknown = [
  { type: 0x0a0a, body: new Uint8Array(0) },
  { type: 0x1234, body: bytes(3) },
]

const fullClientHello: clientHello.ClientHello = {
  type: 'client_hello',
  legacyVersion: 0x0303,
  random: bytes(32),
  sessionId: bytes(32, 40),
  cipherSuites: [0x1301, 0xc02b],
  compressionMethods: Uint8Array.of(0),
  extensions: {
    server_name: 'example.com',
    status_request: { statusType: 1, responderIds: bytes(2), requestExtensions: new Uint8Array(0) },
    supported_groups: [0x11ec, 0x1d, 0x17],
    ec_point_formats: Uint8Array.of(0),
    signature_algorithms: [0x0403, 0x0804],
    application_layer_protocol_negotiation: [text('h2'), text('http/1.1')],
    signed_certificate_timestamp: true,
    extended_master_secret: true,
    compress_certificate: [2, 1],
    record_size_limit: 16385,
    session_ticket: bytes(5),
    early_data: true,
    supported_versions: [0x0304, 0x0303],
    cookie: bytes(8),
    psk_key_exchange_modes: Uint8Array.of(1),
    certificate_authorities: [bytes(4), bytes(6)],
    signature_algorithms_cert: [0x0401],
    key_share: [
      { group: 0x1d, keyExchange: bytes(32) },
      { group: 0x17, keyExchange: bytes(65) },
    ],
    renegotiation_info: new Uint8Array(0),
    unknown,
    pre_shared_key: {
      identities: [
        { identity: bytes(7), obfuscatedTicketAge: 0xfedcba98 },
        { identity: bytes(1), obfuscatedTicketAge: 0 },
      ],
      binders: [bytes(32), bytes(48)],
      bindersLength: 2 + 33 + 49,
    },
  },
}

const helloFields = { type: 'server_hello', legacyVersion: 0x0303, random: bytes(32), sessionId: bytes(32) } as const
const serverHello13: serverHello.ServerHello13 = {
  ...helloFields,
  kind: 'server_hello',
  cipherSuite: 0x1302,
  extensions: { supported_versions: 0x0304, key_share: { group: 0x1d, keyExchange: bytes(32) }, pre_shared_key: 1 },
}
const retry: serverHello.HelloRetryRequest = {
  ...helloFields,
  random: serverHello.helloRetryRequestRandom,
  kind: 'hello_retry_request',
  cipherSuite: 0x1301,
  extensions: { supported_versions: 0x0304, key_share: 0x18, cookie: bytes(9) },
}
const serverHello12: serverHello.ServerHello12 = {
  ...helloFields,
  sessionId: new Uint8Array(0),
  kind: 'server_hello12',
  cipherSuite: 0xc02f,
  extensions: {
    server_name: true,
    status_request: true,
    ec_point_formats: Uint8Array.of(0),
    application_layer_protocol_negotiation: text('h2'),
    signed_certificate_timestamp: [bytes(6), bytes(3)],
    extended_master_secret: true,
    record_size_limit: 64,
    session_ticket: true,
    renegotiation_info: new Uint8Array(0),
  },
}
const encrypted: encryptedExtensions.EncryptedExtensions = {
  type: 'encrypted_extensions',
  extensions: {
    server_name: true,
    supported_groups: [0x1d],
    application_layer_protocol_negotiation: text('h2'),
    record_size_limit: 512,
    early_data: true,
  },
}
const request: certificateRequest.CertificateRequest = {
  type: 'certificate_request',
  context: bytes(3),
  extensions: {
    signature_algorithms: [0x0403],
    status_request: true,
    signed_certificate_timestamp: true,
    certificate_authorities: [bytes(5)],
    signature_algorithms_cert: [0x0401, 0x0403],
    compress_certificate: [1],
    unknown,
  },
}
const request12: certificateRequest.CertificateRequest12 = {
  type: 'certificate_request',
  certificateTypes: Uint8Array.of(64, 1),
  signatureAlgorithms: [0x0403, 0x0401],
  authorities: [bytes(5), bytes(6)],
}
const certificates: certificate.CertificateMessage = {
  type: 'certificate',
  context: new Uint8Array(0),
  entries: [
    { certificate: bytes(20), extensions: { status_request: bytes(4), signed_certificate_timestamp: [bytes(5)] } },
    { certificate: bytes(10), extensions: {} },
  ],
}
const compressed: compressedCertificate.CompressedCertificate = {
  type: 'compressed_certificate',
  algorithm: 2,
  uncompressedLength: 0x012345,
  compressed: bytes(30),
}
const certificates12: certificate.CertificateMessage12 = { type: 'certificate', chain: [bytes(20), bytes(10)] }
const verify: authentication.CertificateVerify = {
  type: 'certificate_verify',
  algorithm: 0x0403,
  signature: bytes(70),
}
const finished: authentication.Finished = { type: 'finished', verifyData: bytes(12) }
const status: authentication.CertificateStatus = { type: 'certificate_status', response: bytes(9) }
const parameters = keyExchange.encodeServerParameters(0x17, bytes(65))
const serverKey: keyExchange.ServerKeyExchange = {
  type: 'server_key_exchange',
  group: 0x17,
  publicKey: bytes(65),
  parameters,
  algorithm: 0x0804,
  signature: bytes(64),
}
const clientKey: keyExchange.ClientKeyExchange = { type: 'client_key_exchange', publicKey: bytes(32) }
const ticket: postHandshake.NewSessionTicket = {
  type: 'new_session_ticket',
  lifetimeSeconds: 7200,
  ageAdd: 0xffffffff,
  nonce: bytes(8),
  ticket: bytes(40),
  extensions: { early_data: 16384, unknown },
}
const ticket12: postHandshake.NewSessionTicket12 = {
  type: 'new_session_ticket',
  lifetimeHintSeconds: 300,
  ticket: bytes(40),
}
const keyUpdate: postHandshake.KeyUpdate = { type: 'key_update', updateRequested: true }

/** legacy_version, random, session id, suites, compression: what stands in front of a ClientHello's extensions. */
const clientHelloPrefix = 2 + 32 + 33 + 6 + 2

export const samples: readonly Sample[] = [
  sample('ClientHello', fullClientHello, clientHello.encodeClientHello, clientHello.decodeClientHello, [
    clientHelloPrefix,
  ]),
  sample('ServerHello', serverHello13, serverHello.encodeServerHello, serverHello.decodeServerHello, [70]),
  sample('HelloRetryRequest', retry, serverHello.encodeServerHello, serverHello.decodeServerHello),
  sample('ServerHello of TLS 1.2', serverHello12, serverHello.encodeServerHello, serverHello.decodeServerHello, [38]),
  sample(
    'EncryptedExtensions',
    encrypted,
    encryptedExtensions.encodeEncryptedExtensions,
    encryptedExtensions.decodeEncryptedExtensions,
  ),
  sample(
    'CertificateRequest',
    request,
    certificateRequest.encodeCertificateRequest,
    certificateRequest.decodeCertificateRequest,
  ),
  sample(
    'CertificateRequest of TLS 1.2',
    request12,
    certificateRequest.encodeCertificateRequest12,
    certificateRequest.decodeCertificateRequest12,
  ),
  sample('Certificate', certificates, certificate.encodeCertificate, certificate.decodeCertificate),
  sample(
    'CompressedCertificate',
    compressed,
    compressedCertificate.encodeCompressedCertificate,
    compressedCertificate.decodeCompressedCertificate,
  ),
  sample('Certificate of TLS 1.2', certificates12, certificate.encodeCertificate12, certificate.decodeCertificate12),
  sample('CertificateVerify', verify, authentication.encodeCertificateVerify, authentication.decodeCertificateVerify),
  sample('Finished', finished, authentication.encodeFinished, (body) => authentication.decodeFinished(body, 12)),
  sample('CertificateStatus', status, authentication.encodeCertificateStatus, authentication.decodeCertificateStatus),
  sample('ServerKeyExchange', serverKey, keyExchange.encodeServerKeyExchange, keyExchange.decodeServerKeyExchange),
  sample('ClientKeyExchange', clientKey, keyExchange.encodeClientKeyExchange, keyExchange.decodeClientKeyExchange),
  sample('NewSessionTicket', ticket, postHandshake.encodeNewSessionTicket, postHandshake.decodeNewSessionTicket),
  sample(
    'NewSessionTicket of TLS 1.2',
    ticket12,
    postHandshake.encodeNewSessionTicket12,
    postHandshake.decodeNewSessionTicket12,
  ),
  sample('KeyUpdate', keyUpdate, postHandshake.encodeKeyUpdate, postHandshake.decodeKeyUpdate),
  ...(['hello_request', 'server_hello_done', 'end_of_early_data'] as const).map((type) =>
    sample(
      type,
      { type },
      () => emptyMessages.encodeEmptyMessage(type),
      (body) => emptyMessages.decodeEmptyMessage(type, body),
    ),
  ),
]

function sample<M>(
  name: string,
  message: M,
  encode: (message: M) => Uint8Array,
  decode: (body: Uint8Array) => unknown,
  alsoComplete: readonly number[] = [],
): Sample {
  return { name, encoded: encode(message), decode, message, alsoComplete }
}
