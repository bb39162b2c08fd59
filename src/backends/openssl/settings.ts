import type { Refusal } from '../../channel/backend.ts'
import { CipherSuite, cipherSuiteName, isTLS13Suite } from '../../config/cipher-suite.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import { NamedGroup, namedGroupName } from '../../config/named-group.ts'
import type { CodePoint } from '../../config/registry.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { signatureSchemeName } from '../../config/signature-scheme.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import { compareVersions, TLSVersion } from '../../config/tls-version.ts'
import type { Abilities } from './abilities.ts'
import { ProtocolVersion } from './constants.ts'

/** A configuration in OpenSSL's terms: what the caller gave, with this backend's recommendations where nothing was given. */
export interface Settings {
  readonly lowest: number
  readonly highest: number
  /** Lists as OpenSSL's setters take them; `undefined` leaves the library's own default. */
  readonly tls12Suites: string | undefined
  readonly tls13Suites: string | undefined
  readonly groups: string | undefined
  readonly signatureSchemes: string | undefined
  /** See SSL_CTX_set_security_level(3): 2 asks for 112 bits everywhere, such as RSA keys of 2048 bits, and no SHA-1. */
  readonly securityLevel: number
}

type Configuration = TLSClientConfiguration | TLSServerConfiguration

export function settingsOf(configuration: Configuration, abilities: Abilities): Settings {
  const { suites, groups, schemes } = abilities
  const policy = policies[configuration.policy ?? 'systemRecommended']
  const ciphers = configuration.ciphers ?? policy.ciphers(abilities)
  const groupList = configuration.groups ?? policy.groups?.filter((each) => groups.has(each))
  const bounds = versionBounds(configuration, ciphers)
  return {
    lowest: bounds.includes(TLSVersion.TLSv1_2) ? ProtocolVersion.TLS1_2 : ProtocolVersion.TLS1_3,
    highest: bounds.includes(TLSVersion.TLSv1_3) ? ProtocolVersion.TLS1_3 : ProtocolVersion.TLS1_2,
    tls12Suites: listOf(
      ciphers.filter((each) => !isTLS13Suite(each)),
      suites,
    ),
    tls13Suites: listOf(ciphers.filter(isTLS13Suite), suites),
    groups: groupList && listOf(groupList, groups),
    signatureSchemes: configuration.signatureSchemes && listOf(configuration.signatureSchemes, schemes),
    securityLevel: policy.securityLevel,
  }
}

/** Every reason why this build of OpenSSL cannot honour a configuration. */
export function refusalsOf(configuration: Configuration, abilities: Abilities): readonly Refusal[] {
  const isServer = configuration instanceof TLSServerConfiguration
  const chains = isServer
    ? configuration.certificateChain
    : configuration.certificateChain && [configuration.certificateChain]
  return [
    ...unknown('ciphers', configuration.ciphers, abilities.suites, cipherSuiteName),
    ...unknown('groups', configuration.groups, abilities.groups, namedGroupName),
    ...unknown('signatureSchemes', configuration.signatureSchemes, abilities.schemes, signatureSchemeName),
    ...weakRefusals(configuration, abilities),
    ...versionRefusals(configuration, abilities),
    ...(chains ?? []).flatMap((chain, index) =>
      chainRefusals(isServer ? `certificateChain[${index}]` : 'certificateChain', chain),
    ),
    ...trustRefusals(configuration),
    ...(isServer ? serverRefusals(configuration) : []),
  ]
}

interface PolicySettings {
  readonly ciphers: (abilities: Abilities) => readonly CodePoint[]
  readonly groups?: readonly CodePoint[]
  readonly versions: readonly TLSVersion[]
  readonly securityLevel: number
}

const C = CipherSuite
const policies: { readonly [P in NonNullable<Configuration['policy']>]: PolicySettings } = {
  systemRecommended: {
    versions: [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3],
    ciphers: () => [
      C.TLS_AES_128_GCM_SHA256,
      C.TLS_AES_256_GCM_SHA384,
      C.TLS_CHACHA20_POLY1305_SHA256,
      C.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
      C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
      C.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
      C.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
      C.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
      C.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ],
    securityLevel: 2,
  },
  mostSecure: {
    versions: [TLSVersion.TLSv1_3],
    ciphers: () => [C.TLS_AES_256_GCM_SHA384, C.TLS_CHACHA20_POLY1305_SHA256],
    groups: [
      NamedGroup.X25519MLKEM768,
      NamedGroup.SecP384r1MLKEM1024,
      NamedGroup.x25519,
      NamedGroup.secp384r1,
      NamedGroup.x448,
    ],
    securityLevel: 2,
  },
  leastSecure: {
    versions: [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3],
    ciphers: ({ suites }) => [...suites.keys()],
    securityLevel: 0,
  },
}

