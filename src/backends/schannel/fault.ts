import { Alert, type AlertName } from '../../alerts.ts'
import { AlertReceivedError, BackendError, NegotiationError, ProtocolError, type TLSError } from '../../errors.ts'
import type { CredentialStructure } from './abilities.ts'
import { Status, statusName } from './status.ts'

/** What is known about a step that failed. */
export interface FaultScene {
  readonly during: 'handshake' | 'data'
  /** Whether the peer has begun to encrypt. */
  readonly encrypted: boolean
  readonly isServer: boolean
  readonly credentialStructure: CredentialStructure
  /** What Schannel gave to be sent to the peer, an alert where it is anything. */
  readonly answer: Uint8Array
  /** The records in question, as they came. */
  readonly records: Uint8Array
}

/** Turns a SECURITY_STATUS into the error that the user sees. Failed verification is not among it. */
export function faultOf(status: number, scene: FaultScene): TLSError {
  const cause = new BackendError('schannel', statusName(status), { nativeCode: statusName(status) })
  const received = plainAlert(scene.records)
  if (received !== undefined) return alertReceived(received, scene, cause)
  if (status === Status.SEC_I_CONTEXT_EXPIRED) return alertReceived(Alert.close_notify, scene, cause)
  if (ownFaults.has(status)) {
    return new BackendError('schannel', `${ownFaults.get(status)}: ${statusName(status)}`, {
      nativeCode: statusName(status),
    })
  }
  const sent = plainAlert(scene.answer)
  if (scene.answer.byteLength > 0) return objection(status, sent, scene, cause)
  return scene.during === 'data' ? faultOfData(status, scene, cause) : faultOfSilence(status, scene, cause)
}

/** Why programs with the old structure do not reach a server that demands TLS 1.3, whatever Windows they run on. */
const endOfOldStructure =
  'credentials by the structure SCHANNEL_CRED end at TLS 1.2; TLS 1.3 needs SCH_CREDENTIALS, and Windows 11, Windows Server 2022 or later'

export function versionHint(credentialStructure: CredentialStructure): string {
  return credentialStructure === 'SCHANNEL_CRED'
    ? endOfOldStructure
    : 'compare lowestSupportedVersion and highestSupportedVersion on both sides'
}

function alertReceived(alert: number, { credentialStructure }: FaultScene, cause: BackendError): AlertReceivedError {
  const isOld = alert === Alert.protocol_version && credentialStructure === 'SCHANNEL_CRED'
  return new AlertReceivedError(alert, { cause, ...(isOld && { hint: endOfOldStructure }) })
}

/** The first alert among records that is not encrypted: those have two bytes. RFC 9846, Section 6. */
function plainAlert(records: Uint8Array): number | undefined {
  for (let at = 0; at + 7 <= records.byteLength; ) {
    const length = ((records[at + 3] ?? 0) << 8) | (records[at + 4] ?? 0)
    if (records[at] === 21 && length === 2) return records[at + 6]
    at += 5 + length
  }
  return undefined
}

/** Schannel refused something that the peer sent, and says so to the peer. */
function objection(
  status: number,
  sent: number | undefined,
  { isServer, credentialStructure }: FaultScene,
  cause: BackendError,
): TLSError {
  const alert = sent === undefined ? undefined : nameOf(sent)
  const who = isServer ? 'the client offers' : 'the server chose'
  if (status === Status.SEC_E_APPLICATION_PROTOCOL_MISMATCH) {
    return new NegotiationError('inner-protocol', `${who} no application protocol (ALPN) that we speak`, {
      alert: alert ?? 'no_application_protocol',
      hint: 'compare innerProtocols on both sides',
      cause,
    })
  }
  if (status === Status.SEC_E_UNSUPPORTED_FUNCTION || alert === 'protocol_version') {
    return new NegotiationError('version', `${who} no version of TLS that we accept`, {
      alert,
      hint: versionHint(credentialStructure),
      cause,
    })
  }
  if (status === Status.SEC_E_ALGORITHM_MISMATCH || alert === 'handshake_failure') {
    return new NegotiationError('cipher-suite', `${who} no cipher suite, group and signature that we accept`, {
      alert,
      hint: 'compare ciphers and groups on both sides, the kind of key that the certificate has, and what the machine allows Schannel',
      cause,
    })
  }
  return new ProtocolError(`the peer broke the protocol: ${statusName(status)}`, { alert, cause })
}

/** Schannel failed without an alert of its own: so the peer sent one, or what it sent made no sense. */
function faultOfSilence(status: number, scene: FaultScene, cause: BackendError): TLSError {
  const alert = alertByStatus.get(status)
  if (alert !== undefined && scene.encrypted) return alertReceived(alert, scene, cause)
  if (status === Status.SEC_E_ALGORITHM_MISMATCH || status === Status.SEC_E_APPLICATION_PROTOCOL_MISMATCH) {
    return objection(status, undefined, scene, cause)
  }
  return ambiguous(status, cause)
}

