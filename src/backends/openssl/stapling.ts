import type { OCSPStapling } from '../../config/client-configuration.ts'
import type { CertificateError } from '../../errors.ts'
import { CallbackAnswer, Ctrl } from './constants.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { findStatusError } from './stapled-status.ts'

/** A client's part in stapling: looks at what the server sends beside its certificate. */
export class StapledStatusCheck {
  readonly #library: Library
  readonly #policy: OCSPStapling
  readonly #now: () => number
  /** Why the server is refused, if it is. */
  refusal: CertificateError | undefined
  /** What it stapled, DER. */
  response: Uint8Array | undefined

  constructor(library: Library, policy: OCSPStapling, now: () => number) {
    this.#library = library
    this.#policy = policy
    this.#now = now
  }

  /** Answers OpenSSL: 1 to go on, 0 for the alert bad_certificate_status_response. */
  check(ssl: Pointer): number {
    const { native } = this.#library
    // A session that is resumed shows no certificate, and so nothing beside it.
    if (native.SSL_session_reused(ssl) === 1) return 1
    const address = new BigUint64Array(1)
    const length = native.SSL_ctrl(ssl, Ctrl.GET_TLSEXT_STATUS_REQ_OCSP_RESP, 0, address)
    this.response = length > 0 ? this.#library.copy(address[0] ?? null, length) : undefined
    const path = native.SSL_get0_verified_chain(ssl)
    // There is no path only for `polytls/insecure`. And for a certificate that is trusted itself nobody is to ask, whoever issued it.
    if (path === null || this.#trusts(ssl, native.OPENSSL_sk_value(path, 0) as Pointer)) return 1
    this.refusal = findStatusError(this.#library, {
      path,
      response: this.response,
      nowMilliseconds: this.#now(),
      isRequired: this.#policy === 'hard',
    })
    return this.refusal === undefined ? 1 : 0
  }

  /** Whether the trust store has this very certificate. */
  #trusts(ssl: Pointer, certificate: Pointer): boolean {
    const { native } = this.#library
    const store = native.SSL_CTX_get_cert_store(native.SSL_get_SSL_CTX(ssl))
    const storeContext = native.X509_STORE_CTX_new()
    if (native.X509_STORE_CTX_init(storeContext, store, null, null) !== 1) throw new Error('X509_STORE_CTX_init failed')
    const namesakes = native.X509_STORE_CTX_get1_certs(storeContext, native.X509_get_subject_name(certificate))
    let isThere = false
    for (let index = 0; namesakes !== null && index < native.OPENSSL_sk_num(namesakes); index++) {
      const namesake = native.OPENSSL_sk_value(namesakes, index) as Pointer
      isThere ||= native.X509_cmp(namesake, certificate) === 0
      native.X509_free(namesake)
    }
    native.OPENSSL_sk_free(namesakes)
    native.X509_STORE_CTX_free(storeContext)
    return isThere
  }
}

/** A server's part: hands the state of the certificate in use to OpenSSL, which frees it. */
export function staple(library: Library, ssl: Pointer, response: Uint8Array | undefined): number {
  if (response === undefined) return CallbackAnswer.NOACK
  const { native } = library
  const memory = native.CRYPTO_malloc(response.byteLength, null, 0)
  if (memory === null) return CallbackAnswer.NOACK
  library.put(memory, response)
  native.SSL_ctrl(ssl, Ctrl.SET_TLSEXT_STATUS_REQ_OCSP_RESP, response.byteLength, memory)
  return CallbackAnswer.OK
}
