import {
  type Backend,
  CipherSuite,
  type CodePoint,
  type CommonOptions,
  ConfigurationError,
  NamedGroup,
  SignatureScheme,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TLSVersion,
  TrustStore,
} from 'polytls'
import { insecureOptions } from '#polytls/channel/insecure.js'
import { schemeParameters } from '#polytls/crypto/algorithms.js'
import { type Credential, loadCredential } from './credentials.ts'
import { type Request, Unimplemented } from './flags.ts'

/** A channel as the flags want it, and which credential it came to show, if any. */
export interface Prepared {
  readonly buffer: TLSBuffer
  readonly shown: () => number | undefined
}

/** @throws Unimplemented where the flags ask for what the backend does not have, or what a configuration cannot say. */
export function prepare(backend: Backend, request: Request): Prepared {
  try {
    return request.flags.has('-server') ? prepareServer(backend, request) : prepareClient(backend, request)
  } catch (error) {
    if (error instanceof ConfigurationError) throw new Unimplemented(error.message)
    throw error
  }
}

function prepareClient(backend: Backend, request: Request): Prepared {
  const { texts, flags } = request
  const trust = texts.get('-trust-cert')
  const verifies = trust !== undefined && trust !== ''
  const credentials = loadCredentials(backend, request)
  if (credentials.length > 1) throw new Unimplemented('a client with several credentials')
  const [credential] = credentials
  const configuration = new TLSClientConfiguration({
    ...commonOptions(backend, request, credentials, listOfProtocols(texts.get('-advertise-alpn'))),
    ...(credential === undefined ? {} : { certificateChain: credential.chain }),
    ...(verifies ? { trustStore: TrustStore.fromFile(trust) } : {}),
    ...(flags.has('-no-ticket') ? { sessions: 'none' } : {}),
  })
  // The runner's certificates are for nobody in particular.
  const insecure = verifies ? { skipHostNameCheck: true } : { skipChainVerification: true }
  const context = backend.clientContext(configuration, { [insecureOptions]: insecure })
  return { buffer: context.createBuffer(texts.get('-host-name')), shown: () => credential?.shown() }
}

function prepareServer(backend: Backend, request: Request): Prepared {
  const { texts, flags } = request
  const trust = texts.get('-trust-cert')
  const verifies = trust !== undefined && trust !== ''
  const credentials = loadCredentials(backend, request)
  const [first] = credentials
  if (first === undefined) throw new Unimplemented('a server without a certificate')
  const select = flags.has('-reject-alpn') ? 'a protocol that nobody speaks' : texts.get('-select-alpn')
  const required = flags.has('-require-any-client-certificate')
  const requested = flags.has('-verify-peer')
  const configuration = new TLSServerConfiguration({
    ...commonOptions(backend, request, credentials, select === undefined ? undefined : [select]),
    certificateChain: credentials.map(({ chain }) => chain),
    ...(flags.has('-no-ticket') ? { sessions: 'none' } : {}),
    clientAuthentication: requested ? 'requested' : required ? 'required' : 'none',
    // Not looked at where chains are not verified, but none can be left out.
    trustStore: verifies ? TrustStore.fromFile(trust) : TrustStore.fromCertificates([first.chain.leaf]),
  })
  const context = backend.serverContext(configuration, { [insecureOptions]: { skipChainVerification: !verifies } })
  return {
    buffer: context.createBuffer(),
    shown: () => credentials.find((each) => each.shown() !== undefined)?.shown(),
  }
}

function loadCredentials(backend: Backend, { credentials, flags, numbers }: Request): readonly Credential[] {
  const isWatched = numbers.has('-expect-selected-credential')
  // The one that is given without a number is BoringSSL's last choice.
  const ordered = [...credentials].sort((a, b) => Number(a.index === -1) - Number(b.index === -1))
  return ordered.map((each) => {
    const isRestricted = isWatched || each.signingPreferences.length > 0
    return loadCredential(backend, each, flags.has('-async') ? 'later' : isRestricted ? 'at once' : 'itself')
  })
}

function commonOptions(
  backend: Backend,
  request: Request,
  credentials: readonly Credential[],
  protocols: readonly string[] | undefined,
): CommonOptions {
  const { flags, numbers } = request
  const policy = policies.find(({ flag }) => flags.has(flag))
  const groups = numbers.get('-curves') ?? policy?.groups
  const shares = numbers.get('-key-shares') ?? []
  // A client sends a share for its first group.
  if (shares.length > 1 || shares.some((each) => each !== groups?.[0]))
    throw new Unimplemented('a choice of key shares')
  const schemes = signatureSchemes(backend, request, credentials) ?? policy?.signatureSchemes
  return {
    ...versionBounds(request, policy),
    ...(policy === undefined ? {} : { ciphers: policy.ciphers }),
    ...(groups === undefined ? {} : { groups }),
    ...(schemes === undefined ? {} : { signatureSchemes: schemes }),
    ...(protocols === undefined ? {} : { innerProtocols: protocols }),
    ...(flags.has('-verify-fail')
      ? { verifyPeer: () => ({ accept: false, reason: 'the runner wants it refused' }) as const }
      : flags.has('-use-custom-verify-callback')
        ? { verifyPeer: () => ({ accept: true }) as const }
        : {}),
  }
}

