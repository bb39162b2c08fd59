/**
 * What every extension says in every message that it may stand in. The types of messages derive from this table, and so does the
 * completeness of the table of codecs.
 */

/** The messages with extensions. TLS 1.2's ServerHello has a table of its own; everything behind it has none. */
export type ExtensionPlace =
  | 'client_hello'
  | 'server_hello'
  | 'hello_retry_request'
  | 'encrypted_extensions'
  | 'certificate_request'
  | 'certificate'
  | 'new_session_ticket'
  | 'server_hello12'

/** Where each extension may stand: RFC 9846, Section 4.2, and for `server_hello12` the RFC of the extension. */
export interface ExtensionForms {
  /** RFC 6066, Section 3. A ClientHello names a host; the empty string where it has only names of other kinds. */
  server_name: { client_hello: string; encrypted_extensions: Empty; server_hello12: Empty }
  /** RFC 6066, Section 8. */
  status_request: {
    client_hello: StatusRequest
    certificate_request: Empty
    certificate: Uint8Array
    server_hello12: Empty
  }
  /** RFC 9846, Section 4.2.7, which knows that servers of TLS 1.2 send it although they should not: that is passed over. */
  supported_groups: {
    client_hello: readonly number[]
    encrypted_extensions: readonly number[]
    server_hello12: Uint8Array
  }
  /** RFC 8422, Section 5.1.2. TLS 1.3 does not have it. */
  ec_point_formats: { client_hello: Uint8Array; server_hello12: Uint8Array }
  /** RFC 9846, Section 4.2.3. */
  signature_algorithms: { client_hello: readonly number[]; certificate_request: readonly number[] }
  /** RFC 7301: names as they were sent; exactly one where it is an answer. */
  application_layer_protocol_negotiation: {
    client_hello: readonly Uint8Array[]
    encrypted_extensions: Uint8Array
    server_hello12: Uint8Array
  }
  /** RFC 6962, Section 3.3.1: serialized SCTs. */
  signed_certificate_timestamp: {
    client_hello: Empty
    certificate_request: Empty
    certificate: readonly Uint8Array[]
    server_hello12: readonly Uint8Array[]
  }
  /** RFC 7627. */
  extended_master_secret: { client_hello: Empty; server_hello12: Empty }
  /** RFC 8879, Section 3: ways to compress a Certificate that the sender can undo. */
  compress_certificate: { client_hello: readonly number[]; certificate_request: readonly number[] }
  /** RFC 8449: the longest plaintext of a record that the sender takes, in bytes. */
  record_size_limit: { client_hello: number; encrypted_extensions: number; server_hello12: number }
  /** RFC 5077, Section 3.2. */
  session_ticket: { client_hello: Uint8Array; server_hello12: Empty }
  /** RFC 9846, Section 4.2.11. */
  pre_shared_key: { client_hello: OfferedPreSharedKeys; server_hello: number }
  /** RFC 9846, Section 4.2.10. In a NewSessionTicket: how much of it is allowed, in bytes. */
  early_data: { client_hello: Empty; encrypted_extensions: Empty; new_session_ticket: number }
  /** RFC 9846, Section 4.2.1. */
  supported_versions: { client_hello: readonly number[]; server_hello: number; hello_retry_request: number }
  /** RFC 9846, Section 4.2.2. */
  cookie: { client_hello: Uint8Array; hello_retry_request: Uint8Array }
  /** RFC 9846, Section 4.2.9. */
  psk_key_exchange_modes: { client_hello: Uint8Array }
  /** RFC 9846, Section 4.2.4: distinguished names, DER. */
  certificate_authorities: { client_hello: readonly Uint8Array[]; certificate_request: readonly Uint8Array[] }
  /** RFC 9846, Section 4.2.6. */
  post_handshake_auth: { client_hello: Empty }
  /** RFC 9846, Section 4.2.3. */
  signature_algorithms_cert: { client_hello: readonly number[]; certificate_request: readonly number[] }
  /** RFC 9846, Section 4.2.8. A HelloRetryRequest names a group. */
  key_share: { client_hello: readonly KeyShareEntry[]; server_hello: KeyShareEntry; hello_retry_request: number }
  /** RFC 5746, Section 3.2. */
  renegotiation_info: { client_hello: Uint8Array; server_hello12: Uint8Array }
}
export type ExtensionName = keyof ExtensionForms

/** An extension without content: that it is there is what it says. */
export type Empty = true

export interface KeyShareEntry {
  readonly group: number
  readonly keyExchange: Uint8Array
}

/** `content` is what follows the type, undecoded where the type is not `ocsp` (1). */
export type StatusRequest =
  | { readonly statusType: 1; readonly responderIds: Uint8Array; readonly requestExtensions: Uint8Array }
  | { readonly statusType: number; readonly content: Uint8Array }

export interface OfferedPreSharedKeys {
  readonly identities: readonly { readonly identity: Uint8Array; readonly obfuscatedTicketAge: number }[]
  /** As many as identities. */
  readonly binders: readonly Uint8Array[]
  /** How many bytes of the ClientHello the list of binders takes at its end: they are not part of what binders sign. */
  readonly bindersLength: number
}

/** An extension that this library does not know. */
export interface UnknownExtension {
  readonly type: number
  readonly body: Uint8Array
}

type NamesIn<P extends ExtensionPlace> = {
  [N in ExtensionName]: P extends keyof ExtensionForms[N] ? N : never
}[ExtensionName]

/** The value of extension `N` in message `P`. */
export type ExtensionValue<N extends ExtensionName, P extends ExtensionPlace> = P extends keyof ExtensionForms[N]
  ? ExtensionForms[N][P]
  : never

/**
 * The extensions of one message. Their order is the order of the properties, in both directions: what is decoded has it as it was
 * sent, and what is encoded is sent as it is written down. Unknown ones stand together.
 */
export type ExtensionsIn<P extends ExtensionPlace> = {
  readonly [N in NamesIn<P>]?: ExtensionValue<N, P> | undefined
} & { readonly unknown?: readonly UnknownExtension[] | undefined }
