import type { Capabilities, Feature } from '../../channel/backend.ts'
import type { CodePoint } from '../../config/registry.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { suites } from './suites.ts'

/** What this backend can do with a provider of cryptography. */
export interface Abilities {
  readonly versions: readonly NegotiatedVersion[]
  readonly suites: readonly CodePoint[]
  /** By the provider's preference. */
  readonly groups: readonly CodePoint[]
  /** Offered only where a configuration or the policy mostSecure names them. */
  readonly slowGroups: readonly CodePoint[]
  readonly signatureSchemes: readonly CodePoint[]
}

export function abilitiesOf({ capabilities }: CryptoProvider): Abilities {
  const { aeads, hashes, groups, slowGroups = [], signatureSchemes } = capabilities
  return {
    versions: ['TLSv1.2', 'TLSv1.3'],
    suites: [...suites.values()]
      .filter(({ aead, hash }) => aeads.includes(aead) && hashes.includes(hash))
      .map(({ code }) => code),
    groups,
    slowGroups,
    signatureSchemes: signatureSchemes.verify,
  }
}

export const features: ReadonlySet<Feature> = new Set<Feature>([
  'verify-peer',
  'key-log',
  'server-name-selection',
  'certificate-verification-time',
  'asynchronous-signing',
])

export function capabilitiesOf(abilities: Abilities, readsFiles: boolean, hasSystemTrust: boolean): Capabilities {
  const sources = readsFiles ? ['buffer', 'file'] : ['buffer']
  return {
    roles: ['client', 'server'],
    versions: abilities.versions,
    ciphers: abilities.suites,
    groups: abilities.groups,
    signatureSchemes: abilities.signatureSchemes,
    sources: {
      certificate: sources,
      privateKey: [...sources, 'signer'],
      trustStore: [...(hasSystemTrust ? ['system'] : []), ...sources, 'certificates'],
    },
    features,
  }
}
