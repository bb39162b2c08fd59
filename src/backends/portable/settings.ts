import type { CodePoint } from '../../config/registry.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'

/** A configuration with this backend's recommendations where nothing was given. */
export interface Settings {
  /** By preference: the highest first. */
  readonly versions: readonly NegotiatedVersion[]
  /** Suites by preference, of the versions that are offered only. */
  readonly tls13Suites: readonly CodePoint[]
  readonly tls12Suites: readonly CodePoint[]
  readonly groups: readonly CodePoint[]
  /** The groups for which a client sends a share at once. */
  readonly shareGroups: readonly CodePoint[]
  /** For the handshake's own signatures. */
  readonly signatureSchemes: readonly CodePoint[]
  /** For those in certificates; `undefined` where they are the same. */
  readonly certificateSignatureSchemes: readonly CodePoint[] | undefined
  readonly innerProtocols: readonly string[]
}
