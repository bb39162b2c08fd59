import {
  type Backend,
  type CertificateRequest,
  type ClientHello,
  type CodePoint,
  type CommonOptions,
  ConfigurationError,
  type ContextChoice,
  PreSharedKey,
  type ServerContext,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TLSVersion,
  TrustStore,
} from 'polytls'
import { decodeClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import { handshakeHeaderLength } from '#polytls/backends/portable/messages/frame.js'
import { insecureOptions } from '#polytls/channel/insecure.js'
import { schemeParameters } from '#polytls/crypto/algorithms.js'
import { certificateCodecs } from './codecs.ts'
import type { Continuity } from './continuity.ts'
import { type Credential, loadCredential, mayBeShown } from './credentials.ts'
import { type Request, Unimplemented } from './flags.ts'
import { type Policy, policies } from './policies.ts'

/** A channel as the flags want it, and which credential it came to show, if any. */
export interface Prepared {
  readonly buffer: TLSBuffer
  readonly shown: () => number | undefined
  /** What a client says at once, if its session allows that. */
  readonly earlyData: Uint8Array | undefined
}

/** @throws Unimplemented where the flags ask for what the backend does not have, or what a configuration cannot say. */
export function prepare(backend: Backend, request: Request, test: Continuity): Prepared {
  test.begin(request)
  try {
    return (request.flags.has('-server') ? prepareServer : prepareClient)(backend, request, test)
  } catch (error) {
    if (error instanceof ConfigurationError) throw new Unimplemented(error.message)
    throw error
  }
}

function prepareClient(backend: Backend, request: Request, test: Continuity): Prepared {
  const { texts, flags } = request
  const { session } = test
  if (request.resumes && session === undefined) throw new Error('there is no session to offer')
  const trust = texts.get('-trust-cert')
  const staples = flags.has('-enable-ocsp-stapling')
  // What the runner staples is no state of a certificate: a client that verifies does not accept it.
  const refusesStaple = flags.has('-fail-ocsp-callback')
  const verifies = trust !== undefined && trust !== '' && (!staples || refusesStaple)
  const credentials = loadCredentials(backend, request, test)
  const keys = preSharedKeys(request)
  const [credential] = credentials
  const chooses = credentials.length > 1 || credential?.neededIssuers !== undefined || looksAtRequest(request)
  const configuration = new TLSClientConfiguration({
    ...commonOptions(backend, request, test, credentials, listOfProtocols(texts.get('-advertise-alpn'))),
    ...(keys.length > 0 ? { preSharedKeys: keys.map(({ key }) => key) } : {}),
    ...(chooses ? { chooseCertificate: (asked) => chooseCredential(request, credentials, asked)?.chain } : {}),
    ...(chooses || credential === undefined ? {} : { certificateChain: credential.chain }),
    ...(verifies ? { trustStore: TrustStore.fromFile(trust) } : {}),
    ...(flags.has('-no-ticket') ? { sessions: 'none' } : {}),
    ...(staples ? { ocspStapling: refusesStaple ? 'hard' : 'soft' } : {}),
    ...(flags.has('-enable-signed-cert-timestamps') ? { certificateTimestamps: true } : {}),
  })
  // The runner's certificates are for nobody in particular.
  const insecure = verifies ? { skipHostNameCheck: true } : { skipChainVerification: true }
  const context = backend.clientContext(configuration, { now: test.now, [insecureOptions]: insecure })
  const earlyData =
    request.resumes && flags.has('-enable-early-data') && flags.has('-shim-writes-first')
      ? initialWrite(request).subarray(0, session?.maxEarlyDataBytes)
      : undefined
  const buffer = context.createBuffer(texts.get('-host-name'), { session, earlyData })
  return { buffer, shown: () => shownOf(credentials) ?? indexOfKey(keys, buffer), earlyData }
}

function prepareServer(backend: Backend, request: Request, test: Continuity): Prepared {
  const { texts, flags, numbers } = request
  const trust = texts.get('-trust-cert')
  const verifies = trust !== undefined && trust !== ''
  const credentials = loadCredentials(backend, request, test)
  const keys = preSharedKeys(request)
  const [first] = credentials
  if (first === undefined && keys.length === 0) throw new Unimplemented('a server without a certificate')
  const select = flags.has('-reject-alpn') ? 'a protocol that nobody speaks' : texts.get('-select-alpn')
  const required = flags.has('-require-any-client-certificate')
  const requested = flags.has('-verify-peer')
  const leaf = first && TrustStore.fromCertificates([first.chain.leaf])
  // Not looked at where chains are not verified, but none can be left out.
  const trustStore = verifies ? TrustStore.fromFile(trust) : leaf
  const store = test.storeFor(flags.has('-async') ? 'later' : 'at once')
  const byNumber = { kind: 'stateful', store } as const
  const byTicket = { kind: 'stateless', ticketKeys: test.ticketKeys } as const
  const isTicketless = flags.has('-no-ticket') || flags.has('-skip-ticket')
  const takesEarlyData = flags.has('-enable-early-data') && !isTicketless
  const configuration = new TLSServerConfiguration({
    ...commonOptions(backend, request, test, credentials, select === undefined ? undefined : [select]),
    certificateChain: credentials.map(({ chain }) => chain),
    sessions: isTicketless ? 'none' : byTicket,
    ...(takesEarlyData ? { maxEarlyDataBytes, replayGuard: test.guard } : {}),
    ...(keys.length > 0 ? { findPreSharedKey: (identity) => keyNamed(keys, identity) } : {}),
    clientAuthentication: requested ? 'requested' : required ? 'required' : 'none',
    ...(trustStore === undefined ? {} : { trustStore }),
  })
  const environment = { now: test.now, [insecureOptions]: { skipChainVerification: !verifies } }
  const prepareContext = (changes: Parameters<TLSServerConfiguration['with']>[0]): ServerContext =>
    backend.serverContext(configuration.with(changes), environment)
  const fails = flags.has('-fail-ddos-callback') || flags.has('-fail-cert-callback')
  const isSelective = credentials.some(({ neededIssuers }) => neededIssuers !== undefined)
  const chooseContext = (hello: ClientHello): ContextChoice => {
    if (flags.has('-fail-early-callback')) return { refuse: 'the runner wants it refused' }
    if (fails) throw new Error('the runner wants it to fail')
    const schemes = numbers.get('-expect-peer-verify-pref') ?? hello.signatureSchemes
    if (schemes.join() !== hello.signatureSchemes.join()) throw new Error(`${hello.signatureSchemes} were offered`)
    const protocols = listOfProtocols(texts.get('-expect-advertised-alpn')) ?? hello.innerProtocols
    if (protocols.join() !== hello.innerProtocols.join()) throw new Error(`${hello.innerProtocols} were offered`)
    if (isSelective) {
      const authorities = authoritiesIn(hello)
      const certificateChain = credentials.filter((each) => mayBeShown(each, authorities)).map(({ chain }) => chain)
      return certificateChain.length === 0
        ? { refuse: 'it does not know who has signed our certificates' }
        : prepareContext({ certificateChain })
    }
    // BoringSSL's server has both kinds of session: where there is no ticket, a client of TLS 1.2 gets a number.
    const takesTicket = hello.extensions.includes(sessionTicket) && !flags.has('-no-ticket')
    if (hello.versions.includes(tls13) || takesTicket) return undefined
    return prepareContext({ sessions: byNumber, maxEarlyDataBytes: undefined })
  }
  const looksFirst = ['-fail-early-callback', '-expect-advertised-alpn', '-expect-peer-verify-pref', '-resume-count']
  const isAsked =
    fails || isSelective || looksFirst.some((flag) => flags.has(flag) || texts.has(flag) || numbers.has(flag))
  const context = prepareContext(isAsked ? { chooseContext } : {})
  const buffer = context.createBuffer()
  return { buffer, shown: () => shownOf(credentials) ?? indexOfKey(keys, buffer), earlyData: undefined }
}

function looksAtRequest({ flags, texts, numbers }: Request): boolean {
  return (
    flags.has('-fail-cert-callback') || numbers.has('-expect-peer-verify-pref') || texts.has('-expect-client-ca-list')
  )
}

/** The first of a client's credentials that the server can do something with. */
function chooseCredential(
  { flags, texts, numbers }: Request,
  credentials: readonly Credential[],
  { authorities, signatureSchemes: accepted }: CertificateRequest,
): Credential | undefined {
  if (flags.has('-fail-cert-callback')) throw new Error('the runner wants it to fail')
  const schemes = numbers.get('-expect-peer-verify-pref') ?? accepted
  if (schemes.join() !== accepted.join()) throw new Error(`the server accepts ${accepted}`)
  const names = authorities.map((each) => Buffer.from(each).toString('hex')).join()
  if (names !== (texts.get('-expect-client-ca-list') ?? names)) throw new Error(`the server names ${names}`)
  return credentials.find((each) => {
    const signsWith = each.signingPreferences.length > 0 ? each.signingPreferences : each.schemes
    return mayBeShown(each, authorities) && signsWith.some((scheme) => accepted.includes(scheme))
  })
}

function shownOf(credentials: readonly Credential[]): number | undefined {
  return credentials.find((each) => each.shown() !== undefined)?.shown()
}

function loadCredentials(
  backend: Backend,
  { credentials, flags, numbers }: Request,
  test: Continuity,
): readonly Credential[] {
  const isWatched = numbers.has('-expect-selected-credential')
  // The one that is given without a number is BoringSSL's last choice.
  const ordered = credentials
    .filter(({ preSharedKey }) => preSharedKey.secret === undefined)
    .sort((a, b) => Number(a.index === -1) - Number(b.index === -1))
  return ordered.map((each) => {
    const isRestricted = isWatched || each.signingPreferences.length > 0
    const signs = flags.has('-async') ? 'later' : isRestricted ? 'at once' : 'itself'
    const fails = flags.has('-fail-ocsp-callback')
    const staples = fails ? 'failing' : flags.has('-decline-ocsp-callback') ? 'nothing' : 'what it has'
    return test.credential(JSON.stringify([each, signs, staples]), () => loadCredential(backend, each, signs, staples))
  })
}

/** The names in certificate_authorities: RFC 9846, Section 4.2.4. */
function authoritiesIn({ raw }: ClientHello): readonly Uint8Array[] {
  return decodeClientHello(raw.subarray(handshakeHeaderLength)).extensions.certificate_authorities ?? []
}

interface NumberedKey {
  readonly index: number
  readonly key: PreSharedKey
}

function preSharedKeys({ credentials }: Request): readonly NumberedKey[] {
  return credentials.flatMap(({ index, preSharedKey }) => {
    const { identity, secret, hash = 'sha256', importContext = '' } = preSharedKey
    if (identity === undefined || secret === undefined) return []
    return [{ index, key: new PreSharedKey({ identity, secret, hash, importContext }) }]
  })
}

function keyNamed(keys: readonly NumberedKey[], identity: Uint8Array): PreSharedKey | undefined {
  return keys.find(({ key }) => Buffer.compare(key.identity, identity) === 0)?.key
}

/** Which of the keys the connection goes by. */
function indexOfKey(keys: readonly NumberedKey[], { facts }: TLSBuffer): number | undefined {
  const { preSharedKeyIdentity: used } = facts
  return used && keys.find(({ key }) => Buffer.compare(key.identity, used) === 0)?.index
}

/** What a side says first, if it says something before it has read anything. */
export function initialWrite({ texts, numbers }: Request): Uint8Array {
  const text = texts.get('-shim-initial-write') ?? 'hello'
  return new TextEncoder().encode(text.repeat(numbers.get('-repeat-shim-initial-write')?.[0] ?? 1))
}

function commonOptions(
  backend: Backend,
  request: Request,
  test: Continuity,
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
  const every = flags.has('-install-cert-compression-algs')
  const compression = every ? certificateCodecs.map(({ algorithm }) => algorithm) : numbers.get(oneCompression)
  return {
    ...versionBounds(request, policy),
    ...(policy === undefined ? {} : { ciphers: policy.ciphers }),
    ...(groups === undefined ? {} : { groups }),
    ...(schemes === undefined ? {} : { signatureSchemes: schemes }),
    ...(protocols === undefined ? {} : { innerProtocols: protocols }),
    ...(compression === undefined ? {} : { certificateCompression: compression }),
    ...(test.hasVeto ? { verifyPeer: test.verifyPeer } : {}),
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

const oneCompression = '-install-one-cert-compression-alg'
/** As much as BoringSSL's server takes. */
const maxEarlyDataBytes = 14_336
/** RFC 5077, Section 3.2. */
const sessionTicket = 35
const tls12 = 0x0303
const tls13 = 0x0304