function faultOfData(status: number, scene: FaultScene, cause: BackendError): TLSError {
  // In TLS 1.2 the record says that it is an alert, in TLS 1.3 it does not.
  const isAlert = scene.records[0] === 21
  const isDamage = status === Status.SEC_E_MESSAGE_ALTERED || status === Status.SEC_E_DECRYPT_FAILURE
  if (isDamage && !isAlert) {
    return new ProtocolError('the peer broke the protocol: a record could not be decrypted', {
      alert: 'bad_record_mac',
      cause,
    })
  }
  const alert = alertByStatus.get(status)
  return alert === undefined ? ambiguous(status, cause) : alertReceived(alert, scene, cause)
}

/** One status stands for several alerts, and for faults of the peer as well; which it was, Schannel does not tell. */
function ambiguous(status: number, cause: BackendError): ProtocolError {
  const alerts = alertsByStatus.get(status)
  const possible = alerts === undefined ? '' : `, which stands for the alerts ${alerts.join(', ')}`
  return new ProtocolError(
    `the peer ended the connection with an alert, or broke the protocol: Schannel says ${statusName(status)}${possible}`,
    { cause, hint: 'the log of the peer, or of another backend against the same peer, will tell more' },
  )
}

function nameOf(alert: number): AlertName | undefined {
  return (Object.keys(Alert) as AlertName[]).find((name) => Alert[name] === alert)
}

/** Statuses that are about this side, whatever the peer does. */
const ownFaults: ReadonlyMap<number, string> = new Map([
  [Status.SEC_E_INSUFFICIENT_MEMORY, 'the machine is out of memory'],
  [Status.SEC_E_INVALID_HANDLE, 'Schannel does not know the connection any more'],
  [Status.SEC_E_NO_CREDENTIALS, 'Schannel cannot use the certificate or its key'],
  [Status.SEC_E_UNKNOWN_CREDENTIALS, 'Schannel does not understand its credentials'],
  [Status.SEC_E_NO_AUTHENTICATING_AUTHORITY, 'Schannel finds no authority'],
  [Status.SEC_E_SECPKG_NOT_FOUND, 'this machine has no Schannel'],
  [Status.SEC_E_BUFFER_TOO_SMALL, 'Schannel wants more room'],
  [Status.SEC_E_INVALID_PARAMETER, 'Schannel was called wrongly'],
  [Status.SEC_E_QOP_NOT_SUPPORTED, 'Schannel was called wrongly'],
  [Status.SEC_E_CRYPTO_SYSTEM_INVALID, 'Schannel cannot use the cipher that was agreed'],
  // Documented for the functions, which other packages share: nothing of TLS is completed elsewhere, fragmented or answered later.
  ...[
    Status.SEC_I_COMPLETE_NEEDED,
    Status.SEC_I_COMPLETE_AND_CONTINUE,
    Status.SEC_I_MESSAGE_FRAGMENT,
    Status.SEC_I_CONTINUE_NEEDED_MESSAGE_OK,
    Status.SEC_I_ASYNC_CALL_PENDING,
  ].map((status) => [status, 'Schannel wants what is not a part of TLS'] as const),
])

/**
 * What Schannel answers when it receives an alert. Source: Microsoft, "Schannel Error Codes for TLS and SSL Alerts". `close_notify` is not
 * among it.
 */
const alertsByStatus: ReadonlyMap<number, readonly AlertName[]> = new Map<number, readonly AlertName[]>([
  [
    Status.SEC_E_ILLEGAL_MESSAGE,
    ['unexpected_message', 'record_overflow', 'handshake_failure', 'illegal_parameter', 'decode_error'],
  ],
  [Status.SEC_E_MESSAGE_ALTERED, ['bad_record_mac']],
  [Status.SEC_E_DECRYPT_FAILURE, ['decrypt_error']],
  [Status.SEC_E_CERT_UNKNOWN, ['bad_certificate', 'unsupported_certificate', 'certificate_unknown']],
  [Status.CRYPT_E_REVOKED, ['certificate_revoked']],
  [Status.SEC_E_CERT_EXPIRED, ['certificate_expired']],
  [Status.SEC_E_UNTRUSTED_ROOT, ['unknown_ca']],
  [Status.SEC_E_LOGON_DENIED, ['access_denied']],
  [Status.SEC_E_UNSUPPORTED_FUNCTION, ['protocol_version']],
  [Status.SEC_E_ALGORITHM_MISMATCH, ['insufficient_security']],
  [Status.SEC_E_INTERNAL_ERROR, ['internal_error']],
])

/** Those that stand for one alert, and for nothing else: Schannel also fails for internal reasons of its own. */
const alertByStatus: ReadonlyMap<number, number> = new Map(
  [...alertsByStatus].flatMap(([status, [alert, ...others]]) =>
    alert === undefined || others.length > 0 || status === Status.SEC_E_INTERNAL_ERROR
      ? []
      : [[status, Alert[alert]] as const],
  ),
)

export function recordTooLong(): ProtocolError {
  return new ProtocolError('the peer broke the protocol: a record is longer than allowed', { alert: 'record_overflow' })
}

export function unknownRecord(): ProtocolError {
  return new ProtocolError('the peer broke the protocol: a record of unknown type came', {
    alert: 'unexpected_message',
  })
}

export function renegotiation(): ProtocolError {
  return new ProtocolError('the peer broke the protocol: the peer wants to renegotiate', { alert: 'no_renegotiation' })
}
