/** What a server makes of a ClientHello, whatever its version: RFC 9846, Section 4.1.1. */
import { disagreement } from '../../channel/disagreement.ts'
import type { CodePoint } from '../../config/registry.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import type { ServerConnection } from './connection.ts'
import { fallbackSuite } from './handshake12.ts'
import type { ClientHello } from './messages/client-hello.ts'
import { versionCode } from './protocol-version.ts'
import type { Credential } from './setup.ts'
import { type SuiteParameters, suites } from './suites.ts'

/** The highest version that both speak. RFC 9846, Section 4.2.1. */
export function chooseVersion({ setup }: ServerConnection, hello: ClientHello): NegotiatedVersion {
  const { versions } = setup.settings
  const offered = hello.extensions.supported_versions
  const chosen = versions.find((version) =>
    offered === undefined
      ? version === 'TLSv1.2' && hello.legacyVersion >= versionCode['TLSv1.2']
      : offered.includes(versionCode[version]),
  )
  const [highest] = versions
  // RFC 7507, Section 3: the client holds back, and this server speaks more than it says.
  if (hello.cipherSuites.includes(fallbackSuite) && highest !== chosen) {
    throw disagreement(
      'version',
      'the peer fell back to an older version without need',
      chosen === undefined ? 'protocol_version' : 'inappropriate_fallback',
    )
  }
  if (chosen === undefined) throw disagreement('version', 'the peer offers only versions of TLS that we do not')
  return chosen
}

/** Our first suite that the client has. */
export function chooseSuite(ours: readonly CodePoint[], hello: ClientHello): SuiteParameters {
  const [first] = commonSuites(ours, hello)
  if (first === undefined) throw disagreement('cipher-suite', 'the peer offers no cipher suite that we accept')
  return first
}

/** Ours that the client has too; ChaCha20 first where the client has it first, since it then lacks hardware for AES. */
export function commonSuites(ours: readonly CodePoint[], hello: ClientHello): readonly SuiteParameters[] {
  const { cipherSuites } = hello
  const common = ours.flatMap((code) => (cipherSuites.includes(code) ? (suites.get(code) ?? []) : []))
  const isChaCha = (suite: SuiteParameters | undefined): boolean => suite?.aead === 'chacha20-poly1305'
  const clientsFirst = cipherSuites.find((code) => suites.has(code))
  if (clientsFirst === undefined || !isChaCha(suites.get(clientsFirst))) return common
  return [...common.filter(isChaCha), ...common.filter((suite) => !isChaCha(suite))]
}

/** Those of our chains that are for the name, by the configuration's order. */
export function credentialsFor({ setup }: ServerConnection, hello: ClientHello): readonly Credential[] {
  const indices = setup.chains.choose(hello.extensions.server_name)
  return indices.map((index) => setup.credentials[index] as Credential)
}
