/** The types of handshake messages. Source: IANA, TLS HandshakeType; RFC 9846, Section 4; RFC 5246, Section 7.4; RFC 8879, Section 4. */
export const HandshakeType = {
  hello_request: 0,
  client_hello: 1,
  server_hello: 2,
  new_session_ticket: 4,
  end_of_early_data: 5,
  encrypted_extensions: 8,
  certificate: 11,
  server_key_exchange: 12,
  certificate_request: 13,
  server_hello_done: 14,
  certificate_verify: 15,
  client_key_exchange: 16,
  finished: 20,
  certificate_status: 22,
  key_update: 24,
  compressed_certificate: 25,
  /** Never sent: it stands for the first ClientHello in the transcript. RFC 9846, Section 4.4.1. */
  message_hash: 254,
} as const
export type HandshakeName = keyof typeof HandshakeType

const nameByCode: ReadonlyMap<number, HandshakeName> = new Map(
  (Object.entries(HandshakeType) as [HandshakeName, number][]).map(([name, code]) => [code, name]),
)

/** The registered name of a handshake message, or `handshake message 99` for a code that is not in the table. */
export function handshakeName(code: number): HandshakeName | `handshake message ${number}` {
  return nameByCode.get(code) ?? `handshake message ${code}`
}
