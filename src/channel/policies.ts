import { CipherSuite, isTLS13Suite } from '../config/cipher-suite.ts'
import type { TLSClientConfiguration } from '../config/client-configuration.ts'
import type { Policy } from '../config/common-options.ts'
import { NamedGroup } from '../config/named-group.ts'
import type { CodePoint } from '../config/registry.ts'
import { TLSServerConfiguration } from '../config/server-configuration.ts'
import type { SigningChain } from '../config/signing-chain.ts'
import { compareVersions, type NegotiatedVersion, TLSVersion } from '../config/tls-version.ts'
import type { Feature, Refusal } from './backend.ts'

/** What the policies mean to every backend: `Policy` in the configuration says it in words. */

type Configuration = TLSClientConfiguration | TLSServerConfiguration

const C = CipherSuite
/** `systemRecommended`. AES before ChaCha20: most machines have it in hardware. */
export const recommendedSuites: readonly CodePoint[] = [
  C.TLS_AES_128_GCM_SHA256,
  C.TLS_AES_256_GCM_SHA384,
  C.TLS_CHACHA20_POLY1305_SHA256,
  C.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  C.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  C.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
  C.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
  C.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
]

export const mostSecureSuites: readonly CodePoint[] = [C.TLS_AES_256_GCM_SHA384, C.TLS_CHACHA20_POLY1305_SHA256]

/** A backend leaves out those that it does not have. */
export const mostSecureGroups: readonly CodePoint[] = [
  NamedGroup.X25519MLKEM768,
  NamedGroup.SecP384r1MLKEM1024,
  NamedGroup.x25519,
  NamedGroup.secp384r1,
  NamedGroup.x448,
]

const versionsOfPolicy: { readonly [P in Policy]: readonly NegotiatedVersion[] } = {
  systemRecommended: [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3],
  mostSecure: [TLSVersion.TLSv1_3],
  leastSecure: [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3],
}

/** The versions between the bounds for which there is a suite, the lowest first. */
export function versionsOf(configuration: Configuration, ciphers: readonly CodePoint[]): readonly NegotiatedVersion[] {
  const { lowestSupportedVersion: lowest, highestSupportedVersion: highest, policy } = configuration
  // A bound that the caller gives replaces the policy's; MINIMUM_SUPPORTED and MAXIMUM_SUPPORTED are the backend's own.
  const versions =
    lowest === undefined
      ? versionsOfPolicy[policy ?? 'systemRecommended']
      : ([TLSVersion.TLSv1_2, TLSVersion.TLSv1_3] as const)
  return versions.filter(
    (version) =>
      compareVersions(version, lowest ?? TLSVersion.MINIMUM_SUPPORTED) >= 0 &&
      compareVersions(version, highest ?? TLSVersion.MAXIMUM_SUPPORTED) <= 0 &&
      ciphers.some((cipher) => isTLS13Suite(cipher) === (version === TLSVersion.TLSv1_3)),
  )
}

export function versionRefusals(configuration: Configuration, ciphers: readonly CodePoint[]): readonly Refusal[] {
  if (versionsOf(configuration, ciphers).length > 0) return []
  return configuration.ciphers === undefined
    ? [
        {
          field: 'highestSupportedVersion',
          reason: `the policy ${configuration.policy} leaves no version within the bounds`,
        },
      ]
    : [{ field: 'ciphers', reason: 'no suite of the list belongs to a version within the bounds' }]
}

/** For backends that know no ids of trust stores. */
export function trustRefusals({ trustStore }: Configuration): readonly Refusal[] {
  if (trustStore?.source.kind !== 'id') return []
  return [{ field: 'trustStore', reason: `this backend does not know the id '${trustStore.source.id}'` }]
}

/** What a configuration asks for that a backend does not have: for each such option the field, and what it lacks. */
export function featureRefusals(configuration: Configuration, features: ReadonlySet<Feature>): readonly Refusal[] {
  const wanted =
    configuration instanceof TLSServerConfiguration ? serverFeatures(configuration) : clientFeatures(configuration)
  return wanted.flatMap(({ field, feature, isWanted }) =>
    isWanted && !features.has(feature) ? [{ field, reason: `this backend does not have ${feature}` }] : [],
  )
}

