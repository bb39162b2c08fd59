import type { AlertName } from '../../alerts.ts'
import { ProtocolError } from '../../errors.ts'

interface FaultEntry {
  readonly alert: AlertName
  readonly message: string
}

/** What the peer is told of each fault. RFC 9846, Section 6.2, and the section of each message. */
const faults = {
  'unexpected-message': { alert: 'unexpected_message', message: 'a handshake message came that has no place here' },
  'unexpected-record': { alert: 'unexpected_message', message: 'a record came that has no place here' },
  'unknown-content-type': { alert: 'unexpected_message', message: 'a record of unknown type came' },
  'wrong-record-version': { alert: 'protocol_version', message: 'wrong version number in a record' },
  'record-overflow': { alert: 'record_overflow', message: 'a record is longer than allowed' },
  'bad-record-mac': { alert: 'bad_record_mac', message: 'a record could not be decrypted' },
  'too-many-records': { alert: 'unexpected_message', message: 'more records came than there are numbers for' },
  'no-content-type': { alert: 'unexpected_message', message: 'a protected record has no content type' },
  'empty-fragment': { alert: 'unexpected_message', message: 'a fragment of a handshake message or alert is empty' },
  'too-many-empty-records': { alert: 'unexpected_message', message: 'too many records without content' },
  'too-many-warnings': { alert: 'unexpected_message', message: 'too many warnings' },
  'too-many-post-handshake-messages': {
    alert: 'unexpected_message',
    message: 'too many handshake messages without data between them',
  },
  'malformed-alert': { alert: 'decode_error', message: 'an alert is malformed' },
  'malformed-change-cipher-spec': { alert: 'unexpected_message', message: 'a change_cipher_spec is malformed' },
  'interleaved-handshake': { alert: 'unexpected_message', message: 'a record came within a handshake message' },
  'message-over-key-change': {
    alert: 'unexpected_message',
    message: 'a handshake message does not end where the keys change',
  },
  'excessive-message': { alert: 'illegal_parameter', message: 'a handshake message is longer than accepted' },
  'bad-finished': { alert: 'decrypt_error', message: 'the Finished message does not match the handshake' },
  'bad-binder': { alert: 'decrypt_error', message: 'a binder does not prove its pre-shared key' },
  'wrong-key-choice': { alert: 'illegal_parameter', message: 'a pre-shared key was chosen that does not fit' },
  'wrong-early-data-answer': { alert: 'illegal_parameter', message: 'early data was accepted that cannot be' },
  'too-much-early-data': { alert: 'unexpected_message', message: 'more early data than was allowed' },
  'bad-signature': { alert: 'decrypt_error', message: 'the signature over the handshake is wrong' },
  'bad-key-share': { alert: 'illegal_parameter', message: 'the key share is not acceptable' },
  'wrong-signature-scheme': { alert: 'illegal_parameter', message: 'a signature scheme that was not offered' },
  'wrong-key-for-scheme': { alert: 'illegal_parameter', message: 'the certificate does not fit the signature scheme' },
  'unsolicited-extension': { alert: 'unsupported_extension', message: 'an extension that was not offered' },
  'missing-extension': { alert: 'missing_extension', message: 'an extension is missing that has to be there' },
  'illegal-extension': { alert: 'illegal_parameter', message: 'an extension stands where it must not' },
  'wrong-version-choice': { alert: 'illegal_parameter', message: 'a version was chosen that was not offered' },
  downgrade: {
    alert: 'illegal_parameter',
    message: 'both sides speak a newer version than was negotiated: somebody between interferes',
  },
  'wrong-cipher-suite-choice': {
    alert: 'illegal_parameter',
    message: 'a cipher suite was chosen that was not offered',
  },
  'wrong-group-choice': { alert: 'illegal_parameter', message: 'a group was chosen that was not offered' },
  'wrong-session-id': { alert: 'illegal_parameter', message: 'the session id was not echoed' },
  'wrong-compression': { alert: 'illegal_parameter', message: 'a compression method other than null' },
  'wrong-protocol-choice': { alert: 'illegal_parameter', message: 'a protocol was chosen (ALPN) that was not offered' },
  'needless-hello-retry': { alert: 'illegal_parameter', message: 'a HelloRetryRequest that changes nothing' },
  'changed-client-hello': {
    alert: 'illegal_parameter',
    message: 'the second ClientHello differs from the first where it must not',
  },
  'malformed-request-context': { alert: 'illegal_parameter', message: 'a wrong certificate_request_context' },
  'empty-server-certificate': { alert: 'decode_error', message: 'the server showed no certificate' },
  'wrong-certificate-compression': {
    alert: 'illegal_parameter',
    message: 'a certificate is compressed in a way that was not offered',
  },
  'excessive-certificate-compression': {
    alert: 'illegal_parameter',
    message: 'a compressed certificate would grow beyond what is accepted',
  },
  'broken-certificate-compression': {
    alert: 'bad_certificate',
    message: 'a compressed certificate does not become what it says',
  },
  'no-extended-master-secret': {
    alert: 'handshake_failure',
    message: 'the peer does not bind its TLS 1.2 session to the handshake (extended_master_secret)',
  },
  'renegotiation-mismatch': { alert: 'handshake_failure', message: 'a wrong renegotiation_info' },
  renegotiation: { alert: 'no_renegotiation', message: 'the peer wants to renegotiate' },
  'illegal-parameter': { alert: 'illegal_parameter', message: 'a field has a value that it must not have' },
} as const

/** Every way in which a peer can break the rules that this backend tells apart. */
export type Fault = keyof typeof faults

/** The error for a fault of the peer. `detail` says what exactly came, never anything secret. */
export function fault(kind: Fault, detail?: string): ProtocolError {
  const { alert, message } = faults[kind]
  return new ProtocolError(`the peer broke the protocol: ${message}${detail === undefined ? '' : ` (${detail})`}`, {
    alert,
  })
}

/** All faults, for tests and documentation. */
export const faultTable: { readonly [F in Fault]: FaultEntry } = faults
