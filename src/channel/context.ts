import type { TLSClientConfiguration } from '../config/client-configuration.ts'
import type { TLSServerConfiguration } from '../config/server-configuration.ts'
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
  createBuffer(serverName: string | undefined): TLSBuffer
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
  /** The time at which certificates have to be valid, in milliseconds since 1970. Default: the clock of the machine. */
  readonly now?: () => number
  /** @internal Only `polytls/insecure` has the key. */
  readonly [insecureOptions]?: InsecureOptions
}
