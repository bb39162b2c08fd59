import { Alert, type AlertName, alertMeaning, alertName } from './alerts.ts'

/** Stable identifiers of what went wrong. They are part of the API; message texts are not. */
export type TLSErrorCode =
  | 'ERR_TLS_CONFIGURATION'
  | 'ERR_TLS_USAGE'
  | 'ERR_TLS_DISPOSED'
  /** The keys of a connection have protected all that they safely can, and its version of TLS cannot change them. */
  | 'ERR_TLS_KEYS_WORN_OUT'
  | 'ERR_TLS_PROTOCOL'
  | 'ERR_TLS_NOT_TLS'
  | 'ERR_TLS_NEGOTIATION'
  | 'ERR_TLS_CERTIFICATE'
  | 'ERR_TLS_ALERT_RECEIVED'
  | 'ERR_TLS_RAGGED_EOF'
  | 'ERR_TLS_HANDSHAKE_TIMEOUT'
  | 'ERR_TLS_BACKEND'
  /** A broker of AMQP demands a newer version of TLS than was offered. */
  | 'ERR_TLS_VERSION_DEMANDED'
  | StartTLSErrorCode

/** Why a conversation in plain text did not come to the point where TLS begins. */
export type StartTLSErrorCode =
  /** The peer does not offer TLS, by its own list of what it can do. Whoever is on the way may have struck it off. */
  | 'ERR_TLS_STARTTLS_NOT_OFFERED'
  /** It was asked, and said no. */
  | 'ERR_TLS_STARTTLS_REFUSED'
  /** As a server: the client went on, or left, without asking for TLS. */
  | 'ERR_TLS_STARTTLS_NOT_REQUESTED'
  /** What the peer said is not of the protocol. */
  | 'ERR_TLS_STARTTLS_MALFORMED'
  /** The peer said more than any honest one would. */
  | 'ERR_TLS_STARTTLS_LIMIT'
  /** The peer did not come to the point in time. */
  | 'ERR_TLS_STARTTLS_TIMEOUT'
  /** The connection ended before. */
  | 'ERR_TLS_STARTTLS_ENDED'
  /** Plain text came where TLS has to begin: somebody may have put it there. */
  | 'ERR_TLS_STARTTLS_INJECTION'

/** What every error of this library carries beside its message. */
export interface TLSErrorOptions {
  readonly code: TLSErrorCode
  /** The alert that was sent or received, by its IANA name. */
  readonly alert?: string | undefined
  /** What to try, in words for the person who reads the log. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/** The root of everything that this library throws for a reason of TLS. */
export class TLSError extends Error {
  override readonly name: string = 'TLSError'
  readonly code: TLSErrorCode
  readonly alert: string | undefined
  readonly hint: string | undefined

  constructor(message: string, options: TLSErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code
    this.alert = options.alert
    this.hint = options.hint
  }
}

/** A backend cannot honour this configuration, or a value in it is not acceptable. */
export class ConfigurationError extends TLSError {
  override readonly name = 'ConfigurationError'
  /** The configuration's property, such as `ciphers` or `certificateChain[0].key`. */
  readonly field: string

  constructor(field: string, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(`${field}: ${message}`, { code: 'ERR_TLS_CONFIGURATION', ...options })
    this.field = field
  }
}

/** A call that the state of the object does not allow: a mistake of the program, not of the peer. */
export class UsageError extends TLSError {
  override readonly name = 'UsageError'

  constructor(
    message: string,
    options: {
      code?: 'ERR_TLS_USAGE' | 'ERR_TLS_DISPOSED' | 'ERR_TLS_KEYS_WORN_OUT'
      hint?: string
      cause?: unknown
    } = {},
  ) {
    super(message, { code: 'ERR_TLS_USAGE', ...options })
  }
}

/** The peer broke the rules. `alert` is what we told it. */
export class ProtocolError extends TLSError {
  override readonly name = 'ProtocolError'

  constructor(
    message: string,
    options: {
      code?: 'ERR_TLS_PROTOCOL' | 'ERR_TLS_NOT_TLS'
      alert?: AlertName | undefined
      hint?: string | undefined
      cause?: unknown
    } = {},
  ) {
    super(message, { code: 'ERR_TLS_PROTOCOL', ...options })
  }
}

/** Both sides kept the rules, but have nothing in common. */
export class NegotiationError extends TLSError {
  override readonly name = 'NegotiationError'
  /** What could not be agreed. */
  readonly subject: NegotiationSubject

