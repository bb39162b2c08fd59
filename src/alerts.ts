import type { CertificateReason } from './errors.ts'

/**
 * The alerts of TLS, with what a person should make of one that arrives.
 * Source: IANA, TLS Alerts; RFC 9846, Section 6.
 */
export const Alert = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  record_overflow: 22,
  handshake_failure: 40,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  no_renegotiation: 100,
  missing_extension: 109,
  unsupported_extension: 110,
  certificate_unobtainable: 111,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  unknown_psk_identity: 115,
  certificate_required: 116,
  no_application_protocol: 120,
  ech_required: 121,
} as const
/** The IANA name of an alert. */
export type AlertName = keyof typeof Alert

const nameByCode: ReadonlyMap<number, AlertName> = new Map(
  (Object.entries(Alert) as [AlertName, number][]).map(([name, code]) => [code, name]),
)

/** The registered name of an alert, or `alert 200` for a code that the registry does not know. */
export function alertName(code: number): AlertName | `alert ${number}` {
  if (typeof code !== 'number') throw new TypeError(`code: expected a number, got ${typeof code}`)
  return nameByCode.get(code) ?? `alert ${code}`
}

/** What a received alert usually means, in words for the person who reads the log. Some say nothing beyond their name. */
export const alertMeaning: { readonly [A in AlertName]?: string } = {
  unexpected_message:
    'the peer got a message that it did not expect in this state: often one side does not speak TLS here',
  bad_record_mac:
    'the peer could not decrypt a record: data was altered on the way, or the two sides derived different keys',
  handshake_failure:
    'the peer found no acceptable set of parameters: compare versions, cipher suites, groups, signature schemes and the key type of the certificate',
  bad_certificate:
    'the peer could not accept our certificate: it is malformed, its signature is wrong, or the application vetoed it',
  unsupported_certificate: 'our certificate is of a type, or for a purpose, that the peer does not accept',
  certificate_revoked: 'our certificate was revoked by its issuer',
  certificate_expired: 'our certificate has expired, or the clock of the peer is wrong',
  certificate_unknown: 'the peer did not accept our certificate, and does not say why',
  illegal_parameter: 'the peer found a field of ours out of range or inconsistent with others',
  unknown_ca:
    'the peer does not trust the authority that issued our certificate, or we did not send the intermediate certificates',
  access_denied: 'our certificate is valid, but the peer does not let us in',
  decode_error: 'the peer could not decode a message of ours',
  decrypt_error:
    'the peer could not verify a signature or a Finished message of ours: often certificate and key do not belong together',
  protocol_version:
    'the peer does not speak the TLS versions that we offer: it may demand TLS 1.3 where we are held to TLS 1.2, or know only versions older than TLS 1.2',
  insufficient_security: 'the peer demands stronger parameters than we offer',
  internal_error: 'something failed inside the peer: its log will tell more',
  inappropriate_fallback: 'the peer supports a newer version than the one we retried with',
  user_canceled: 'the peer gave up the handshake for a reason outside TLS',
  missing_extension: 'the peer misses an extension in our message that it requires',
  unsupported_extension: 'we answered with an extension that the peer had not offered',
  unrecognized_name: 'the peer serves no host of the name that we asked for: check the server name',
  unknown_psk_identity: 'the peer does not know the pre-shared key that we offered',
  certificate_required: 'the peer demands a client certificate and we sent none: configure certificateChain',
  no_application_protocol: 'the peer speaks none of the application protocols (ALPN) that we offer',
}

/**
 * Which alert tells the peer of a reason. RFC 9846, Section 6.2, leaves room between several; these are OpenSSL's, so that a peer sees the
 * same of every backend.
 */
export const certificateAlert: { readonly [R in CertificateReason]: AlertName } = {
  missing: 'certificate_required',
  malformed: 'bad_certificate',
  expired: 'certificate_expired',
  'not-yet-valid': 'bad_certificate',
  'unknown-issuer': 'unknown_ca',
  'self-signed': 'unknown_ca',
  'self-signed-in-chain': 'unknown_ca',
  'bad-signature': 'decrypt_error',
  'weak-signature': 'bad_certificate',
  'weak-key': 'bad_certificate',
  'not-an-authority': 'unknown_ca',
  'path-too-long': 'unknown_ca',
  'wrong-key-usage': 'certificate_unknown',
  'wrong-purpose': 'unsupported_certificate',
  'name-constraints': 'certificate_unknown',
  'unknown-critical-extension': 'certificate_unknown',
  'wrong-host': 'bad_certificate',
  revoked: 'certificate_revoked',
  'revocation-unknown': 'certificate_unknown',
  'chain-too-complex': 'bad_certificate',
  vetoed: 'bad_certificate',
  other: 'certificate_unknown',
}
