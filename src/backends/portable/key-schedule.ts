/**
 * TLS 1.3's key schedule as a chain of types: each stage is made only from the one before it, and each is used up by making the next.
 * RFC 9846, Section 7.1.
 */
import { aeadNonceLength, aeadParameters, type HashAlgorithm, hashLength } from '../../crypto/algorithms.ts'
import { wipe } from '../../crypto/bytes.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { expandLabel, OwnSecret } from './own-secret.ts'
import { Opener13, type OpenerOptions, Sealer13, type SealerOptions } from './record/protection13.ts'
import type { SuiteParameters } from './suites.ts'

/** What a pre-shared key is: it decides how its binder is made. RFC 9846, Section 4.2.11.2; RFC 9258, Section 5.2. */
export type PreSharedKeyKind = 'resumption' | 'external' | 'imported'

/** Before any secret is shared, but for the pre-shared key, where there is one. Only its hash is known of the suite yet. */
export class EarlyStage {
  readonly #crypto: CryptoProvider
  readonly #hash: HashAlgorithm
  /** `undefined` without a pre-shared key: then it is no secret. */
  readonly #secret: Uint8Array | undefined

  constructor(crypto: CryptoProvider, hash: HashAlgorithm, preSharedKey?: Uint8Array) {
    this.#crypto = crypto
    this.#hash = hash
    this.#secret = preSharedKey && crypto.hkdfExtract(hash, nothing, preSharedKey)
  }

