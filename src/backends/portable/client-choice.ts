/** What a server makes of a ClientHello, whatever its version: RFC 9846, Section 4.1.1. */
import type { CodePoint } from '../../config/registry.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import type { ServerConnection } from './connection.ts'
import { disagreement } from './faults.ts'
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

/** Our first suite that the client has; ChaCha20 first where the client has it first, since it then lacks hardware for AES. */
export function chooseSuite(ours: readonly CodePoint[], hello: ClientHello): SuiteParameters {
  const { cipherSuites } = hello
  const isChaCha = (code: CodePoint): boolean => suites.get(code)?.aead === 'chacha20-poly1305'
  const clientsFirst = cipherSuites.find((code) => suites.has(code))
  const prefersChaCha = clientsFirst !== undefined && isChaCha(clientsFirst)
  const common = ours.filter((code) => cipherSuites.includes(code))
  const chosen = suites.get((prefersChaCha ? common.find(isChaCha) : undefined) ?? common[0] ?? -1)
  if (chosen === undefined) throw disagreement('cipher-suite', 'the peer offers no cipher suite that we accept')
  return chosen
}

/** Those of our chains that are for the name, by the configuration's order. */
export function credentialsFor({ setup }: ServerConnection, hello: ClientHello): readonly Credential[] {
  const indices = setup.chains.choose(hello.extensions.server_name)
  return indices.map((index) => setup.credentials[index] as Credential)
}
