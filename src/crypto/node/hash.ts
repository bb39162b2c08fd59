/**
 * Hashes with node:crypto. A snapshot costs 1.6 µs (`copy` and `digest`), and half of that as text: a Buffer of its own is what is dear about
 * a digest, for each has memory that the garbage collector has to follow (Node 20.20, x64).
 */
import * as crypto from 'node:crypto'
import type { HashAlgorithm } from '../algorithms.ts'
import type { Hash } from '../provider.ts'

export function createNodeHash(algorithm: HashAlgorithm): Hash {
  return new NodeHash(algorithm, crypto.createHash(algorithm))
}

export function nodeDigest(algorithm: HashAlgorithm, ...message: readonly Uint8Array[]): Uint8Array {
  const [only] = message
  // What imitates Node may have no `hash`.
  if (message.length === 1 && only !== undefined && crypto.hash !== undefined) {
    return bytesOf(crypto.hash(algorithm, only, 'binary'))
  }
  const hash = crypto.createHash(algorithm)
  for (const piece of message) hash.update(piece)
  return hash.digest()
}

class NodeHash implements Hash {
  readonly algorithm: HashAlgorithm
  readonly #hash: crypto.Hash

  constructor(algorithm: HashAlgorithm, hash: crypto.Hash) {
    this.algorithm = algorithm
    this.#hash = hash
  }

  update(data: Uint8Array): this {
    this.#hash.update(data)
    return this
  }

  digest(): Uint8Array {
    return bytesOf(this.#hash.copy().digest('binary'))
  }

  clone(): Hash {
    return new NodeHash(this.algorithm, this.#hash.copy())
  }
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}
