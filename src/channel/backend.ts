import type { TLSClientConfiguration } from '../config/client-configuration.ts'
import type { CodePoint } from '../config/registry.ts'
import type { TLSServerConfiguration } from '../config/server-configuration.ts'
import type { NegotiatedVersion } from '../config/tls-version.ts'
import type { ClientContext, ContextEnvironment, ServerContext } from './context.ts'

/** A TLS stack behind the one contract. Source: PEP 748, Backend. */
export interface Backend {
  readonly name: string
  /** The version of what it drives, in that project's words; the empty string where it is not available. */
  readonly version: string
  readonly available: Availability
  readonly capabilities: Capabilities
  /** Every reason why this backend cannot honour a configuration; empty when it can. Contexts refuse with the first. */
  explain(configuration: TLSClientConfiguration | TLSServerConfiguration): readonly Refusal[]
  /** @throws ConfigurationError naming the field; BackendError where the backend is not available. */
  clientContext(configuration: TLSClientConfiguration, environment?: ContextEnvironment): ClientContext
  /** @throws ConfigurationError naming the field; BackendError where the backend is not available. */
  serverContext(configuration: TLSServerConfiguration, environment?: ContextEnvironment): ServerContext
}

/** Whether a backend can be used here, or why not. */
export type Availability = { readonly yes: true } | { readonly yes: false; readonly reason: string }

/** One reason why a backend cannot honour a configuration: the field, and what stands in the way. */
export interface Refusal {
  readonly field: string
  readonly reason: string
  /** What to do about it, where there is something. */
  readonly hint?: string
}

/** What a backend can do on this machine. Where it is not available, everything is empty. */
export interface Capabilities {
  readonly roles: readonly ('client' | 'server')[]
  readonly versions: readonly NegotiatedVersion[]
  readonly ciphers: readonly CodePoint[]
  readonly groups: readonly CodePoint[]
  /** Those that it accepts of a peer. */
  readonly signatureSchemes: readonly CodePoint[]
  /** Those that it signs with, given a key to read. What is missing here can be had by a `Signer`, where `asynchronous-signing` is a feature. */
  readonly signingSchemes: readonly CodePoint[]
  /** The kinds of source that it can read, and the schemes of ids that it knows. */
  readonly sources: {
    readonly certificate: readonly string[]
    readonly privateKey: readonly string[]
    readonly trustStore: readonly string[]
  }
  readonly features: ReadonlySet<Feature>
}

/** What not every backend can. Each is added together with the API that needs it. */
export type Feature =
  | 'verify-peer'
  | 'key-log'
  | 'server-name-selection'
  | 'certificate-verification-time'
  | 'asynchronous-signing'
  /** Resumption by tickets, of one's own kind and the application's. */
  | 'sessions'
  | 'early-data'
  | 'post-handshake-authentication'
  | 'choose-certificate'
  | 'key-update'
  | 'pre-shared-keys'
  /** RFC 9258. */
  | 'imported-pre-shared-keys'
  | 'exporters'
  | 'channel-bindings'
  | 'ocsp-stapling'
  | 'revocation-lists'
  | 'certificate-timestamps'
  | 'certificate-compression'
  | 'choose-context'
  | 'encrypted-keys'
