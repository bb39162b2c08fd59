import { ProtocolError } from '../errors.ts'

/** The peer's first bytes are no TLS. */
export function notTLS(what: string): ProtocolError {
  return new ProtocolError(`the peer does not speak TLS here: it sent ${what}`, {
    code: 'ERR_TLS_NOT_TLS',
    alert: 'protocol_version',
    hint: 'check the port; if the protocol starts in plain text (SMTP, IMAP, …), TLS begins after STARTTLS',
  })
}

/** What the first bytes of a peer are that does not speak TLS. */
export function describeForeign(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes.subarray(0, 8))
  if (/^HTTP\//.test(text)) return 'an HTTP response'
  if (/^CONNECT/.test(text)) return 'an HTTP CONNECT request'
  if (/^(GET|PUT|POST|HEAD|DELETE|OPTIONS|PATCH|PRI) /.test(text)) return 'an HTTP request'
  if (/^[\x20-\x7e\r\n]+$/.test(text)) return `text that begins with ${JSON.stringify(text)}`
  return 'bytes that are no TLS record'
}
