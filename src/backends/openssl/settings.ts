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
import { cipherSuiteName, isTLS13Suite } from '../../config/cipher-suite.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import type { Policy } from '../../config/common-options.ts'
import { namedGroupName } from '../../config/named-group.ts'
import type { CodePoint } from '../../config/registry.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { signatureSchemeName } from '../../config/signature-scheme.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import { TLSVersion } from '../../config/tls-version.ts'
import { type Abilities, features } from './abilities.ts'
import { ProtocolVersion } from './constants.ts'
import { keyRefusal } from './pre-shared-keys.ts'

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
  const ciphers = ciphersOf(configuration, abilities)
  const groupList = configuration.groups ?? policy.groups?.filter((each) => groups.has(each))
  const bounds = versionsOf(configuration, ciphers)
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
    ...versionRefusals(configuration, ciphersOf(configuration, abilities)),
    ...(chains ?? []).flatMap((chain, index) =>
      chainRefusals(isServer ? `certificateChain[${index}]` : 'certificateChain', chain),
    ),
    ...trustRefusals(configuration),
    ...featureRefusals(configuration, features),
    ...(isServer ? serverRefusals(configuration) : keyRefusals(configuration)),
  ]
}

interface PolicySettings {
  readonly ciphers: (abilities: Abilities) => readonly CodePoint[]
  readonly groups?: readonly CodePoint[]
  readonly securityLevel: number
}

const policies: { readonly [P in Policy]: PolicySettings } = {
  systemRecommended: { ciphers: () => recommendedSuites, securityLevel: 2 },
  mostSecure: { ciphers: () => mostSecureSuites, groups: mostSecureGroups, securityLevel: 2 },
  leastSecure: {
    ciphers: ({ suites }) => [...suites.keys()],
    securityLevel: 0,
  },
}

function ciphersOf(configuration: Configuration, abilities: Abilities): readonly CodePoint[] {
  return configuration.ciphers ?? policies[configuration.policy ?? 'systemRecommended'].ciphers(abilities)
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

/** OpenSSL asks a client for one external key, and has room for so much of it. */
function keyRefusals({ preSharedKeys = [] }: TLSClientConfiguration): readonly Refusal[] {
  return preSharedKeys.flatMap((key, index) => {
    const field = `preSharedKeys[${index}]`
    if (index > 0) return [{ field, reason: 'OpenSSL offers one key only' }]
    // What is a feature, `featureRefusals` has looked at.
    const reason = key.importContext === undefined ? keyRefusal(key) : undefined
    return reason === undefined ? [] : [{ field, reason }]
  })
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