/** The versions between the bounds for which there is a suite. */
function versionBounds(configuration: Configuration, ciphers: readonly CodePoint[]): readonly TLSVersion[] {
  const policy = policies[configuration.policy ?? 'systemRecommended']
  const { lowestSupportedVersion: lowest, highestSupportedVersion: highest } = configuration
  // A bound that the caller gives replaces the policy's; MINIMUM_SUPPORTED and MAXIMUM_SUPPORTED are the backend's own.
  const versions = lowest === undefined ? policy.versions : [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3]
  return versions.filter(
    (version) =>
      compareVersions(version, lowest ?? TLSVersion.MINIMUM_SUPPORTED) >= 0 &&
      compareVersions(version, highest ?? TLSVersion.MAXIMUM_SUPPORTED) <= 0 &&
      ciphers.some((cipher) => isTLS13Suite(cipher) === (version === TLSVersion.TLSv1_3)),
  )
}

/** OpenSSL would leave them out without a word. */
function weakRefusals({ ciphers, policy }: Configuration, { weakSuites }: Abilities): readonly Refusal[] {
  if (policy === 'leastSecure') return []
  return (ciphers ?? []).flatMap((codePoint, index) =>
    weakSuites.has(codePoint)
      ? [
          {
            field: `ciphers[${index}]`,
            reason: `${cipherSuiteName(codePoint)} gives less than 112 bits of security, which only the policy leastSecure lets through`,
          },
        ]
      : [],
  )
}

function versionRefusals(configuration: Configuration, abilities: Abilities): readonly Refusal[] {
  const ciphers = configuration.ciphers ?? policies[configuration.policy ?? 'systemRecommended'].ciphers(abilities)
  if (versionBounds(configuration, ciphers).length > 0) return []
  return configuration.ciphers === undefined
    ? [
        {
          field: 'highestSupportedVersion',
          reason: `the policy ${configuration.policy} leaves no version within the bounds`,
        },
      ]
    : [{ field: 'ciphers', reason: 'no suite of the list belongs to a version within the bounds' }]
}

function chainRefusals(field: string, chain: SigningChain): readonly Refusal[] {
  const sources = [
    [`${field}.leaf`, chain.leaf],
    [`${field}.key`, chain.key],
  ] as const
  const issuers = (chain.chain ?? []).map((each, index) => [`${field}.chain[${index}]`, each] as const)
  return [...sources, ...issuers].flatMap(([name, { source }]) => {
    if (source.kind === 'id') return [{ field: name, reason: `this backend does not know the id '${source.id}'` }]
    if (source.kind === 'signer') return [{ field: name, reason: 'this backend cannot yet sign through a Signer' }]
    return []
  })
}

function trustRefusals({ trustStore }: Configuration): readonly Refusal[] {
  if (trustStore?.source.kind !== 'id') return []
  return [{ field: 'trustStore', reason: `this backend does not know the id '${trustStore.source.id}'` }]
}

function serverRefusals({ clientAuthentication, verifyPeer }: TLSServerConfiguration): readonly Refusal[] {
  if (verifyPeer === undefined || (clientAuthentication ?? 'none') !== 'none') return []
  return [{ field: 'verifyPeer', reason: 'it would never be asked: clientAuthentication is none' }]
}

function unknown(
  field: string,
  given: readonly CodePoint[] | undefined,
  able: ReadonlyMap<CodePoint, string>,
  nameOf: (codePoint: CodePoint) => string,
): readonly Refusal[] {
  return (given ?? []).flatMap((codePoint, index) =>
    able.has(codePoint)
      ? []
      : [{ field: `${field}[${index}]`, reason: `this OpenSSL does not have ${nameOf(codePoint)}` }],
  )
}

function listOf(codePoints: readonly CodePoint[], names: ReadonlyMap<CodePoint, string>): string | undefined {
  const list = codePoints.flatMap((codePoint) => names.get(codePoint) ?? [])
  return list.length === 0 ? undefined : list.join(':')
}
