/**
 * Protocols that can run inside TLS, for ALPN. Any other name of 1 to 255 bytes is accepted as a string.
 * Source: PEP 748, NextProtocol; IANA, TLS Application-Layer Protocol Negotiation (ALPN) Protocol IDs.
 */
export const NextProtocol = {
  H2: 'h2',
  H2C: 'h2c',
  HTTP1: 'http/1.1',
  WEBRTC: 'webrtc',
  C_WEBRTC: 'c-webrtc',
  FTP: 'ftp',
  STUN: 'stun.nat-discovery',
  TURN: 'stun.turn',
  IMAP: 'imap',
  POP3: 'pop3',
  MANAGESIEVE: 'managesieve',
  XMPP_CLIENT: 'xmpp-client',
  XMPP_SERVER: 'xmpp-server',
  ACME: 'acme-tls/1',
  MQTT: 'mqtt',
  DOT: 'dot',
  POSTGRESQL: 'postgresql',
} as const
export type NextProtocol = (typeof NextProtocol)[keyof typeof NextProtocol]
