/** Secrets that others come from, by HKDF-Expand-Label: RFC 9846, Section 7.1. */
import { type HashAlgorithm, hashLength } from '../../crypto/algorithms.ts'
import { wipe } from '../../crypto/bytes.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'

/** One such secret. */
export abstract class OwnSecret {
  protected readonly crypto: CryptoProvider
  protected readonly hash: HashAlgorithm
  readonly #secret: Uint8Array

  /** @internal Each comes from the stage before. The bytes are taken over. */
  constructor(crypto: CryptoProvider, hash: HashAlgorithm, secret: Uint8Array) {
    this.crypto = crypto
    this.hash = hash
    this.#secret = secret
  }

  /** For the key log and for tests alone. */
  reveal(): Uint8Array {
    return this.#secret
  }

  wipe(): void {
    wipe(this.#secret)
  }

  /** What comes from it under a label; by default as long as the hash. */
  protected derive(label: string, context: Uint8Array, length: number = hashLength[this.hash]): Uint8Array {
    return expandLabel(this.crypto, this.hash, this.#secret, label, context, length)
  }
}

/** HKDF-Expand-Label. */
export function expandLabel(
  crypto: CryptoProvider,
  hash: HashAlgorithm,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const name = labelBytes(label)
  const info = new Uint8Array(3 + name.length + 1 + context.length)
  info[0] = length >> 8
  info[1] = length
  info[2] = name.length
  info.set(name, 3)
  info[3 + name.length] = context.length
  info.set(context, 4 + name.length)
  return crypto.hkdfExpand(hash, secret, info, length)
}

const labels = new Map<string, Uint8Array>()

/** The protocol's own labels are few, and encoded once; exporters bring any number of others. */
function labelBytes(label: string): Uint8Array {
  let bytes = labels.get(label)
  if (bytes === undefined) {
    bytes = new TextEncoder().encode(`tls13 ${label}`)
    if (labels.size < 32) labels.set(label, bytes)
  }
  return bytes
}
