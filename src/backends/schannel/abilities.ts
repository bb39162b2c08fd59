import type { Capabilities, Feature } from '../../channel/backend.ts'
import type { CodePoint } from '../../config/registry.ts'
import { SignatureScheme } from '../../config/signature-scheme.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import { BackendError } from '../../errors.ts'
import { ClientRequirement, CredentialFlag, obsoleteProtocols, Protocol } from './constants.ts'
import { isUsableSuite } from './crypto-settings.ts'
import { type ClientHello, HelloReader, tls12, tls13 } from './hello.ts'
import type { Credentials, NativeSecurity } from './native.ts'
import { Status, statusName } from './status.ts'

/** The structure by which Schannel is told what to use. */
export type CredentialStructure = 'SCH_CREDENTIALS' | 'SCHANNEL_CRED'

/** What the Schannel of this machine can do: found by asking it for a ClientHello, not by the version of Windows. */
export interface Abilities {
  readonly structure: CredentialStructure
  readonly versions: readonly NegotiatedVersion[]
  readonly suites: ReadonlySet<CodePoint>
  readonly groups: ReadonlySet<CodePoint>
  readonly schemes: ReadonlySet<CodePoint>
}

/**
 * Asks Schannel what it offers. Where `legacy` is not asked for, the newer structure is tried first, and the older one where this Windows
 * does not know the newer.
 * @throws BackendError with the status that Schannel answered.
 */
export function probeAbilities(native: NativeSecurity, { legacy }: { readonly legacy: boolean }): Abilities {
  if (!legacy) {
    const newer = offer(native, newerStructure)
    if (typeof newer !== 'number') return abilitiesOf('SCH_CREDENTIALS', newer)
    if (!unknownStructure.has(newer)) throw failed(newer)
  }
  const older = offer(native, olderStructure)
  if (typeof older === 'number') throw failed(older)
  return abilitiesOf('SCHANNEL_CRED', older)
}

/**
 * What AcquireCredentialsHandle answers to a structure that it does not know. The documentation names the first; what a release that
 * is older than the structure makes of its version number is not written down, and the others are what it could be.
 */
const unknownStructure: ReadonlySet<number> = new Set([
  Status.SEC_E_UNKNOWN_CREDENTIALS,
  Status.SEC_E_INTERNAL_ERROR,
  Status.SEC_E_INVALID_PARAMETER,
  Status.SEC_E_UNSUPPORTED_FUNCTION,
  Status.E_INVALIDARG,
])

const shared = {
  certificates: [],
  flags: CredentialFlag.NO_DEFAULT_CREDS | CredentialFlag.MANUAL_CRED_VALIDATION,
  sessionLifespanMilliseconds: 0,
  rootStore: undefined,
} as const

const newerStructure: Credentials = {
  structure: 'SCH_CREDENTIALS',
  ...shared,
  disabledProtocols: obsoleteProtocols,
  disabledCrypto: [],
}

const olderStructure: Credentials = {
  structure: 'SCHANNEL_CRED',
  ...shared,
  enabledProtocols: Protocol.TLS1_2_CLIENT,
}

/** The ClientHello that a client with these credentials sends, or the status that was answered instead. */
function offer(native: NativeSecurity, credentials: Credentials): ClientHello | number {
  const { status, handle } = native.AcquireCredentialsHandle('outbound', credentials)
  if (handle === undefined) return status
  try {
    const first = native.InitializeSecurityContext({
      credentials: handle,
      context: undefined,
      targetName: 'server.invalid',
      requirements: ClientRequirement.ALLOCATE_MEMORY | ClientRequirement.STREAM | ClientRequirement.CONFIDENTIALITY,
      token: undefined,
      applicationProtocols: undefined,
    })
    if (first.context !== undefined) native.DeleteSecurityContext(first.context)
    const reader = new HelloReader()
    reader.follow(first.token)
    return reader.clientHello ?? first.status
  } finally {
    native.FreeCredentialsHandle(handle)
  }
}

function abilitiesOf(structure: CredentialStructure, hello: ClientHello): Abilities {
  const offersTLS13 = structure === 'SCH_CREDENTIALS' && hello.versions.includes(tls13)
  const suites = hello.cipherSuites.filter((suite) => isUsableSuite(suite) && (offersTLS13 || suite >> 8 !== 0x13))
  return {
    structure,
    versions: [
      ...(hello.versions.includes(tls12) ? (['TLSv1.2'] as const) : []),
      ...(offersTLS13 ? (['TLSv1.3'] as const) : []),
    ],
    suites: new Set(suites),
    groups: new Set(hello.groups),
    schemes: new Set(hello.signatureSchemes),
  }
}

function failed(status: number): BackendError {
  return new BackendError('schannel', `Schannel gives no credentials: ${statusName(status)}`, {
    nativeCode: statusName(status),
  })
}

export function capabilitiesOf({ versions, suites, groups, schemes }: Abilities): Capabilities {
  return {
    roles: ['client', 'server'],
    versions,
    ciphers: [...suites],
    groups: [...groups],
    // Schannel signs and accepts as the machine is set up; it cannot be held to a list.
    signatureSchemes: [],
    signingSchemes: [...schemes].filter((scheme) => signing.has(scheme)),
    sources: {
      certificate: ['buffer', 'file', 'id'],
      privateKey: ['buffer', 'file', 'id'],
      trustStore: ['system', 'buffer', 'file', 'certificates', 'id'],
    },
    features,
  }
}

/** What is not among it, Schannel does not have, or does not let anybody decide. */
export const features: ReadonlySet<Feature> = new Set([
  'verify-peer',
  'server-name-selection',
  'certificate-verification-time',
])

/** Schemes of keys that Windows can hold: RSA and the curves of NIST. */
const signing: ReadonlySet<CodePoint> = new Set([
  SignatureScheme.rsa_pkcs1_sha256,
  SignatureScheme.rsa_pkcs1_sha384,
  SignatureScheme.rsa_pkcs1_sha512,
  SignatureScheme.rsa_pss_rsae_sha256,
  SignatureScheme.rsa_pss_rsae_sha384,
  SignatureScheme.rsa_pss_rsae_sha512,
  SignatureScheme.ecdsa_secp256r1_sha256,
  SignatureScheme.ecdsa_secp384r1_sha384,
  SignatureScheme.ecdsa_secp521r1_sha512,
])

export const noCapabilities: Capabilities = {
  roles: [],
  versions: [],
  ciphers: [],
  groups: [],
  signatureSchemes: [],
  signingSchemes: [],
  sources: { certificate: [], privateKey: [], trustStore: [] },
  features: new Set(),
}
