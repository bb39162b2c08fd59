import type { Refusal } from '../../channel/backend.ts'
import {
  featureRefusals,
  mostSecureGroups,
  mostSecureSuites,
  recommendedSuites,
  serverRefusals,
  versionRefusals,
  versionsOf,
} from '../../channel/policies.ts'
import { cipherSuiteName } from '../../config/cipher-suite.ts'
import type { TLSClientConfiguration } from '../../config/client-configuration.ts'
import { namedGroupName } from '../../config/named-group.ts'
import type { CodePoint } from '../../config/registry.ts'
import { TLSServerConfiguration } from '../../config/server-configuration.ts'
import { signatureSchemeName } from '../../config/signature-scheme.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import { type NegotiatedVersion, TLSVersion } from '../../config/tls-version.ts'
import { type Abilities, type CredentialStructure, features } from './abilities.ts'
import { CredentialFlag, obsoleteProtocols, Protocol } from './constants.ts'
import { disabledCrypto } from './crypto-settings.ts'
import type { Credentials, Pointer } from './native.ts'
import { parseStoreId } from './store-id.ts'

type Configuration = TLSClientConfiguration | TLSServerConfiguration

/** A configuration in Schannel's terms, and what a connection is held to where Schannel cannot be told. */
export interface Settings {
  readonly versions: readonly NegotiatedVersion[]
  readonly suites: ReadonlySet<CodePoint>
  /** Undefined where any group will do. */
  readonly groups: ReadonlySet<CodePoint> | undefined
  readonly strongCrypto: boolean
  /** Whether a newer version of TLS than this library knows may be spoken. */
  readonly openAbove: boolean
  readonly credentialStructure: CredentialStructure
}

export function settingsOf(configuration: Configuration, abilities: Abilities): Settings {
  const { groups, policy, highestSupportedVersion: highest } = configuration
  const suites = suitesOf(configuration, abilities)
  const wanted =
    groups ?? (policy === 'mostSecure' ? mostSecureGroups.filter((each) => abilities.groups.has(each)) : undefined)
  return {
    versions: versionsOf(configuration, suites),
    suites: new Set(suites),
    groups: wanted && new Set(wanted),
    strongCrypto: policy !== 'leastSecure',
    openAbove: highest === undefined || highest === TLSVersion.MAXIMUM_SUPPORTED,
    credentialStructure: abilities.structure,
  }
}

/** What AcquireCredentialsHandle is given. */
export function credentialsFor(
  { versions, suites, groups, strongCrypto, openAbove, credentialStructure: structure }: Settings,
  side: {
    readonly isServer: boolean
    readonly certificates: readonly Pointer[]
    readonly rootStore?: Pointer | undefined
  },
): Credentials {
  const { isServer, certificates, rootStore } = side
  const flags =
    // No session is kept, on either side: who was verified in an earlier connection, Schannel would not tell.
    (isServer
      ? CredentialFlag.NO_SYSTEM_MAPPER | CredentialFlag.DISABLE_RECONNECTS
      : CredentialFlag.NO_DEFAULT_CREDS | CredentialFlag.MANUAL_CRED_VALIDATION) |
    (strongCrypto ? CredentialFlag.USE_STRONG_CRYPTO : 0)
  const sessionLifespanMilliseconds = isServer ? 0 : noSessions
  const shared = { certificates, flags, sessionLifespanMilliseconds, rootStore }
  const enabled = versions.reduce((bits, version) => bits | protocolBit(version, isServer), 0)
  if (structure === 'SCHANNEL_CRED') return { structure, ...shared, enabledProtocols: enabled }
  const ofThisLibrary = Object.values(Protocol).reduce((bits, bit) => bits | bit, obsoleteProtocols)
  return {
    structure,
    ...shared,
    // What is not known here stays enabled unless the caller drew a line above, so that a newer Windows may offer more.
    disabledProtocols: ((openAbove ? ofThisLibrary : 0xffff_ffff) & ~enabled) >>> 0,
    disabledCrypto: disabledCrypto(suites, groups),
  }
}

/** -1, which is how clients keep Schannel from resuming. */
const noSessions = 0xffff_ffff

function protocolBit(version: NegotiatedVersion, isServer: boolean): number {
  if (version === 'TLSv1.3') return isServer ? Protocol.TLS1_3_SERVER : Protocol.TLS1_3_CLIENT
  return isServer ? Protocol.TLS1_2_SERVER : Protocol.TLS1_2_CLIENT
}

