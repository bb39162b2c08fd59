/** What a client makes of a ServerHello, whatever its version: RFC 9846, Sections 4.1.3 and 4.1.4. */
import { equalPublicBytes } from '../../crypto/bytes.ts'
import type { ClientConnection } from './connection.ts'
import { disagreement, fault } from './faults.ts'
import type { HelloRetryRequest, ServerHello, ServerHello12, ServerHello13 } from './messages/server-hello.ts'
import { hasDowngradeMarker, versionCode } from './protocol-version.ts'
import type { SentHello } from './sent-hello.ts'
import { type SuiteParameters, suites } from './suites.ts'

/** A hello in one of TLS 1.3's two meanings, whose version was offered. */
export function requireVersion13(
  { setup }: ClientConnection,
  hello: ServerHello,
): asserts hello is ServerHello13 | HelloRetryRequest {
  if (hello.kind === 'server_hello12') throw fault('wrong-version-choice')
  const offered = setup.settings.versions.includes('TLSv1.3')
  if (!offered || hello.extensions.supported_versions !== versionCode['TLSv1.3']) throw fault('wrong-version-choice')
  if (hello.legacyVersion !== versionCode['TLSv1.2']) throw fault('wrong-version-choice', 'legacy_version')
}

/** A hello of TLS 1.2, which was offered, and which nobody between has brought about. */
export function requireVersion12({ setup }: ClientConnection, hello: ServerHello12): void {
  const { versions } = setup.settings
  if (hello.legacyVersion < versionCode['TLSv1.2']) {
    throw disagreement('version', 'the peer chose a version of TLS older than we accept')
  }
  if (hello.legacyVersion !== versionCode['TLSv1.2']) throw fault('wrong-version-choice')
  if (!versions.includes('TLSv1.2')) {
    throw disagreement('version', 'the peer chose a version of TLS that we did not offer')
  }
  if (versions.includes('TLSv1.3') && hasDowngradeMarker(hello.random)) throw fault('downgrade')
}

/** The suite that the server chose among those that were offered for the version. */
export function requireSuite({ setup }: ClientConnection, hello: ServerHello): SuiteParameters {
  const { tls12Suites, tls13Suites } = setup.settings
  const offered = hello.kind === 'server_hello12' ? tls12Suites : tls13Suites
  const suite = suites.get(hello.cipherSuite)
  if (suite === undefined || !offered.includes(hello.cipherSuite)) throw fault('wrong-cipher-suite-choice')
  return suite
}

export function requireSessionId(sent: SentHello, hello: ServerHello): void {
  if (!equalPublicBytes(sent.sessionId, hello.sessionId)) throw fault('wrong-session-id')
}

/** The protocol that the server chose, as text. RFC 7301, Section 3.2. */
export function acceptProtocol({ setup }: ClientConnection, chosen: Uint8Array | undefined): string | undefined {
  if (chosen === undefined) return undefined
  if (!setup.settings.innerProtocols.some((offered) => equalPublicBytes(offered, chosen))) {
    throw fault('wrong-protocol-choice')
  }
  return new TextDecoder().decode(chosen)
}
