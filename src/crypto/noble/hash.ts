/** Hashes and HMAC with @noble/hashes. */
import { hmac } from '@noble/hashes/hmac.js'
import { sha1 } from '@noble/hashes/legacy.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import type { HashAlgorithm } from '../algorithms.ts'
import type { Hash } from '../provider.ts'

export function createNobleHash(algorithm: HashAlgorithm): Hash {
  return toHash(algorithm, hashes[algorithm].create())
}

export function nobleHmac(algorithm: HashAlgorithm, key: Uint8Array, ...message: readonly Uint8Array[]): Uint8Array {
  const mac = hmac.create(hashes[algorithm], key)
  for (const piece of message) mac.update(piece)
  return mac.digest()
}

export function nobleDigest(algorithm: HashAlgorithm, ...message: readonly Uint8Array[]): Uint8Array {
  const hash = hashes[algorithm].create()
  for (const piece of message) hash.update(piece)
  return hash.digest()
}

export function nobleSha1(data: Uint8Array): Uint8Array {
  return sha1(data)
}

const hashes = { sha256, sha384, sha512 } as const

interface Running {
  update(data: Uint8Array): unknown
  digest(): Uint8Array
  clone(): Running
}

function toHash(algorithm: HashAlgorithm, running: Running): Hash {
  return {
    algorithm,
    update(data) {
      running.update(data)
      return this
    },
    digest: () => running.clone().digest(),
    clone: () => toHash(algorithm, running.clone()),
  }
}