/** Every reason why the Schannel of this machine cannot honour a configuration. */
export function refusalsOf(configuration: Configuration, abilities: Abilities, systemName: string): readonly Refusal[] {
  const isServer = configuration instanceof TLSServerConfiguration
  const { certificateChain } = configuration
  const chains = Array.isArray(certificateChain) ? certificateChain : certificateChain && [certificateChain]
  const tooNew = versionTooNew(configuration, abilities, systemName)
  return [
    ...unknown('ciphers', configuration.ciphers, abilities.suites, cipherSuiteName),
    ...unknown('groups', configuration.groups, abilities.groups, namedGroupName),
    ...(configuration.signatureSchemes ?? []).map((scheme, index) => ({
      field: `signatureSchemes[${index}]`,
      reason: `Schannel signs and accepts as the machine is set up, and cannot be held to ${signatureSchemeName(scheme)}`,
    })),
    // Of suites that the policy would choose, there is nothing to say beside what comes next.
    ...(tooNew.length > 0 && configuration.ciphers === undefined
      ? []
      : versionRefusals(configuration, suitesOf(configuration, abilities))),
    ...tooNew,
    ...(chains ?? []).flatMap((chain: SigningChain, index: number) =>
      chainRefusals(isServer ? `certificateChain[${index}]` : 'certificateChain', chain),
    ),
    ...trustRefusals(configuration),
    ...featureRefusals(configuration, features),
    ...(isServer ? serverRefusals(configuration) : []),
  ]
}

function suitesOf({ ciphers, policy }: Configuration, { suites }: Abilities): readonly CodePoint[] {
  if (ciphers !== undefined) return ciphers
  if (policy === 'leastSecure') return [...suites]
  return (policy === 'mostSecure' ? mostSecureSuites : recommendedSuites).filter((suite) => suites.has(suite))
}

/** A configuration that TLS 1.2 cannot satisfy, where there is no TLS 1.3. */
function versionTooNew(
  { lowestSupportedVersion: lowest, policy }: Configuration,
  { structure, versions }: Abilities,
  systemName: string,
): readonly Refusal[] {
  if (versions.includes('TLSv1.3')) return []
  const needsTLS13 = lowest === undefined ? policy === 'mostSecure' : lowest === TLSVersion.TLSv1_3
  if (!needsTLS13) return []
  const why =
    structure === 'SCHANNEL_CRED'
      ? 'credentials by the structure SCHANNEL_CRED end at TLS 1.2, and no other is in use here'
      : 'the Schannel of this machine does not offer TLS 1.3'
  return [
    {
      field: lowest === undefined ? 'policy' : 'lowestSupportedVersion',
      reason: `${why} (${systemName}); TLS 1.3 needs Windows 11, Windows Server 2022 or later, and SCH_CREDENTIALS`,
    },
  ]
}

function chainRefusals(field: string, { leaf, key, chain = [] }: SigningChain): readonly Refusal[] {
  const parts = [
    [`${field}.leaf`, leaf.source],
    [`${field}.key`, key.source],
    ...chain.map((each, index) => [`${field}.chain[${index}]`, each.source] as const),
  ] as const
  const refusals = parts.flatMap(([name, source]) => {
    if (source.kind === 'signer') return [{ field: name, reason: 'Schannel cannot sign through a Signer' }]
    return source.kind === 'id' ? idRefusals(name, source.id) : []
  })
  const [leafId, keyId] = [leaf.source, key.source].map((source) => (source.kind === 'id' ? source.id : undefined))
  if (refusals.length === 0 && leafId !== keyId) {
    refusals.push({
      field: `${field}.key`,
      reason: 'a key in the store of Windows goes with its certificate: give the same id for leaf and key',
    })
  }
  return refusals
}

function trustRefusals({ trustStore }: Configuration): readonly Refusal[] {
  const source = trustStore?.source
  if (source?.kind === 'id') {
    const parsed = parseStoreId(source.id)
    if (typeof parsed === 'string') return [{ field: 'trustStore', reason: parsed }]
    return parsed.find === undefined
      ? []
      : [{ field: 'trustStore', reason: `'${source.id}' names one certificate, not a store` }]
  }
  if (source?.kind !== 'certificates') return []
  return source.certificates.some((each) => each.source.kind === 'id')
    ? [{ field: 'trustStore', reason: 'certificates of a trust store cannot be given by id; name the store itself' }]
    : []
}

function idRefusals(field: string, id: string): Refusal[] {
  const parsed = parseStoreId(id)
  if (typeof parsed === 'string') return [{ field, reason: parsed }]
  return parsed.find === undefined ? [{ field, reason: `'${id}' names a store, not a certificate in it` }] : []
}

function unknown(
  field: string,
  given: readonly CodePoint[] | undefined,
  able: ReadonlySet<CodePoint>,
  nameOf: (codePoint: CodePoint) => string,
): readonly Refusal[] {
  return (given ?? []).flatMap((codePoint, index) =>
    able.has(codePoint)
      ? []
      : [{ field: `${field}[${index}]`, reason: `this Schannel does not have ${nameOf(codePoint)}` }],
  )
}
