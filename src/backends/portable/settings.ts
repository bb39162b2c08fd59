import type { Refusal } from '../../channel/backend.ts'
import {
  featureRefusals,
  mostSecureGroups,
  mostSecureSuites,
  recommendedSuites,
  serverRefusals,
  trustRefusals,
  versionRefusals,
  versionsOf,
} from '../../channel/policies.ts'
import { type CertificateCodec, certificateCompressionName } from '../../config/certificate-compression.ts'
import { cipherSuiteName, isTLS13Suite } from '../../config/cipher-suite.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import { NamedGroup, namedGroupName } from '../../config/named-group.ts'
import type { CodePoint } from '../../config/registry.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { signatureSchemeName } from '../../config/signature-scheme.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import type { Abilities, Surroundings } from './abilities.ts'
import { suites } from './suites.ts'

/** A configuration with this backend's recommendations where nothing was given. */
export interface Settings {
  /** The highest first. */
  readonly versions: readonly NegotiatedVersion[]
  /** By preference; empty where the version is not offered. */
  readonly tls13Suites: readonly CodePoint[]
  readonly tls12Suites: readonly CodePoint[]
  readonly groups: readonly CodePoint[]
  /** The groups for which a client sends a share at once. */
  readonly shareGroups: readonly CodePoint[]
  /** By preference, for the handshake's own signatures. */
  readonly signatureSchemes: readonly CodePoint[]
  /** For those in certificates; `undefined` where they are the same. */
  readonly certificateSignatureSchemes: readonly CodePoint[] | undefined
  readonly innerProtocols: readonly string[]
  /** By preference. */
  readonly certificateCodecs: readonly CertificateCodec[]
  /** RSA keys that are shorter are not used. */
  readonly minimumRsaBits: number
}

type Configuration = TLSClientConfiguration | TLSServerConfiguration

export function settingsOf(configuration: Configuration, abilities: Abilities): Settings {
  const ciphers = ciphersOf(configuration, abilities)
  const versions = [...versionsOf(configuration, ciphers)].reverse()
  const groups = configuration.groups ?? recommendedGroups(configuration, abilities)
  return {
    versions,
    tls13Suites: versions.includes('TLSv1.3') ? ciphers.filter(isTLS13Suite) : [],
    tls12Suites: versions.includes('TLSv1.2') ? ciphers.filter((each) => !isTLS13Suite(each)) : [],
    groups,
    shareGroups: configuration.groups === undefined ? defaultShares(groups) : groups.slice(0, 1),
    signatureSchemes: configuration.signatureSchemes ?? abilities.signatureSchemes,
    certificateSignatureSchemes: configuration.signatureSchemes && abilities.signatureSchemes,
    innerProtocols: configuration.innerProtocols ?? [],
    certificateCodecs: (configuration.certificateCompression ?? []).flatMap(
      (each) => abilities.certificateCodecs.find(({ algorithm }) => algorithm === each) ?? [],
    ),
    minimumRsaBits: configuration.policy === 'leastSecure' ? 512 : 2048,
  }
}

/** Every reason why this backend cannot honour a configuration. */
export function refusalsOf(
  configuration: Configuration,
  abilities: Abilities,
  { readsFiles, hasSystemTrust }: Surroundings,
): readonly Refusal[] {
  const isServer = configuration instanceof TLSServerConfiguration
  const chains = isServer
    ? configuration.certificateChain
    : configuration.certificateChain && [configuration.certificateChain]
  return [
    ...unknown('ciphers', configuration.ciphers, abilities.suites, cipherSuiteName),
    ...unknown('groups', configuration.groups, abilities.groups, namedGroupName),
    ...unknown('signatureSchemes', configuration.signatureSchemes, abilities.signatureSchemes, signatureSchemeName),
    ...compressionRefusals(configuration, abilities),
    ...versionRefusals(configuration, ciphersOf(configuration, abilities)),
    ...(chains ?? []).flatMap((chain, index) =>
      chainRefusals(isServer ? `certificateChain[${index}]` : 'certificateChain', chain, readsFiles),
    ),
    ...trustRefusals(configuration),
    ...featureRefusals(configuration, abilities.features),
    ...fileRefusals('trustStore', configuration.trustStore?.source, readsFiles),
    ...(configuration.revocation?.lists ?? []).flatMap(({ source }, index) =>
      fileRefusals(`revocation.lists[${index}]`, source, readsFiles),
    ),
    ...(hasSystemTrust ? [] : systemTrustRefusals(configuration)),
    ...(isServer ? serverRefusals(configuration) : []),
  ]
}

