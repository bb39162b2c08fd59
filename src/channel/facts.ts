import type { CodePoint } from '../config/registry.ts'
import type { NegotiatedVersion } from '../config/tls-version.ts'

/** What was agreed. `undefined` before the handshake, or where a backend cannot say. Nothing here is ever guessed. */
export interface ConnectionFacts {
  readonly version: NegotiatedVersion | undefined
  readonly cipherSuite: CodePoint | undefined
  /** The group of the key exchange. */
  readonly group: CodePoint | undefined
  /** How the peer proved its key, or, towards a client without a certificate, how we proved ours. */
  readonly signatureScheme: CodePoint | undefined
  /** The protocol inside, by ALPN. */
  readonly innerProtocol: string | undefined
  /** The name that the client asked for. */
  readonly serverName: string | undefined
  /** The peer's certificate, DER. */
  readonly peerCertificate: Uint8Array | undefined
  /** What the peer sent, DER, its own certificate first. */
  readonly peerChain: readonly Uint8Array[]
  /** Whether the peer showed a certificate that passed verification, and the veto where there is one. */
  readonly verified: boolean
  readonly resumed: boolean
}

/** The facts of a channel whose handshake has not finished. */
export const noFacts: ConnectionFacts = Object.freeze({
  version: undefined,
  cipherSuite: undefined,
  group: undefined,
  signatureScheme: undefined,
  innerProtocol: undefined,
  serverName: undefined,
  peerCertificate: undefined,
  peerChain: Object.freeze([]),
  verified: false,
  resumed: false,
})