interface WantedFeature {
  readonly field: string
  readonly feature: Feature
  readonly isWanted: boolean
}

function clientFeatures(configuration: TLSClientConfiguration): readonly WantedFeature[] {
  const { sessions, preSharedKeys = [], certificateChain, chooseCertificate, ocspStapling = 'none' } = configuration
  const { postHandshakeAuthentication = false, certificateTimestamps = false } = configuration
  return [
    ...commonFeatures(configuration),
    ...(certificateChain === undefined ? [] : chainFeatures('certificateChain', certificateChain)),
    { field: 'chooseCertificate', feature: 'choose-certificate', isWanted: chooseCertificate !== undefined },
    {
      field: 'postHandshakeAuthentication',
      feature: 'post-handshake-authentication',
      isWanted: postHandshakeAuthentication,
    },
    { field: 'sessions', feature: 'sessions', isWanted: sessions !== undefined && sessions !== 'none' },
    { field: 'preSharedKeys', feature: 'pre-shared-keys', isWanted: preSharedKeys.length > 0 },
    ...preSharedKeys.map(
      ({ importContext }, index): WantedFeature => ({
        field: `preSharedKeys[${index}]`,
        feature: 'imported-pre-shared-keys',
        isWanted: importContext !== undefined,
      }),
    ),
    { field: 'ocspStapling', feature: 'ocsp-stapling', isWanted: ocspStapling !== 'none' },
    { field: 'certificateTimestamps', feature: 'certificate-timestamps', isWanted: certificateTimestamps },
  ]
}

function serverFeatures(configuration: TLSServerConfiguration): readonly WantedFeature[] {
  const {
    certificateChain,
    sessions,
    maxEarlyDataBytes = 0,
    replayGuard,
    findPreSharedKey,
    chooseContext,
  } = configuration
  return [
    ...commonFeatures(configuration),
    ...certificateChain.flatMap((chain, index) => chainFeatures(`certificateChain[${index}]`, chain)),
    { field: 'sessions', feature: 'sessions', isWanted: sessions !== undefined && sessions !== 'none' },
    { field: 'maxEarlyDataBytes', feature: 'early-data', isWanted: maxEarlyDataBytes > 0 },
    { field: 'replayGuard', feature: 'early-data', isWanted: replayGuard !== undefined },
    { field: 'findPreSharedKey', feature: 'pre-shared-keys', isWanted: findPreSharedKey !== undefined },
    { field: 'chooseContext', feature: 'choose-context', isWanted: chooseContext !== undefined },
  ]
}

function commonFeatures(configuration: Configuration): readonly WantedFeature[] {
  const { revocation, verifyPeer, keyLog, certificateCompression } = configuration
  return [
    { field: 'revocation', feature: 'revocation-lists', isWanted: revocation !== undefined },
    { field: 'verifyPeer', feature: 'verify-peer', isWanted: verifyPeer !== undefined },
    { field: 'keyLog', feature: 'key-log', isWanted: keyLog !== undefined },
    {
      field: 'certificateCompression',
      feature: 'certificate-compression',
      isWanted: certificateCompression !== undefined,
    },
  ]
}

function chainFeatures(field: string, chain: SigningChain): readonly WantedFeature[] {
  const { ocspResponse, signedCertificateTimestamps } = chain
  return [
    { field: `${field}.ocspResponse`, feature: 'ocsp-stapling', isWanted: ocspResponse !== undefined },
    {
      field: `${field}.signedCertificateTimestamps`,
      feature: 'certificate-timestamps',
      isWanted: signedCertificateTimestamps !== undefined,
    },
  ]
}

export function serverRefusals({
  clientAuthentication = 'none',
  verifyPeer,
  revocation,
  trustStore,
}: TLSServerConfiguration): readonly Refusal[] {
  // With a trust store clients can be asked later.
  if (clientAuthentication !== 'none' || trustStore !== undefined) return []
  return [
    ...(verifyPeer === undefined
      ? []
      : [{ field: 'verifyPeer', reason: 'it would never be asked: clientAuthentication is none' }]),
    ...(revocation === undefined
      ? []
      : [{ field: 'revocation', reason: 'it would never be looked at: clientAuthentication is none' }]),
  ]
}
