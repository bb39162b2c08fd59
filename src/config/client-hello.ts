import type { CodePoint } from './registry.ts'

/** What a client asks for in its first message, GREASE (RFC 8701) included. RFC 9846, Section 4.1.2. */
export interface ClientHello {
  /** The name that it asks for; `undefined` where it names none. */
  readonly serverName: string | undefined
  /** By ALPN; empty where it does not say. */
  readonly innerProtocols: readonly string[]
  /** From supported_versions, or the one of the message's own field: code points, such as 0x0304. */
  readonly versions: readonly CodePoint[]
  readonly ciphers: readonly CodePoint[]
  readonly groups: readonly CodePoint[]
  readonly signatureSchemes: readonly CodePoint[]
  /** The types of its extensions, as they stand. */
  readonly extensions: readonly CodePoint[]
  /** The whole handshake message. */
  readonly raw: Uint8Array
}

/** A server's context, as far as a configuration knows of it. */
export interface PreparedServer {
  readonly configuration: object
  readonly backend: object
}

/**
 * Which context serves a client: any server's, also of another backend, whose own `chooseContext` is not asked; `undefined` for the one
 * that the connection began with; or a refusal, whose reason becomes part of the error, and `alert` (default: `handshake_failure`) what
 * the client is told.
 */
export type ContextChoice =
  | PreparedServer
  | undefined
  | { readonly refuse: string; readonly alert?: 'handshake_failure' | 'unrecognized_name' | 'access_denied' }

/**
 * Looks at a ClientHello before anything is answered to it, once in each connection. The answer may come later, within the handshake's
 * timeout: certificates can be fetched meanwhile. Nothing in a ClientHello is proved: it is the client's word.
 */
export type ChooseContext = (clientHello: ClientHello) => ContextChoice | Promise<ContextChoice>
