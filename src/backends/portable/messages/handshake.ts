import { ProtocolError } from '../../../errors.ts'
import {
  type CertificateStatus,
  type CertificateVerify,
  decodeCertificateStatus,
  decodeCertificateVerify,
  decodeFinished,
  type Finished,
} from './authentication.ts'
import {
  type CertificateMessage,
  type CertificateMessage12,
  decodeCertificate,
  decodeCertificate12,
} from './certificate.ts'
import {
  type CertificateRequest,
  type CertificateRequest12,
  decodeCertificateRequest,
  decodeCertificateRequest12,
} from './certificate-request.ts'
import { type ClientHello, decodeClientHello } from './client-hello.ts'
import { decodeEmptyMessage, type EndOfEarlyData, type HelloRequest, type ServerHelloDone } from './empty-messages.ts'
import { decodeEncryptedExtensions, type EncryptedExtensions } from './encrypted-extensions.ts'
import type { OfferedExtensions } from './extensions.ts'
import { HandshakeType, handshakeName } from './handshake-type.ts'
import {
  type ClientKeyExchange,
  decodeClientKeyExchange,
  decodeServerKeyExchange,
  type ServerKeyExchange,
} from './key-exchange.ts'
import {
  decodeKeyUpdate,
  decodeNewSessionTicket,
  decodeNewSessionTicket12,
  type KeyUpdate,
  type NewSessionTicket,
  type NewSessionTicket12,
} from './post-handshake.ts'
import { decodeServerHello, type ServerHello } from './server-hello.ts'

/** The messages of TLS 1.3, as far as a peer sends them. RFC 9846, Section 4. */
export type HandshakeMessage13 =
  | ClientHello
  | ServerHello
  | EncryptedExtensions
  | CertificateRequest
  | CertificateMessage
  | CertificateVerify
  | Finished
  | NewSessionTicket
  | EndOfEarlyData
  | KeyUpdate

/** The messages of TLS 1.2 with ECDHE. RFC 5246, Section 7.4; RFC 8422; RFC 5077; RFC 6066. */
export type HandshakeMessage12 =
  | HelloRequest
  | ClientHello
  | ServerHello
  | CertificateMessage12
  | CertificateStatus
  | ServerKeyExchange
  | CertificateRequest12
  | ServerHelloDone
  | CertificateVerify
  | ClientKeyExchange
  | Finished
  | NewSessionTicket12

/** What the decoders have to know of the connection. */
export interface DecodeContext {
  /** The extensions that answers may have: those of our ClientHello, or at a server those of its CertificateRequest. */
  readonly offered: OfferedExtensions
  /** Bytes of the hash that TLS 1.3's Finished has. */
  readonly finishedLength: number
}

/** @throws ProtocolError, of which DecodeError is a kind; `unexpected_message` for a type that TLS 1.3 does not have. */
export function decodeHandshake13(type: number, body: Uint8Array, context: DecodeContext): HandshakeMessage13 {
  switch (type) {
    case HandshakeType.client_hello:
      return decodeClientHello(body)
    case HandshakeType.server_hello:
      return decodeServerHello(body, context.offered)
    case HandshakeType.encrypted_extensions:
      return decodeEncryptedExtensions(body, context.offered)
    case HandshakeType.certificate_request:
      return decodeCertificateRequest(body)
    case HandshakeType.certificate:
      return decodeCertificate(body, context.offered)
    case HandshakeType.certificate_verify:
      return decodeCertificateVerify(body)
    case HandshakeType.finished:
      return decodeFinished(body, context.finishedLength)
    case HandshakeType.new_session_ticket:
      return decodeNewSessionTicket(body)
    case HandshakeType.end_of_early_data:
      return decodeEmptyMessage('end_of_early_data', body)
    case HandshakeType.key_update:
      return decodeKeyUpdate(body)
    default:
      throw foreign(type, 'TLS 1.3')
  }
}

/** @throws ProtocolError, of which DecodeError is a kind; `unexpected_message` for a type that TLS 1.2 does not have. */
export function decodeHandshake12(
  type: number,
  body: Uint8Array,
  context: Pick<DecodeContext, 'offered'>,
): HandshakeMessage12 {
  switch (type) {
    case HandshakeType.hello_request:
      return decodeEmptyMessage('hello_request', body)
    case HandshakeType.client_hello:
      return decodeClientHello(body)
    case HandshakeType.server_hello:
      return decodeServerHello(body, context.offered)
    case HandshakeType.certificate:
      return decodeCertificate12(body)
    case HandshakeType.certificate_status:
      return decodeCertificateStatus(body)
    case HandshakeType.server_key_exchange:
      return decodeServerKeyExchange(body)
    case HandshakeType.certificate_request:
      return decodeCertificateRequest12(body)
    case HandshakeType.server_hello_done:
      return decodeEmptyMessage('server_hello_done', body)
    case HandshakeType.certificate_verify:
      return decodeCertificateVerify(body)
    case HandshakeType.client_key_exchange:
      return decodeClientKeyExchange(body)
    case HandshakeType.finished:
      return decodeFinished(body, finishedLength12)
    case HandshakeType.new_session_ticket:
      return decodeNewSessionTicket12(body)
    default:
      throw foreign(type, 'TLS 1.2')
  }
}

/** Bytes of TLS 1.2's `verify_data`. RFC 5246, Section 7.4.9. */
export const finishedLength12 = 12

function foreign(type: number, version: string): ProtocolError {
  return new ProtocolError(`${version} has no ${handshakeName(type)}`, { alert: 'unexpected_message' })
}
