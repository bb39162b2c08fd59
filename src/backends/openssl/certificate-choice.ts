import type { ChooseCertificateRequest } from '../../channel/pause.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import { ProtocolError } from '../../errors.ts'
import { encodeDER } from './der.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { useChain } from './signing-chain.ts'

/** A client that is asked for its certificate: by the application's choice, where it has one. */
export class CertificateChoice {
  readonly #library: Library
  readonly #asks: boolean
  #answer: { readonly chain: SigningChain | undefined } | { readonly failure: unknown } | undefined
  #requests = 0

  /** `asks`: whether there is a choice. */
  constructor(library: Library, asks: boolean) {
    this.#library = library
    this.#asks = asks
  }

  /**
   * OpenSSL is about to answer a request: 1 to go on, -1 to wait until the application has chosen.
   * @throws where nothing can be shown; OpenSSL tells the server internal_error then.
   */
  wanted(ssl: Pointer): number {
    if (!this.#asks) return this.#note()
    if (this.#answer === undefined) return -1
    const answer = this.#answer
    this.#answer = undefined
    if ('failure' in answer) throw answer.failure
    const { chain } = answer
    this.#library.native.SSL_certs_clear(ssl)
    if (chain !== undefined) useChain(this.#library, { ssl }, 'chooseCertificate', chain)
    return this.#note()
  }

  /** What the application is to be asked. */
  request(ssl: Pointer, afterHandshake: boolean): ChooseCertificateRequest {
    const request = Object.freeze({
      authorities: this.#authorities(ssl),
      signatureSchemes: this.#signatureSchemes(ssl),
      afterHandshake,
    })
    return Object.freeze({ kind: 'choose-certificate', request })
  }

  answer(chain: SigningChain | undefined): void {
    this.#answer = { chain }
  }

  /** The application could not choose. */
  fail(failure: unknown): void {
    this.#answer = { failure }
  }

  /** Data came: what was asked before it is forgiven. */
  noteData(): void {
    this.#requests = 0
  }

  /** Each answer costs a signature, and a server can ask without end. */
  #note(): number {
    if (++this.#requests <= maxRequestsWithoutData) return 1
    throw new ProtocolError(
      'the peer broke the protocol: too many requests for a certificate without data between them',
      {
        alert: 'internal_error',
      },
    )
  }

  #authorities(ssl: Pointer): readonly Uint8Array[] {
    const { native } = this.#library
    const stack = native.SSL_get0_peer_CA_list(ssl)
    const names: Uint8Array[] = []
    for (let index = 0; stack !== null && index < native.OPENSSL_sk_num(stack); index++)
      names.push(encodeDER(this.#library, native.OPENSSL_sk_value(stack, index) as Pointer, native.i2d_X509_NAME))
    return Object.freeze(names)
  }

  #signatureSchemes(ssl: Pointer): readonly number[] {
    const { native } = this.#library
    const low = new Uint8Array(1)
    const high = new Uint8Array(1)
    const schemes: number[] = []
    for (let index = 0; ; index++) {
      const count = native.SSL_get_sigalgs(ssl, index, null, null, null, low, high)
      if (count <= index) return Object.freeze(schemes)
      schemes.push(((high[0] ?? 0) << 8) | (low[0] ?? 0))
    }
  }
}

const maxRequestsWithoutData = 32
