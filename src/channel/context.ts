import type { TLSClientConfiguration } from '../config/client-configuration.ts'
import type { TLSServerConfiguration } from '../config/server-configuration.ts'
import type { Session } from '../config/session.ts'
import type { Backend } from './backend.ts'
import type { InsecureOptions, insecureOptions } from './insecure.ts'
import type { TLSBuffer } from './tls-buffer.ts'

/** A configuration that a backend has prepared. Immutable; making one is dear, making a channel from it is cheap. */
export interface ClientContext {
  readonly backend: Backend
  readonly configuration: TLSClientConfiguration
  /**
   * @param serverName The host name or IP address that the peer's certificate has to be for; names are also sent (SNI). `undefined`
   * where there is none to check: then the trust store alone decides, so it should be a narrow one.
   * @throws ConfigurationError where it is neither a name nor an address.
   */
  createBuffer(serverName: string | undefined, options?: ClientBufferOptions): TLSBuffer
}

/** What one connection of a client has for itself. */
export interface ClientBufferOptions {
  /**
   * Which service of the host this is: sessions of one are not offered to another. Default: none; sockets say `host:port`.
   */
  readonly service?: string | undefined
  /**
   * Resume this session instead of one from the cache. Where it is not for this server and configuration, or has expired, it is not
   * offered, and the handshake is a full one: `facts.resumed` tells.
   */
  readonly session?: Session | undefined
  /**
   * Sent before the server has answered, where the session allows that much; `facts.earlyData` tells what became of it. Nothing is sent
   * again by itself. It can be replayed: only what is safe to happen twice belongs here. RFC 9846, Section 8.
   */
  readonly earlyData?: Uint8Array | undefined
}

/** A configuration of a server that a backend has prepared. Immutable, as a ClientContext is. */
export interface ServerContext {
  readonly backend: Backend
  readonly configuration: TLSServerConfiguration
  /** A channel for one client. */
  createBuffer(): TLSBuffer
}

/** What a context takes from the world around it, so that tests own it. */
export interface ContextEnvironment {
  /**
   * The time at which certificates have to be valid and by which sessions age, in milliseconds since 1970. Default: the clock of the
   * machine.
   */
  readonly now?: () => number
  /** @internal Only `polytls/insecure` has the key. */
  readonly [insecureOptions]?: InsecureOptions
}
