import { CertificateError, type CertificateReason } from '../../errors.ts'
import { NID } from './constants.ts'
import type { Library } from './library.ts'
import type { Native, Pointer } from './prototypes.ts'
import { subjectOf } from './verify-result.ts'

export interface StapledStatusRequest {
  /** The path that was verified, a STACK_OF(X509); the leaf first. */
  readonly path: Pointer
  /** What the server stapled: an OCSPResponse in DER. */
  readonly response: Uint8Array | undefined
  readonly nowMilliseconds: number
  /** Whether there has to be a response; without it only a certificate that promises one (RFC 7633) needs it. */
  readonly isRequired: boolean
}

/**
 * Why a server is refused for the state of its certificate: RFC 6960, Section 3.2. The rules are those of the portable backend: the issuer
 * itself has answered, or a responder that it named; about this certificate; in time. OpenSSL's own OCSP_basic_verify would take any
 * responder that the trust store vouches for, and always by the machine's clock.
 */
export function findStatusError(library: Library, request: StapledStatusRequest): CertificateError | undefined {
  const { native } = library
  const { path, response, isRequired } = request
  if (native.OPENSSL_sk_num(path) < 2) return undefined
  const leaf = native.OPENSSL_sk_value(path, 0) as Pointer
  let fault: StatusFault | undefined
  if (response === undefined) {
    const isPromised = promisesStatus(native, leaf)
    if (isRequired) fault = { reason: 'revocation-unknown', problem: 'came without a stapled status' }
    if (isPromised) fault = { reason: 'revocation-unknown', problem: 'promises a stapled status, and there is none' }
  } else {
    const issuer = native.OPENSSL_sk_value(path, 1) as Pointer
    fault = findFault(library, response, { leaf, issuer, nowSeconds: Math.floor(request.nowMilliseconds / 1000) })
  }
  native.ERR_clear_error()
  if (fault === undefined) return undefined
  return new CertificateError(fault.reason, `the peer's certificate (depth 0) ${fault.problem}`, {
    alert: 'bad_certificate_status_response',
    depth: 0,
    subject: subjectOf(library, leaf),
  })
}

interface StatusFault {
  readonly reason: CertificateReason
  readonly problem: string
}

interface Question {
  readonly leaf: Pointer
  readonly issuer: Pointer
  readonly nowSeconds: number
}

function findFault(library: Library, der: Uint8Array, question: Question): StatusFault | undefined {
  const { native, koffi } = library
  const start = koffi.address(der)
  const cursor = BigUint64Array.of(start)
  const response = native.d2i_OCSP_RESPONSE(null, cursor, der.byteLength)
  if (response === null) return unreliable('it is malformed')
  let basic: Pointer | null = null
  try {
    if (cursor[0] !== start + BigInt(der.byteLength)) return unreliable('something follows it')
    const status = native.OCSP_response_status(response)
    if (status !== 0) return unreliable(`the responder has no answer (status ${status})`)
    basic = native.OCSP_response_get1_basic(response)
    if (basic === null) return unreliable('it is malformed')
    const forged = findAuthenticityProblem(native, basic, question)
    return forged === undefined ? findEntryFault(native, basic, question) : unreliable(forged)
  } finally {
    native.OCSP_BASICRESP_free(basic)
    native.OCSP_RESPONSE_free(response)
  }
}

function unreliable(problem: string): StatusFault {
  return { reason: 'revocation-unknown', problem: `has a stapled status that cannot be relied on: ${problem}` }
}

/** RFC 6960, Section 4.2.2.2: the issuer itself has signed, or somebody whom the issuer itself has named for it. */
function findAuthenticityProblem(native: Native, basic: Pointer, { issuer, nowSeconds }: Question): string | undefined {
  if (native.OCSP_BASICRESP_get_ext_by_critical(basic, 1, -1) >= 0) return 'a critical extension of it is not known'
  if (hasWeakSignature(native, basic)) return 'its signature is by an algorithm that is not accepted'
  const sent = native.OCSP_resp_get0_certs(basic)
  const count = sent === null ? 0 : native.OPENSSL_sk_num(sent)
  if (count > maximumCertificates) return 'it has more certificates than any responder needs'
  let problem = 'its signer is not the issuer of the certificate, nor named by it'
  for (let index = -1; index < count; index++) {
    const signer = index < 0 ? issuer : (native.OPENSSL_sk_value(sent as Pointer, index) as Pointer)
    if (!hasSigned(native, basic, signer)) continue
    const unfit = signer === issuer ? undefined : findDelegationProblem(native, signer, issuer, nowSeconds)
    if (unfit === undefined) return undefined
    problem = unfit
  }
  return problem
}

