import type { Capabilities, Feature } from '../../channel/backend.ts'
import type { CodePoint } from '../../config/registry.ts'
import { SignatureScheme } from '../../config/signature-scheme.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import { BackendError } from '../../errors.ts'
import { ClientRequirement, CredentialFlag, obsoleteProtocols, Protocol, ServerRequirement } from './constants.ts'
import { isUsableSuite } from './crypto-settings.ts'
import { type ClientHello, HelloReader, tls12, tls13 } from './hello.ts'
import type { Credentials, NativeSecurity, SecHandle } from './native.ts'
import { Status, statusName } from './status.ts'

/** The structure by which Schannel is told what to use. */
export type CredentialStructure = 'SCH_CREDENTIALS' | 'SCHANNEL_CRED'

/** What the Schannel of this machine can do: found by asking it for a ClientHello, not by the version of Windows. */
export interface Abilities {
  readonly structure: CredentialStructure
  readonly roles: Capabilities['roles']
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

/** The ClientHello that a client with some credentials sends, and whether there is a server as well. */
interface Offer {
  readonly hello: ClientHello
  readonly serves: boolean
}

/** What Schannel offers with these credentials, or the status that it answered instead. */
function offer(native: NativeSecurity, credentials: Credentials): Offer | number {
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
    const hello = reader.clientHello
    return hello === undefined ? first.status : { hello, serves: serves(native, handle) }
  } finally {
    native.FreeCredentialsHandle(handle)
  }
}

/** Windows has both sides; what imitates it may not. The credentials are those of a client, so that no server ever comes of it. */
function serves(native: NativeSecurity, credentials: SecHandle): boolean {
  const { status, context } = native.AcceptSecurityContext({
    credentials,
    context: undefined,
    requirements: ServerRequirement.ALLOCATE_MEMORY | ServerRequirement.STREAM,
    token: new Uint8Array(1),
    applicationProtocols: undefined,
  })
  if (context !== undefined) native.DeleteSecurityContext(context)
  return status !== Status.SEC_E_UNSUPPORTED_FUNCTION
}

function abilitiesOf(structure: CredentialStructure, { hello, serves }: Offer): Abilities {
  const offersTLS13 = structure === 'SCH_CREDENTIALS' && hello.versions.includes(tls13)
  const suites = hello.cipherSuites.filter((suite) => isUsableSuite(suite) && (offersTLS13 || suite >> 8 !== 0x13))
  return {
    structure,
    roles: serves ? ['client', 'server'] : ['client'],
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

export function capabilitiesOf({ roles, versions, suites, groups, schemes }: Abilities): Capabilities {
  return {
    roles,
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
  'choose-context',
  'certificate-verification-time',
  'encrypted-keys',
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
