import type { AlertName } from '../../alerts.ts'
import { disagreement } from '../../channel/disagreement.ts'
import { notTLS } from '../../channel/foreign-peer.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import {
  AlertReceivedError,
  BackendError,
  CertificateError,
  ProtocolError,
  RaggedEOFError,
  type TLSError,
} from '../../errors.ts'
import type { Native } from './prototypes.ts'

/** One entry of OpenSSL's error queue. */
export interface QueuedError {
  readonly library: number
  readonly reason: number
  readonly text: string
}

/** Empties the error queue, oldest first. Node's own crypto shares it, so nothing of ours may stay in it. */
export function takeErrors(native: Native): readonly QueuedError[] {
  const errors: QueuedError[] = []
  for (let code = native.ERR_get_error(); code !== 0; code = native.ERR_get_error()) {
    const library = Math.floor(code / 2 ** 23) & 0xff
    const reason = code % 2 ** 23
    errors.push({
      library,
      reason,
      text: native.ERR_reason_error_string(code) ?? `library ${library}, reason ${reason}`,
    })
  }
  return errors
}

/** The messages of a queue, for errors that wrap it. */
export function textOf(errors: readonly QueuedError[]): string {
  return errors.length === 0 ? 'OpenSSL does not say why' : [...new Set(errors.map((each) => each.text))].join('; ')
}

/** What is known about the channel that failed. */
export interface FaultScene {
  readonly backend: string
  readonly during: 'handshake' | 'data'
  readonly isServer: boolean
  readonly version: NegotiatedVersion | undefined
  /** How the first bytes of the peer read, where they were no TLS record. */
  readonly foreign: string | undefined
}

/** Turns what OpenSSL left in its queue into the error that the user sees. Failed verification is not among it. */
export function faultOf(errors: readonly QueuedError[], scene: FaultScene): TLSError {
  const ours = errors.filter((each) => each.library === sslLibrary)
  const telling =
    ours.find((each) => each.reason > alertOffset) ?? ours.find((each) => faults.has(each.reason)) ?? ours[0]
  if (telling === undefined) {
    return new BackendError(scene.backend, textOf(errors), { nativeCode: errors[0] && String(errors[0].reason) })
  }
  if (telling.reason > alertOffset && telling.reason <= alertOffset + 255) {
    return new AlertReceivedError(telling.reason - alertOffset)
  }
  const make = faults.get(telling.reason)
  return make === undefined ? new ProtocolError(`the peer broke the protocol: ${textOf(errors)}`) : make(scene, telling)
}

/** ERR_LIB_SSL. */
const sslLibrary = 20
/** SSL_AD_REASON_OFFSET: a received alert is reported as its number above this. */
const alertOffset = 1000

type MakeFault = (scene: FaultScene, error: QueuedError) => TLSError

/**
 * The reasons of libssl (sslerr.h) that deserve more than their text: what they are, and the alert that OpenSSL sends with each.
 * OpenSSL does not report which alert it sent, and asking for it costs a callback for every message of every handshake.
 */
const faults: ReadonlyMap<number, MakeFault> = new Map<number, MakeFault>([
  [101, () => disagreement('group', 'the peer sent no key share of a group that we accept')],
  [118, () => disagreement('signature-scheme', 'no signature scheme fits both our key and the peer')],
  [166, () => disagreement('version', 'the peer offers only versions that we do not')],
  [191, () => disagreement('version', 'no version is left that both the configuration and OpenSSL allow')],
  [193, () => disagreement('cipher-suite', 'the peer offers no cipher suite that we accept')],
  [199, ({ version }) => missingCertificate(version)],
  [235, () => disagreement('inner-protocol', 'the peer offers no application protocol (ALPN) that we speak')],
  [258, () => disagreement('version', 'the peer offers only versions of TLS that we do not')],
  [266, () => disagreement('version', 'the peer chose a version of TLS that we did not offer')],
  [297, () => disagreement('signature-scheme', 'no hash fits both our key and the peer')],
  [373, (scene) => fallback(scene)],
  [376, () => disagreement('signature-scheme', 'the peer offers no signature scheme that we accept')],
  [396, () => disagreement('version', 'the peer chose a version of TLS older than we accept')],
  [410, () => disagreement('group', 'the peer offers no group that we accept')],
  [155, () => notTLS('an HTTP CONNECT request')],
  [156, () => notTLS('an HTTP request')],
  [
    267,
    ({ foreign }) => (foreign === undefined ? broken('protocol_version')(undefined, wrongVersion) : notTLS(foreign)),
  ],
  [294, ({ during }) => new RaggedEOFError(during)],
  [103, broken('illegal_parameter')],
  [108, broken('illegal_parameter')],
  [110, broken('decode_error')],
  [123, broken('decrypt_error')],
  [132, broken('unexpected_message')],
  [147, broken('bad_record_mac')],
  [149, broken('decrypt_error')],
  [152, broken('illegal_parameter')],
  [159, broken('decode_error')],
  [164, broken('unexpected_message')],
  [182, broken('unexpected_message')],
  [198, broken('record_overflow')],
  [205, broken('illegal_parameter')],
  [217, broken('unsupported_extension')],
  [244, broken('unexpected_message')],
  [245, broken('unexpected_message')],
  [260, broken('unexpected_message')],
  [261, broken('illegal_parameter')],
  [264, broken('decode_error')],
  [281, broken('bad_record_mac')],
  [291, broken('unexpected_message')],
  [292, broken('illegal_parameter')],
  [306, broken('illegal_parameter')],
  [332, broken('decode_error')],
  [339, broken('no_renegotiation')],
  [370, broken('illegal_parameter')],
  [378, broken('illegal_parameter')],
  [409, broken('unexpected_message')],
  [443, broken('unexpected_message')],
])
const wrongVersion: QueuedError = { library: sslLibrary, reason: 267, text: 'wrong version number in a record' }

function broken(alert: AlertName): (scene: FaultScene | undefined, error: QueuedError) => ProtocolError {
  return (_scene, error) => new ProtocolError(`the peer broke the protocol: ${error.text}`, { alert })
}

/** TLS 1.2 has no alert of its own for it. RFC 5246, Section 7.4.6. */
function missingCertificate(version: NegotiatedVersion | undefined): CertificateError {
  return new CertificateError('missing', 'the client sent no certificate, and one is required', {
    alert: version === 'TLSv1.2' ? 'handshake_failure' : 'certificate_required',
  })
}

/** Clients find it by the mark in the server's random bytes (RFC 9846, Section 4.2.3), servers by a suite that says so (RFC 7507). */
function fallback(scene: FaultScene): TLSError {
  return scene.isServer
    ? disagreement('version', 'the client fell back to an older version without need', 'inappropriate_fallback')
    : new ProtocolError('the peer broke the protocol: somebody between forced an older version of TLS on it', {
        alert: 'illegal_parameter',
      })
}