/**
 * Whether the response names this signer, by name or by key, and the signature is by its key. Each is tried alone, for of two with one
 * name OpenSSL would try only the first.
 */
function hasSigned(native: Native, basic: Pointer, signer: Pointer): boolean {
  const alone = native.OPENSSL_sk_new_null()
  if (alone === null) throw new Error('OPENSSL_sk_new_null failed')
  try {
    native.OPENSSL_sk_push(alone, signer)
    // Whose certificate it is, is judged elsewhere: OpenSSL is to verify nothing but the signature.
    return native.OCSP_basic_verify(basic, alone, null, noIntern | noVerify) === 1
  } finally {
    native.OPENSSL_sk_free(alone)
  }
}

function hasWeakSignature(native: Native, basic: Pointer): boolean {
  const object = new BigUint64Array(1)
  native.X509_ALGOR_get0(object, null, null, native.OCSP_resp_get0_tbs_sigalg(basic))
  const hash = new Int32Array(1)
  const isKnown = native.OBJ_find_sigid_algs(native.OBJ_obj2nid(object[0] ?? null), hash, null) === 1
  return isKnown && weakHashes.has(hash[0] ?? 0)
}

function findDelegationProblem(
  native: Native,
  signer: Pointer,
  issuer: Pointer,
  nowSeconds: number,
): string | undefined {
  if (native.X509_NAME_cmp(native.X509_get_issuer_name(signer), native.X509_get_subject_name(issuer)) !== 0)
    return "its signer's certificate is by another issuer"
  const isNamed = (native.X509_get_extension_flags(signer) & ExtensionFlag.XKUSAGE) !== 0
  if (!isNamed || (native.X509_get_extended_key_usage(signer) & ocspSigning) === 0)
    return 'its signer is not named for this purpose (OCSPSigning)'
  if ((native.X509_get_key_usage(signer) & digitalSignature) === 0) return 'its signer may not sign'
  if ((native.X509_get_extension_flags(signer) & ExtensionFlag.CRITICAL) !== 0)
    return "its signer's certificate has a critical extension that is not known"
  const isValid =
    compareTime(native, native.X509_get0_notBefore(signer), nowSeconds) <= 0 &&
    compareTime(native, native.X509_get0_notAfter(signer), nowSeconds) >= 0
  if (!isValid) return "its signer's certificate is not valid now"
  const hash = new Int32Array(1)
  native.X509_get_signature_info(signer, hash, null, null, null)
  if (weakHashes.has(hash[0] ?? 0)) return "its signer's certificate is signed in a way that is not accepted"
  if (native.EVP_PKEY_get_security_bits(native.X509_get0_pubkey(signer)) < leastSecurityBits)
    return "its signer's key is too short"
  return native.X509_verify(signer, native.X509_get0_pubkey(issuer)) === 1
    ? undefined
    : "the signature of its signer's certificate is wrong"
}

/** Of all that it says about this certificate, the worst counts. */
function findEntryFault(native: Native, basic: Pointer, question: Question): StatusFault | undefined {
  let problem = 'it is about another certificate'
  let isGood = false
  const count = native.OCSP_resp_count(basic)
  if (count > maximumEntries) return unreliable('it has more answers than anybody asked for')
  for (let index = 0; index < count; index++) {
    const entry = native.OCSP_resp_get0(basic, index) as Pointer
    if (!isAbout(native, entry, question)) continue
    if (native.OCSP_SINGLERESP_get_ext_by_critical(entry, 1, -1) >= 0)
      return unreliable('a critical extension of it is not known')
    const [revoked, thisUpdate, nextUpdate] = [new BigUint64Array(1), new BigUint64Array(1), new BigUint64Array(1)]
    const status = native.OCSP_single_get0_status(entry, null, revoked, thisUpdate, nextUpdate)
    // A certificate that was revoked stays so, whatever the age of the answer.
    if (status === CertificateStatus.REVOKED) return { reason: 'revoked', problem: 'was revoked' }
    const stale = findCurrencyProblem(native, thisUpdate[0] ?? null, nextUpdate[0] || null, question.nowSeconds)
    if (stale !== undefined) problem = stale
    else if (status === CertificateStatus.GOOD) isGood = true
    else problem = 'the responder does not know the certificate'
  }
  return isGood ? undefined : unreliable(problem)
}