  /** Proves that we have the key, over a ClientHello without its binders. RFC 9846, Section 4.2.11.2. */
  binder(kind: PreSharedKeyKind, transcript: Uint8Array): Uint8Array {
    const crypto = this.#crypto
    const hash = this.#hash
    const empty = hashOfNothing(crypto, hash)
    const key = expandLabel(crypto, hash, this.#own(), binderLabels[kind], empty, hashLength[hash])
    const finishedKey = expandLabel(crypto, hash, key, 'finished', nothing, hashLength[hash])
    const binder = crypto.hmac(hash, finishedKey, transcript)
    wipe(key, finishedKey)
    return binder
  }

  /** The client's early data. `transcript`: the ClientHello. The suite is that of the key. */
  traffic(suite: SuiteParameters, transcript: Uint8Array): TrafficSecret {
    const length = hashLength[this.#hash]
    const secret = expandLabel(this.#crypto, this.#hash, this.#own(), 'c e traffic', transcript, length)
    return new TrafficSecret(this.#crypto, suite, secret)
  }

  /** `transcript`: the ClientHello. */
  exporter(transcript: Uint8Array): Exporter {
    const hash = this.#hash
    const secret = expandLabel(this.#crypto, hash, this.#own(), 'e exp master', transcript, hashLength[hash])
    return new Exporter(this.#crypto, hash, secret)
  }

  /** Takes the shared secret of the key exchange, and wipes it. */
  shareSecret(suite: SuiteParameters, sharedSecret: Uint8Array): HandshakeStage {
    const crypto = this.#crypto
    const early = this.#secret
    const derived =
      early === undefined ? derivedFromNothing(crypto, suite.hash) : deriveSecret(crypto, suite.hash, early)
    const secret = crypto.hkdfExtract(suite.hash, derived, sharedSecret)
    wipe(sharedSecret)
    if (early !== undefined) wipe(early, derived)
    return new HandshakeStage(crypto, suite, secret)
  }

  /** Gives the key up, where another one is used or none. */
  wipe(): void {
    if (this.#secret !== undefined) wipe(this.#secret)
  }

  #own(): Uint8Array {
    if (this.#secret === undefined) throw new RangeError('without a pre-shared key there is no early secret')
    return this.#secret
  }
}

const binderLabels: { readonly [K in PreSharedKeyKind]: string } = {
  resumption: 'res binder',
  external: 'ext binder',
  imported: 'imp binder',
}

/** The peers share a secret and have not proved who they are. */
export class HandshakeStage extends OwnSecret {
  readonly #suite: SuiteParameters

  /** @internal Use `EarlyStage.shareSecret`. */
  constructor(crypto: CryptoProvider, suite: SuiteParameters, secret: Uint8Array) {
    super(crypto, suite.hash, secret)
    this.#suite = suite
  }

  /** `transcript`: ClientHello to ServerHello. */
  traffic(transcript: Uint8Array): Directions {
    const of = (label: string): TrafficSecret =>
      new TrafficSecret(this.crypto, this.#suite, this.derive(label, transcript))
    return { client: of('c hs traffic'), server: of('s hs traffic') }
  }

  finish(): MasterStage {
    const { crypto, hash } = this
    const derived = this.derive('derived', hashOfNothing(crypto, hash))
    const secret = crypto.hkdfExtract(hash, derived, new Uint8Array(hashLength[hash]))
    this.wipe()
    wipe(derived)
    return new MasterStage(crypto, this.#suite, secret)
  }
}

/** The server has said Finished. */
export class MasterStage extends OwnSecret {
  readonly #suite: SuiteParameters

  /** @internal Use `HandshakeStage.finish`. */
  constructor(crypto: CryptoProvider, suite: SuiteParameters, secret: Uint8Array) {
    super(crypto, suite.hash, secret)
    this.#suite = suite
  }

  /** `transcript`: ClientHello to the server's Finished. */
  traffic(transcript: Uint8Array): Directions {
    const of = (label: string): TrafficSecret =>
      new TrafficSecret(this.crypto, this.#suite, this.derive(label, transcript))
    return { client: of('c ap traffic'), server: of('s ap traffic') }
  }

  /** `transcript`: ClientHello to the server's Finished. */
  exporter(transcript: Uint8Array): Exporter {
    return new Exporter(this.crypto, this.hash, this.derive('exp master', transcript))
  }

  /** For tickets. `transcript`: ClientHello to the client's Finished. */
  resumption(transcript: Uint8Array): ResumptionSecret {
    return new ResumptionSecret(this.crypto, this.hash, this.derive('res master', transcript))
  }
}

/** What the keys of tickets come from: RFC 9846, Section 4.6.1. */
export class ResumptionSecret extends OwnSecret {
  /** The pre-shared key of the ticket with this nonce. */
  preSharedKey(nonce: Uint8Array): Uint8Array {
    return this.derive('resumption', nonce)
  }
}

export interface Directions {
  readonly client: TrafficSecret
  readonly server: TrafficSecret
}

/** The secret of one direction, from which its keys come. RFC 9846, Section 7.3. */
export class TrafficSecret extends OwnSecret {
  readonly #suite: SuiteParameters

  /** @internal Use a stage's `traffic`. */
  constructor(crypto: CryptoProvider, suite: SuiteParameters, secret: Uint8Array) {
    super(crypto, suite.hash, secret)
    this.#suite = suite
  }

  sealer(options?: SealerOptions): Sealer13 {
    return this.#withKeys((key, iv) => new Sealer13(this.crypto.createAead(this.#suite.aead, key), iv, options))
  }

  opener(options?: OpenerOptions): Opener13 {
    return this.#withKeys((key, iv) => new Opener13(this.crypto.createAead(this.#suite.aead, key), iv, options))
  }

  /** The verify_data of a Finished: RFC 9846, Section 4.4.4. */
  finished(transcript: Uint8Array): Uint8Array {
    const key = this.derive('finished', nothing)
    const verifyData = this.crypto.hmac(this.hash, key, transcript)
    wipe(key)
    return verifyData
  }

  /** The secret after a KeyUpdate. This one is gone. RFC 9846, Section 7.2. */
  next(): TrafficSecret {
    const secret = this.derive('traffic upd', nothing)
    this.wipe()
    return new TrafficSecret(this.crypto, this.#suite, secret)
  }

  #withKeys<T>(make: (key: Uint8Array, iv: Uint8Array) => T): T {
    const key = this.derive('key', nothing, aeadParameters[this.#suite.aead].keyLength)
    const iv = this.derive('iv', nothing, aeadNonceLength)
    const made = make(key, iv)
    wipe(key)
    return made
  }
}

/** RFC 9846, Section 7.5. */
export class Exporter extends OwnSecret {
  /** No context and an empty one are the same in TLS 1.3. */
  export(label: string, context: Uint8Array | undefined, length: number): Uint8Array {
    const { crypto, hash } = this
    const derived = this.derive(label, hashOfNothing(crypto, hash))
    const contextHash = crypto.digest(hash, context ?? nothing)
    const exported = expandLabel(crypto, hash, derived, 'exporter', contextHash, length)
    wipe(derived)
    return exported
  }
}

const nothing = new Uint8Array(0)

/** What leads from one stage to the next: Derive-Secret over no messages. */
function deriveSecret(crypto: CryptoProvider, hash: HashAlgorithm, secret: Uint8Array): Uint8Array {
  return expandLabel(crypto, hash, secret, 'derived', hashOfNothing(crypto, hash), hashLength[hash])
}

const hashesOfNothing = new Map<HashAlgorithm, Uint8Array>()

function hashOfNothing(crypto: CryptoProvider, hash: HashAlgorithm): Uint8Array {
  let digest = hashesOfNothing.get(hash)
  if (digest === undefined) {
    digest = crypto.digest(hash)
    hashesOfNothing.set(hash, digest)
  }
  return digest
}

const earlyDerived = new Map<HashAlgorithm, Uint8Array>()

/** Without a pre-shared key the early secret is no secret but a constant of the hash. */
function derivedFromNothing(crypto: CryptoProvider, hash: HashAlgorithm): Uint8Array {
  let derived = earlyDerived.get(hash)
  if (derived === undefined) {
    const early = crypto.hkdfExtract(hash, nothing, new Uint8Array(hashLength[hash]))
    derived = deriveSecret(crypto, hash, early)
    earlyDerived.set(hash, derived)
  }
  return derived
}