/**
 * A configuration has one list both for what is signed and for what is accepted; the runner has two. Where a key may sign with less than
 * it can, its signer says so.
 */
function signatureSchemes(
  backend: Backend,
  { numbers }: Request,
  credentials: readonly Credential[],
): readonly CodePoint[] | undefined {
  const accepted = numbers.get('-verify-prefs')
  const signing = credentials.flatMap(({ signingPreferences }) => signingPreferences)
  if (accepted !== undefined) {
    const canSign = credentials.every((credential) => {
      const wanted = signing.length > 0 ? signing : credential.schemes.filter((each) => !isPkcs1(each))
      return wanted.some((each) => accepted.includes(each)) && signing.every((each) => accepted.includes(each))
    })
    if (!canSign) throw new Unimplemented('different schemes for signing and for verifying')
    return accepted
  }
  if (signing.length === 0) return undefined
  const able = backend.capabilities.signatureSchemes
  const known = [...new Set(signing)].filter((each) => able.includes(each))
  if (known.length === 0) throw new Unimplemented('none of the signature schemes')
  return [...known, ...able.filter((each) => !known.includes(each))]
}

function versionBounds({ flags, numbers }: Request, policy: Policy | undefined): CommonOptions {
  const lowest = Math.max(numbers.get('-min-version')?.[0] ?? 0, policy?.lowest ?? 0)
  const highest = numbers.get('-max-version')?.[0] ?? tls13
  const speaks12 = lowest <= tls12 && highest >= tls12 && !flags.has('-no-tls12')
  const speaks13 = lowest <= tls13 && highest >= tls13 && !flags.has('-no-tls13')
  if (!speaks12 && !speaks13) throw new Unimplemented('no version that is spoken here')
  return {
    lowestSupportedVersion: speaks12 ? TLSVersion.TLSv1_2 : TLSVersion.TLSv1_3,
    highestSupportedVersion: speaks13 ? TLSVersion.TLSv1_3 : TLSVersion.TLSv1_2,
  }
}

/** TLS 1.3 does not sign with it. */
function isPkcs1(scheme: CodePoint): boolean {
  return schemeParameters.get(scheme)?.algorithm.type === 'rsa-pkcs1'
}

/** Names with their length in front, as in the extension. */
function listOfProtocols(list: string | undefined): readonly string[] | undefined {
  if (list === undefined) return undefined
  const names: string[] = []
  for (let position = 0; position < list.length; ) {
    const length = list.charCodeAt(position)
    names.push(list.slice(position + 1, position + 1 + length))
    position += 1 + length
  }
  return names
}

const tls12 = 0x0303
const tls13 = 0x0304

/** What authorities demand, as a configuration says it. */
interface Policy {
  readonly flag: string
  readonly lowest: number
  readonly ciphers: readonly CodePoint[]
  readonly groups: readonly CodePoint[]
  readonly signatureSchemes: readonly CodePoint[]
}
const {
  TLS_AES_128_GCM_SHA256,
  TLS_AES_256_GCM_SHA384,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
} = CipherSuite
const gcm256 = [TLS_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]
const { secp256r1, secp384r1 } = NamedGroup
const {
  ecdsa_secp256r1_sha256,
  ecdsa_secp384r1_sha384,
  rsa_pkcs1_sha256,
  rsa_pkcs1_sha384,
  rsa_pkcs1_sha512,
  rsa_pss_rsae_sha256,
  rsa_pss_rsae_sha384,
  rsa_pss_rsae_sha512,
} = SignatureScheme
const policies: readonly Policy[] = [
  {
    flag: '-fips-202205',
    lowest: tls12,
    ciphers: [
      ...gcm256,
      TLS_AES_128_GCM_SHA256,
      TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
      TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ],
    groups: [secp256r1, secp384r1],
    signatureSchemes: [
      ecdsa_secp256r1_sha256,
      rsa_pss_rsae_sha256,
      rsa_pkcs1_sha256,
      ecdsa_secp384r1_sha384,
      rsa_pss_rsae_sha384,
      rsa_pkcs1_sha384,
      rsa_pss_rsae_sha512,
      rsa_pkcs1_sha512,
    ],
  },
  {
    flag: '-wpa-202304',
    lowest: tls12,
    ciphers: gcm256,
    groups: [secp384r1],
    signatureSchemes: [
      ecdsa_secp384r1_sha384,
      rsa_pss_rsae_sha384,
      rsa_pkcs1_sha384,
      rsa_pss_rsae_sha512,
      rsa_pkcs1_sha512,
    ],
  },
  // ML-KEM-1024, which these allow or prefer, is not implemented; the rest of them can be kept.
  {
    flag: '-cnsa1-202603',
    lowest: tls12,
    ciphers: gcm256,
    groups: [secp384r1],
    signatureSchemes: [ecdsa_secp384r1_sha384, rsa_pss_rsae_sha384, rsa_pkcs1_sha384],
  },
]
