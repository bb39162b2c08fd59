import type { VerifyPeerRequest } from '../../channel/pause.ts'
import { accepted, type VetoAnswer, vetoed } from '../../channel/veto.ts'
import type { Revocation } from '../../config/revocation.ts'
import type { CertificateError } from '../../errors.ts'
import { Ctrl } from './constants.ts'
import { readPeerChain } from './facts.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { RevocationJudge } from './revocation.ts'
import { certificateErrorOf, readVerifyFailure, type VerifyFailure } from './verify-result.ts'

export interface PeerVerificationOptions {
  readonly isServer: boolean
  /** Whether the application has a veto. */
  readonly asksForVeto: boolean
  /** Only for `polytls/insecure`. */
  readonly skipsChain: boolean
  readonly revocation: Revocation | undefined
  /** Whom a client asked for. */
  readonly serverName: string | undefined
}

/** The peer's way through verification: first OpenSSL's, against the trust store and the name; then the application's veto. */
export class PeerVerification {
  readonly #library: Library
  readonly #options: PeerVerificationOptions
  readonly #revocation: RevocationJudge | undefined
  #chainVerified = false
  #failure: VerifyFailure | undefined
  #verdict: VetoAnswer | undefined
  #earlier: { readonly chain: readonly Uint8Array[]; readonly resumed: boolean } | undefined

  constructor(library: Library, options: PeerVerificationOptions) {
    this.#library = library
    this.#options = options
    this.#revocation = options.revocation && new RevocationJudge(library, options.revocation)
  }

  get chainVerified(): boolean {
    return this.#chainVerified
  }

  /** The peer was verified otherwise: in the connection that this one resumes, or by a key that both have. */
  standsOn(chain: readonly Uint8Array[], verified: boolean, resumed: boolean): void {
    this.#earlier = { chain, resumed }
    this.#chainVerified = verified
  }

  /** Answers OpenSSL's question about the peer's chain: 1 to go on. */
  verifyChain(ssl: Pointer, storeContext: Pointer): number {
    const { native } = this.#library
    if (!this.#options.skipsChain && !this.#chainVerified) {
      if (this.#revocation !== undefined)
        native.X509_STORE_CTX_set_verify_cb(storeContext, this.#library.callbacks.judge)
      if (native.X509_verify_cert(storeContext) <= 0) {
        this.#failure = readVerifyFailure(this.#library, storeContext)
        return 0
      }
      this.#failure = this.#revocation?.doubt
      if (this.#failure !== undefined) {
        native.X509_STORE_CTX_set_error(storeContext, this.#failure.code)
        return 0
      }
      this.#chainVerified = true
    }
    if (this.#options.isServer || !this.#options.asksForVeto) return 1
    // A client can stop here, before it has shown anything of itself. OpenSSL will ask again.
    if (this.#verdict === undefined) native.SSL_ctrl(ssl, Ctrl.SET_RETRY_VERIFY, 0, null)
    else if (!accepted(this.#verdict)) {
      native.X509_STORE_CTX_set_error(storeContext, certificateRejected)
      return 0
    }
    return 1
  }

  /** Answers what to make of a fault that verification met; only asked where there are revocation lists. */
  judge(found: number, storeContext: Pointer): number {
    return found === 1 ? 1 : (this.#revocation?.judge(storeContext) ?? 0)
  }

  /** What the driver is to ask the application. */
  request(ssl: Pointer): VerifyPeerRequest {
    const { isServer, serverName } = this.#options
    const { chain, resumed } = this.#earlier ?? {
      chain: readPeerChain(this.#library, ssl, isServer),
      resumed: false,
    }
    return Object.freeze({
      kind: 'verify-peer',
      peer: Object.freeze({ chain, serverName: isServer ? undefined : serverName, ...(resumed && { resumed }) }),
    })
  }

  answer(verdict: VetoAnswer): void {
    this.#verdict = verdict
  }

  /** Why the peer was refused, if it was. */
  get refusal(): CertificateError | undefined {
    if (this.#verdict !== undefined && !accepted(this.#verdict)) {
      // Behind the end of OpenSSL's handshake a refusal is no alert any more, see `OpenSSLBuffer`.
      const isLate = this.#options.isServer || this.#earlier !== undefined
      return vetoed(this.#verdict, isLate ? undefined : 'bad_certificate')
    }
    return this.#failure && certificateErrorOf(this.#library, this.#failure, this.#options.serverName)
  }
}

/** X509_V_ERR_CERT_REJECTED: OpenSSL answers it with the alert bad_certificate. */
const certificateRejected = 28
