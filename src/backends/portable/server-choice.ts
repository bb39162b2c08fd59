/** What a client of TLS 1.3 makes of a ServerHello: RFC 9846, Sections 4.1.3 and 4.1.4. */
import { disagreement } from '../../channel/disagreement.ts'
import { equalPublicBytes } from '../../crypto/bytes.ts'
import type { ClientConnection } from './connection.ts'
import { fault } from './faults.ts'
import type { HelloRetryRequest, ServerHello, ServerHello13 } from './messages/server-hello.ts'
import { versionCode } from './protocol-version.ts'
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

/** The suite that the server chose among those that were offered. */
export function requireSuite({ setup }: ClientConnection, hello: ServerHello): SuiteParameters {
  const suite = suites.get(hello.cipherSuite)
  if (suite === undefined || !setup.settings.tls13Suites.includes(suite.code)) throw fault('wrong-cipher-suite-choice')
  return suite
}

export function requireSessionId(sent: SentHello, hello: ServerHello): void {
  if (!equalPublicBytes(sent.sessionId, hello.sessionId)) throw fault('wrong-session-id')
}

/** That TLS 1.2 was offered at all; the rest is its own affair. */
export function requireVersion12({ setup }: ClientConnection, hello: ServerHello): void {
  if (hello.legacyVersion < versionCode['TLSv1.2']) {
    throw disagreement('version', 'the peer chose a version of TLS older than we accept')
  }
  if (!setup.settings.versions.includes('TLSv1.2')) {
    throw disagreement('version', 'the peer chose a version of TLS that we did not offer')
  }
}