  constructor(
    subject: NegotiationSubject,
    message: string,
    options: { alert?: AlertName | undefined; hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { code: 'ERR_TLS_NEGOTIATION', ...options })
    this.subject = subject
  }
}
/** What two peers could not agree on. */
export type NegotiationSubject =
  | 'version'
  | 'cipher-suite'
  | 'group'
  | 'signature-scheme'
  | 'inner-protocol'
  | 'certificate'
  | 'client-hello'

/** Why a certificate, or the chain behind it, was not accepted. The same fault has the same reason on every backend. */
export type CertificateReason =
  | 'missing'
  | 'malformed'
  | 'expired'
  | 'not-yet-valid'
  | 'unknown-issuer'
  | 'self-signed'
  | 'self-signed-in-chain'
  | 'bad-signature'
  | 'weak-signature'
  | 'weak-key'
  | 'not-an-authority'
  | 'path-too-long'
  | 'wrong-key-usage'
  | 'wrong-purpose'
  | 'name-constraints'
  | 'unknown-critical-extension'
  | 'wrong-host'
  | 'revoked'
  | 'revocation-unknown'
  | 'chain-too-complex'
  | 'vetoed'
  | 'other'

/** The peer's certificate was not accepted, by the checks of the backend or by the application's veto. */
export class CertificateError extends TLSError {
  override readonly name = 'CertificateError'
  readonly reason: CertificateReason
  /** Where in the chain: 0 is the peer's own certificate. */
  readonly depth: number | undefined
  /** The subject of the certificate at `depth`, as a string in the manner of RFC 4514. */
  readonly subject: string | undefined
  /**
   * What the peer showed, DER, its own certificate first; empty where that is not known. It failed verification: it is for a person
   * to look at, who may recognize a device by its fingerprint and then trust exactly that certificate.
   */
  readonly peerChain: readonly Uint8Array[]

  constructor(
    reason: CertificateReason,
    message: string,
    options: {
      alert?: AlertName | undefined
      depth?: number | undefined
      subject?: string | undefined
      peerChain?: readonly Uint8Array[] | undefined
      hint?: string | undefined
      cause?: unknown
    } = {},
  ) {
    super(message, { code: 'ERR_TLS_CERTIFICATE', ...options })
    this.reason = reason
    this.depth = options.depth
    this.subject = options.subject
    this.peerChain = options.peerChain ?? []
  }
}

/** The peer sent a fatal alert. `hint` says what it usually means. */
export class AlertReceivedError extends TLSError {
  override readonly name = 'AlertReceivedError'

  constructor(code: number, options: { cause?: unknown; hint?: string } = {}) {
    const alert = alertName(code)
    const named = alert in Alert ? `the alert ${alert}` : alert
    super(`the peer ended the connection with ${named}`, {
      code: 'ERR_TLS_ALERT_RECEIVED',
      alert,
      hint: alertMeaning[alert as AlertName],
      ...options,
    })
  }
}

/** The transport ended before the peer's close_notify: data may be missing at the end. RFC 9846, Section 6.1. */
export class RaggedEOFError extends TLSError {
  override readonly name = 'RaggedEOFError'

  constructor(during: 'handshake' | 'data') {
    super(
      during === 'handshake'
        ? 'the peer closed the connection during the handshake'
        : 'the connection ended without close_notify: what was received may be incomplete',
      {
        code: 'ERR_TLS_RAGGED_EOF',
        hint:
          during === 'handshake'
            ? 'the peer, or something between, hung up without saying why: it may not speak TLS on this port, or refuse this version or name'
            : 'an attacker can cut a connection: use what arrived only if the application protocol marks its own end',
      },
    )
  }
}

/** The handshake did not finish within the configured time. */
export class HandshakeTimeoutError extends TLSError {
  override readonly name = 'HandshakeTimeoutError'

  /** The handshake, or the answer to a request for a certificate in a connection that is in use. */
  readonly during: 'handshake' | 'post-handshake authentication'

  constructor(milliseconds: number, during: 'handshake' | 'post-handshake authentication' = 'handshake') {
    const isHandshake = during === 'handshake'
    super(
      isHandshake
        ? `the handshake did not finish within ${milliseconds} ms`
        : `the client did not answer the request for its certificate within ${milliseconds} ms`,
      {
        code: 'ERR_TLS_HANDSHAKE_TIMEOUT',
        hint: isHandshake
          ? 'the peer may wait for plain text first (STARTTLS), or a firewall swallows packets'
          : 'somebody may still be choosing (handshakeTimeoutMilliseconds is the limit), or nobody here reads what the client sends',
      },
    )
    this.during = during
  }
}

/** The native library failed in a way that no other kind describes. */
export class BackendError extends TLSError {
  override readonly name = 'BackendError'
  readonly backend: string
  /** The library's own code, as it writes it. */
  readonly nativeCode: string | undefined

  constructor(backend: string, message: string, options: { nativeCode?: string | undefined; cause?: unknown } = {}) {
    super(`${backend}: ${message}`, { code: 'ERR_TLS_BACKEND', ...options })
    this.backend = backend
    this.nativeCode = options.nativeCode
  }
}

/** What was said in plain text, before TLS could begin, did not lead there. */
export class StartTLSError extends TLSError {
  override readonly name = 'StartTLSError'
  declare readonly code: StartTLSErrorCode
  /** The protocol of the conversation, such as `smtp`. */
  readonly protocol: string
  /** What the peer said to it, as text without line ends; at most 500 characters. It is not authenticated. */
  readonly said: string | undefined

  constructor(
    code: StartTLSErrorCode,
    protocol: string,
    message: string,
    options: { said?: string | undefined; hint?: string | undefined; cause?: unknown } = {},
  ) {
    const said = options.said?.slice(0, 500)
    super(`${protocol}: ${message}${said === undefined ? '' : `: ${JSON.stringify(said)}`}`, { ...options, code })
    this.protocol = protocol
    this.said = said
  }
}
