import { decodeDER } from './der.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/** What can be said about a chain of certificates, DER, that was kept with a session. */

/** When the certificate ends, in milliseconds since 1970; 0 where that cannot be read. */
export function endOfCertificate(library: Library, der: Uint8Array): number {
  const { native } = library
  const certificate = decodeDER(library, der, 'certificate')
  if (certificate === null) return 0
  try {
    const days = new Int32Array(1)
    const seconds = new Int32Array(1)
    if (native.ASN1_TIME_diff(days, seconds, epochOf(library), native.X509_get0_notAfter(certificate)) !== 1) return 0
    return ((days[0] ?? 0) * 86_400 + (seconds[0] ?? 0)) * 1000
  } finally {
    native.X509_free(certificate)
  }
}

/** Whom to believe about a chain: what a connection would ask of its server. */
export interface ChainJudge {
  /** Whose parameters hold the name to check and the time. */
  readonly ssl: Pointer
  /** Whose store is believed. */
  readonly context: Pointer
  readonly securityLevel: number
}

/** Verifies a server's chain as OpenSSL does in a handshake. See `ssl_verify_cert_chain` there. */
export function verifyStoredChain(library: Library, chain: readonly Uint8Array[], judge: ChainJudge): boolean {
  const { native } = library
  const certificates = chain.map((der) => decodeDER(library, der, 'certificate'))
  const stack = native.OPENSSL_sk_new_null()
  const storeContext = native.X509_STORE_CTX_new()
  try {
    const [leaf] = certificates
    if (leaf === undefined || certificates.includes(null) || stack === null || storeContext === null) return false
    for (const certificate of certificates) native.OPENSSL_sk_push(stack, certificate)
    const store = native.SSL_CTX_get_cert_store(judge.context)
    if (native.X509_STORE_CTX_init(storeContext, store, leaf, stack) !== 1) return false
    const parameters = native.X509_STORE_CTX_get0_param(storeContext)
    native.X509_VERIFY_PARAM_set_auth_level(parameters, judge.securityLevel)
    native.X509_STORE_CTX_set_default(storeContext, 'ssl_server')
    native.X509_VERIFY_PARAM_set1(parameters, native.SSL_get0_param(judge.ssl))
    return native.X509_verify_cert(storeContext) === 1
  } finally {
    native.X509_STORE_CTX_free(storeContext)
    native.OPENSSL_sk_free(stack)
    for (const certificate of certificates) native.X509_free(certificate)
    native.ERR_clear_error()
  }
}

/** 1970 as OpenSSL writes it, made once for a library. */
function epochOf(library: Library): Pointer {
  let epoch = epochs.get(library)
  if (epoch === undefined) {
    epoch = library.native.ASN1_TIME_set(null, 0) as Pointer
    epochs.set(library, epoch)
  }
  return epoch
}

const epochs = new WeakMap<Library, Pointer>()
