import type { Capabilities, Feature } from '../../channel/backend.ts'
import type { CertificateCodec } from '../../config/certificate-compression.ts'
import type { CodePoint } from '../../config/registry.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import type { AeadAlgorithm } from '../../crypto/algorithms.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { suites } from './suites.ts'

/** What this backend can do with a provider of cryptography. */
export interface Abilities {
  readonly versions: readonly NegotiatedVersion[]
  readonly suites: readonly CodePoint[]
  /** By the provider's preference. */
  readonly aeads: readonly AeadAlgorithm[]
  /** By the provider's preference. */
  readonly groups: readonly CodePoint[]
  /** Offered only where a configuration or the policy mostSecure names them. */
  readonly slowGroups: readonly CodePoint[]
  /** Those that a peer's signature is accepted by. */
  readonly signatureSchemes: readonly CodePoint[]
  /** Those that it can sign with. */
  readonly signingSchemes: readonly CodePoint[]
  /** The ways to compress certificates that the surroundings have. */
  readonly certificateCodecs: readonly CertificateCodec[]
  readonly features: ReadonlySet<Feature>
}

/** What a backend was given of the world around it. */
export interface Surroundings {
  readonly readsFiles: boolean
  readonly hasSystemTrust: boolean
}

export function abilitiesOf(
  { capabilities, decryptPrivateKey }: CryptoProvider,
  certificateCodecs: readonly CertificateCodec[] = [],
): Abilities {
  const { aeads, hashes, groups, slowGroups = [], signatureSchemes } = capabilities
  return {
    versions: ['TLSv1.2', 'TLSv1.3'],
    suites: [...suites.values()]
      .filter(({ aead, hash }) => aeads.includes(aead) && hashes.includes(hash))
      .map(({ code }) => code),
    aeads,
    groups,
    slowGroups,
    signatureSchemes: signatureSchemes.verify,
    signingSchemes: signatureSchemes.sign,
    certificateCodecs,
    features: new Set<Feature>([
      ...features,
      ...(decryptPrivateKey === undefined ? [] : (['encrypted-keys'] as const)),
      ...(certificateCodecs.length === 0 ? [] : (['certificate-compression'] as const)),
    ]),
  }
}

/** With any provider of cryptography. */
const features: ReadonlySet<Feature> = new Set<Feature>([
  'verify-peer',
  'key-log',
  'server-name-selection',
  'choose-context',
  'certificate-verification-time',
  'asynchronous-signing',
  'exporters',
  'channel-bindings',
  'revocation-lists',
  'ocsp-stapling',
  'certificate-timestamps',
  'sessions',
  'early-data',
  'pre-shared-keys',
  'imported-pre-shared-keys',
  'key-update',
  'post-handshake-authentication',
  'choose-certificate',
])

export function capabilitiesOf(abilities: Abilities, { readsFiles, hasSystemTrust }: Surroundings): Capabilities {
  const sources = readsFiles ? ['buffer', 'file'] : ['buffer']
  return {
    roles: ['client', 'server'],
    versions: abilities.versions,
    ciphers: abilities.suites,
    groups: abilities.groups,
    signatureSchemes: abilities.signatureSchemes,
    signingSchemes: abilities.signingSchemes,
    sources: {
      certificate: sources,
      privateKey: [...sources, 'signer'],
      trustStore: [...(hasSystemTrust ? ['system'] : []), ...sources, 'certificates'],
    },
    features: abilities.features,
  }
}