function isAbout(native: Native, entry: Pointer, { leaf, issuer }: Question): boolean {
  const id = native.OCSP_SINGLERESP_get0_id(entry)
  const algorithm = new BigUint64Array(1)
  native.OCSP_id_get0_info(null, algorithm, null, null, id)
  const nid = native.OBJ_obj2nid(algorithm[0] ?? null)
  const hash = idHashes.has(nid) ? native.EVP_get_digestbyname(native.OBJ_nid2sn(nid)) : null
  const own = hash === null ? null : native.OCSP_cert_to_id(hash, leaf, issuer)
  if (own === null) return false
  try {
    return native.OCSP_id_cmp(own, id) === 0
  } finally {
    native.OCSP_CERTID_free(own)
  }
}

function findCurrencyProblem(
  native: Native,
  thisUpdate: Pointer | null,
  nextUpdate: Pointer | null,
  nowSeconds: number,
): string | undefined {
  const begin = compareTime(native, thisUpdate, nowSeconds + skewSeconds)
  const end =
    nextUpdate === null
      ? compareTime(native, thisUpdate, nowSeconds - skewSeconds - longestSeconds)
      : compareTime(native, nextUpdate, nowSeconds - skewSeconds)
  if (Number.isNaN(begin) || Number.isNaN(end)) return 'it is malformed'
  if (begin > 0) return 'it begins later only'
  return end < 0 ? 'a newer one was due before now' : undefined
}

/** Below, at or above zero as the time is before, at or after the seconds; NaN for what is no time of RFC 5280. */
function compareTime(native: Native, time: Pointer | null, seconds: number): number {
  // For OpenSSL a time is before itself.
  const [atOrBefore, before] = [seconds, seconds - 1].map((each) => native.X509_cmp_time(time, timeAt(each)))
  if (!atOrBefore || !before) return Number.NaN
  if (atOrBefore > 0) return 1
  return before > 0 ? 0 : -1
}

function promisesStatus(native: Native, leaf: Pointer): boolean {
  const features = native.X509_get_ext_d2i(leaf, NID.tlsfeature, null, null)
  if (features === null) return false
  try {
    for (let index = 0; index < native.OPENSSL_sk_num(features); index++) {
      if (native.ASN1_INTEGER_get(native.OPENSSL_sk_value(features, index)) === statusRequest) return true
    }
    return false
  } finally {
    native.TLS_FEATURE_free(features)
  }
}

/** A time_t. */
function timeAt(seconds: number): BigInt64Array {
  return BigInt64Array.of(BigInt(seconds))
}

const weakHashes: ReadonlySet<number> = new Set([NID.md5, NID.sha1])

/** Those that may identify an issuer. */
const idHashes: ReadonlySet<number> = new Set([NID.sha1, NID.sha256, NID.sha384, NID.sha512])
/** What RSA with 2048 bits has: of responders no less is accepted, whatever the security level of the context. */
const leastSecurityBits = 112
const maximumCertificates = 8
const maximumEntries = 32

/** OCSP_NOINTERN: only the signer that is given. */
const noIntern = 0x2
/** OCSP_NOVERIFY: from the signature on, the rest is judged here. */
const noVerify = 0x10
const CertificateStatus = { GOOD: 0, REVOKED: 1 } as const
/** EXFLAG_… of x509v3.h. */
const ExtensionFlag = { XKUSAGE: 0x4, CRITICAL: 0x200 } as const
/** KU_DIGITAL_SIGNATURE; all bits are set where a certificate does not say. */
const digitalSignature = 0x80
/** XKU_OCSP_SIGN. */
const ocspSigning = 0x20
/** The number of the extension `status_request`: RFC 6066, Section 8. */
const statusRequest = 5

/** By how much clocks may differ. */
const skewSeconds = 300
/** How long an answer counts that does not say when the next one is due. */
const longestSeconds = 7 * 24 * 60 * 60
