import { ProtocolError } from '../errors.ts'

/**
 * Bytes that do not have the form that they must have. The alert is `decode_error`, as for any message that cannot be decoded
 * (RFC 9846, Section 6.2). Where the bytes are the application's own, such as a configured certificate, the caller turns this into a
 * `ConfigurationError`.
 */
export class DecodeError extends ProtocolError {
  /** What was being decoded, such as `ClientHello.cipher_suites`. */
  readonly what: string

  constructor(what: string, problem: string, options: { cause?: unknown } = {}) {
    super(`cannot decode ${what}: ${problem}`, { alert: 'decode_error', ...options })
    this.what = what
  }
}
