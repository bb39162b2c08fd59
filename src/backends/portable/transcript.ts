import type { HashAlgorithm } from '../../crypto/algorithms.ts'
import type { CryptoProvider, Hash } from '../../crypto/provider.ts'

/**
 * The hash of all handshake messages so far. Before the cipher suite is known there is nothing to hash with, so the first messages are
 * kept; from then on each is hashed as it comes. RFC 9846, Section 4.4.1.
 */
export class Transcript {
  readonly #crypto: CryptoProvider
  #kept: Uint8Array[] = []
  #hash: Hash | undefined
  /** That of now, once it was asked for: several secrets come from the same. */
  #digest: Uint8Array | undefined

  constructor(crypto: CryptoProvider) {
    this.#crypto = crypto
  }

  /** Whether there is a hash. */
  get hasStarted(): boolean {
    return this.#hash !== undefined
  }

  /** Adds one message, header included. */
  add(message: Uint8Array): void {
    this.#digest = undefined
    if (this.#hash === undefined) this.#kept.push(message.slice())
    else this.#hash.update(message)
  }

  /** The suite is known. Asking again for the same algorithm changes nothing. */
  start(algorithm: HashAlgorithm): void {
    if (this.#hash !== undefined) {
      if (this.#hash.algorithm !== algorithm) throw new RangeError('a transcript has one hash')
      return
    }
    this.#hash = this.#crypto.createHash(algorithm)
    for (const message of this.#kept) this.#hash.update(message)
    this.#kept = []
  }

  /** After a HelloRetryRequest the first ClientHello counts as its hash only: RFC 9846, Section 4.4.1. */
  replaceByHash(algorithm: HashAlgorithm): void {
    this.start(algorithm)
    const digest = this.digest()
    this.#digest = undefined
    this.#hash = this.#crypto.createHash(algorithm)
    this.#hash.update(Uint8Array.of(messageHashType, 0, 0, digest.length))
    this.#hash.update(digest)
  }

  /** The hash of everything so far and of these bytes, which do not count afterwards. */
  digestWith(bytes: Uint8Array): Uint8Array {
    if (this.#hash === undefined) throw new RangeError('the transcript has no hash yet')
    return this.#hash.clone().update(bytes).digest()
  }

  /** An independent transcript that goes on from where this one is. */
  fork(): Transcript {
    if (this.#hash === undefined) throw new RangeError('the transcript has no hash yet')
    const other = new Transcript(this.#crypto)
    other.#hash = this.#hash.clone()
    return other
  }

  /** The hash of everything so far, which nobody may change; more may follow. */
  digest(): Uint8Array {
    if (this.#hash === undefined) throw new RangeError('the transcript has no hash yet')
    this.#digest ??= this.#hash.digest()
    return this.#digest
  }
}

const messageHashType = 254
