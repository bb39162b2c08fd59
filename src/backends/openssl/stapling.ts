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

  /**
   * Answers OpenSSL: 1 to go on, 0 for the alert bad_certificate_status_response. A certificate that is trusted itself has no issuer that
   * was verified and could say anything.
   */
  check(ssl: Pointer, isTrustedItself: boolean): number {
    const { native } = this.#library
    // A session that is resumed shows no certificate, and so nothing beside it.
    if (native.SSL_session_reused(ssl) === 1) return 1
    const address = new BigUint64Array(1)
    const length = native.SSL_ctrl(ssl, Ctrl.GET_TLSEXT_STATUS_REQ_OCSP_RESP, 0, address)
    this.response = length > 0 ? this.#library.copy(address[0] ?? null, length) : undefined
    const path = native.SSL_get0_verified_chain(ssl)
    // There is no path only for `polytls/insecure`.
    if (path === null || isTrustedItself) return 1
    this.refusal = findStatusError(this.#library, {
      path,
      response: this.response,
      nowMilliseconds: this.#now(),
      isRequired: this.#policy === 'hard',
    })
    return this.refusal === undefined ? 1 : 0
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
