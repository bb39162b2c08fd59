import { cipherSuiteName } from '../../config/cipher-suite.ts'
import { namedGroupName } from '../../config/named-group.ts'
import { NegotiationError } from '../../errors.ts'
import { versionHint } from './fault.ts'
import { type ServerHello, type ServerKeyExchange, tls12, tls13 } from './hello.ts'
import type { Settings } from './settings.ts'

/**
 * Why what a server chose is not what the configuration allows; undefined where it is. Schannel can be held to less than a configuration can
 * say, and a setting of the machine may add what nobody asked for, so the choice itself is looked at.
 */
export function objectionTo(
  settings: Settings,
  { version, cipherSuite, group }: ServerHello,
  keyExchange: ServerKeyExchange | undefined,
): NegotiationError | undefined {
  const { versions, suites, groups, openAbove, credentialStructure } = settings
  const name = version === tls13 ? 'TLSv1.3' : version === tls12 ? 'TLSv1.2' : undefined
  const isAllowed = name === undefined ? version > tls13 && openAbove : versions.includes(name)
  if (!isAllowed) {
    const chosen = name ?? `version 0x${version.toString(16)}`
    return new NegotiationError('version', `${chosen} was chosen, and only ${versions.join(', ')} is allowed`, {
      alert: 'protocol_version',
      hint: versionHint(credentialStructure),
    })
  }
  if (!suites.has(cipherSuite) && version <= tls13) {
    return new NegotiationError('cipher-suite', `${cipherSuiteName(cipherSuite)} was chosen, which is not allowed`, {
      alert: 'handshake_failure',
      hint: 'compare ciphers on both sides; Schannel cannot leave out every suite by itself',
    })
  }
  const agreedGroup = group ?? keyExchange?.group
  if (agreedGroup !== undefined && groups !== undefined && !groups.has(agreedGroup)) {
    return new NegotiationError('group', `${namedGroupName(agreedGroup)} was chosen, which is not allowed`, {
      alert: 'handshake_failure',
      hint: 'compare groups on both sides; Schannel cannot leave out every group by itself',
    })
  }
  return undefined
}