/** Where there is none at all, the missing feature is the reason. */
function compressionRefusals({ certificateCompression }: Configuration, abilities: Abilities): readonly Refusal[] {
  const able = abilities.certificateCodecs.map(({ algorithm }) => algorithm)
  if (able.length === 0) return []
  return unknown('certificateCompression', certificateCompression, able, certificateCompressionName)
}

function ciphersOf(configuration: Configuration, abilities: Abilities): readonly CodePoint[] {
  if (configuration.ciphers !== undefined) return configuration.ciphers
  switch (configuration.policy ?? 'systemRecommended') {
    case 'systemRecommended':
      return preferred(recommendedSuites, abilities)
    case 'mostSecure':
      return preferred(mostSecureSuites, abilities)
    case 'leastSecure':
      return abilities.suites
  }
}

/** Those among suites that the provider has, its favourite AEADs first: where AES leaks by its timing, ChaCha20 is. */
function preferred(among: readonly CodePoint[], { aeads, suites: able }: Abilities): readonly CodePoint[] {
  return aeads.flatMap((aead) => among.filter((each) => able.includes(each) && suites.get(each)?.aead === aead))
}

function recommendedGroups({ policy }: Configuration, { groups, slowGroups }: Abilities): readonly CodePoint[] {
  if (policy === 'mostSecure') return mostSecureGroups.filter((each) => groups.includes(each))
  return groups.filter((each) => !slowGroups.includes(each))
}

/** A hybrid share is of no use to most servers yet, and its half costs little more: both are sent. */
function defaultShares(groups: readonly CodePoint[]): readonly CodePoint[] {
  const [first] = groups
  const x25519 = groups.includes(NamedGroup.x25519) ? [NamedGroup.x25519] : []
  return first === NamedGroup.X25519MLKEM768 ? [first, ...x25519] : groups.slice(0, 1)
}

function chainRefusals(field: string, chain: SigningChain, readsFiles: boolean): readonly Refusal[] {
  const sources = [
    [`${field}.leaf`, chain.leaf],
    [`${field}.key`, chain.key],
  ] as const
  const issuers = (chain.chain ?? []).map((each, index) => [`${field}.chain[${index}]`, each] as const)
  return [...sources, ...issuers].flatMap(([name, { source }]) =>
    source.kind === 'id'
      ? [{ field: name, reason: `this backend does not know the id '${source.id}'` }]
      : fileRefusals(name, source, readsFiles),
  )
}

function fileRefusals(field: string, source: { readonly kind: string } | undefined, readsFiles: boolean): Refusal[] {
  if (source?.kind !== 'file' || readsFiles) return []
  return [{ field, reason: 'this backend was given no way to read files', hint: 'give what is in it: fromBuffer' }]
}

/** A client that is given no trust store asks for the system's. */
function systemTrustRefusals(configuration: Configuration): Refusal[] {
  const { trustStore } = configuration
  const kind = trustStore?.source.kind ?? (configuration instanceof TLSServerConfiguration ? undefined : 'system')
  if (kind !== 'system') return []
  const reason = 'this backend was given no way to find the trust store of the system'
  return [{ field: 'trustStore', reason, hint: 'give one: TrustStore.fromBuffer with the authorities in PEM' }]
}

function unknown(
  field: string,
  given: readonly CodePoint[] | undefined,
  able: readonly CodePoint[],
  nameOf: (codePoint: CodePoint) => string,
): readonly Refusal[] {
  return (given ?? []).flatMap((codePoint, index) =>
    able.includes(codePoint)
      ? []
      : [{ field: `${field}[${index}]`, reason: `this backend does not have ${nameOf(codePoint)}` }],
  )
}
