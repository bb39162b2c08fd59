/** TLS 1.2's secrets and keys: RFC 5246, Sections 5, 6.3 and 8.1; RFC 7627; RFC 5705. */
import { ByteWriter } from '../../codec/byte-writer.ts'
import { aeadParameters, type HashAlgorithm } from '../../crypto/algorithms.ts'
import { concatBytes, wipe } from '../../crypto/bytes.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { finishedLength12 } from './messages/authentication.ts'
import { fixedIvLength, Opener12, Sealer12 } from './record/protection12.ts'
import type { SuiteParameters } from './suites.ts'

export type Side = 'client' | 'server'

export interface Randoms {
  readonly client: Uint8Array
  readonly server: Uint8Array
}

/** The secret from which everything else comes. */
export class MasterSecret {
  readonly #crypto: CryptoProvider
  readonly #suite: SuiteParameters
  readonly #randoms: Randoms
  readonly #secret: Uint8Array

  private constructor(crypto: CryptoProvider, suite: SuiteParameters, randoms: Randoms, secret: Uint8Array) {
    this.#crypto = crypto
    this.#suite = suite
    this.#randoms = randoms
    this.#secret = secret
  }

  /**
   * The extended master secret, the only one that there is here: it is bound to the handshake's messages up to ClientKeyExchange, whose
   * hash `session` is. RFC 7627, Section 4. Wipes the premaster secret.
   */
  static extended(
    crypto: CryptoProvider,
    suite: SuiteParameters,
    randoms: Randoms,
    premaster: Uint8Array,
    session: Uint8Array,
  ): MasterSecret {
    const secret = prf(crypto, suite.hash, premaster, 'extended master secret', session, masterSecretLength)
    wipe(premaster)
    return new MasterSecret(crypto, suite, randoms, secret)
  }

  /** That of a session, for new randoms: RFC 5246, Section 8.1. The bytes are copied. */
  static resumed(crypto: CryptoProvider, suite: SuiteParameters, randoms: Randoms, secret: Uint8Array): MasterSecret {
    return new MasterSecret(crypto, suite, randoms, secret.slice())
  }

  /** What protects records: RFC 5246, Section 6.3. AEADs need no MAC keys. */
  keys(): Keys12 {
    const { aead } = this.#suite
    const { keyLength } = aeadParameters[aead]
    const ivLength = fixedIvLength(aead)
    // Here the server's random comes first, other than everywhere else.
    const seed = concatBytes([this.#randoms.server, this.#randoms.client])
    const block = prf(this.#crypto, this.#suite.hash, this.#secret, 'key expansion', seed, 2 * (keyLength + ivLength))
    return new Keys12(this.#crypto, this.#suite, block)
  }

  /** The verify_data of a side's Finished. `transcript`: the hash of all messages before it. RFC 5246, Section 7.4.9. */
  finished(side: Side, transcript: Uint8Array): Uint8Array {
    return prf(this.#crypto, this.#suite.hash, this.#secret, `${side} finished`, transcript, finishedLength12)
  }

  /** RFC 5705, Section 4. A context that is absent is not the same as an empty one. */
  export(label: string, context: Uint8Array | undefined, length: number): Uint8Array {
    const seed = new ByteWriter().raw(this.#randoms.client).raw(this.#randoms.server)
    if (context !== undefined) seed.vector16(context)
    return prf(this.#crypto, this.#suite.hash, this.#secret, label, seed.finish(), length)
  }

  /** For the key log alone. */
  reveal(): Uint8Array {
    return this.#secret
  }

  wipe(): void {
    wipe(this.#secret)
  }
}

/** The keys of both directions. Each can be taken once; the block is wiped behind the second. */
export class Keys12 {
  readonly #crypto: CryptoProvider
  readonly #suite: SuiteParameters
  readonly #block: Uint8Array
  readonly #taken = new Set<Side>()

  /** @internal Use `MasterSecret.keys`. */
  constructor(crypto: CryptoProvider, suite: SuiteParameters, block: Uint8Array) {
    this.#crypto = crypto
    this.#suite = suite
    this.#block = block
  }

  /** Protects what we send, as `side`. */
  sealer(side: Side): Sealer12 {
    return this.#take(side, (key, iv) => new Sealer12(this.#crypto.createAead(this.#suite.aead, key), iv))
  }

  /** Opens what comes from `side`. */
  opener(side: Side): Opener12 {
    return this.#take(side, (key, iv) => new Opener12(this.#crypto.createAead(this.#suite.aead, key), iv))
  }

  wipe(): void {
    wipe(this.#block)
  }

  #take<T>(side: Side, make: (key: Uint8Array, iv: Uint8Array) => T): T {
    if (this.#taken.has(side)) throw new RangeError(`the ${side}'s keys have been taken: a nonce would repeat`)
    this.#taken.add(side)
    const { keyLength } = aeadParameters[this.#suite.aead]
    const ivLength = fixedIvLength(this.#suite.aead)
    const index = side === 'client' ? 0 : 1
    const keyAt = index * keyLength
    const ivAt = 2 * keyLength + index * ivLength
    const made = make(this.#block.subarray(keyAt, keyAt + keyLength), this.#block.subarray(ivAt, ivAt + ivLength))
    if (this.#taken.size === 2) wipe(this.#block)
    return made
  }
}

/** RFC 5246, Section 5: P_hash with the hash of the suite. */
export function prf(
  crypto: CryptoProvider,
  hash: HashAlgorithm,
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const start = concatBytes([new TextEncoder().encode(label), seed])
  const output = new Uint8Array(length)
  let a = start
  for (let at = 0; at < length; ) {
    const next = crypto.hmac(hash, secret, a)
    if (a !== start) wipe(a)
    a = next
    const block = crypto.hmac(hash, secret, a, start)
    output.set(block.subarray(0, length - at), at)
    at += block.length
    wipe(block)
  }
  if (a !== start) wipe(a)
  return output
}

const masterSecretLength = 48
