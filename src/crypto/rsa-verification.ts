/**
 * RSA's public operation and the two encodings, for runtimes without RSA. RFC 8017, Sections 8.1.2, 8.2.2 and 9.
 *
 * Everything here is public (key, message, signature), so BigInt's uneven timing gives nothing away. That is also why there is
 * no signing: BigInt arithmetic is not constant-time, and a private exponent would leak through it.
 */
import { type HashAlgorithm, hashLength } from './algorithms.ts'
import { concatBytes, equalPublicBytes, hexOfBytes } from './bytes.ts'
import type { RsaPublicNumbers } from './key-encoding.ts'
import { digestInfoPrefix } from './signature-fit.ts'

/** Hashes the pieces one after another. */
export type Digest = (algorithm: HashAlgorithm, ...message: readonly Uint8Array[]) => Uint8Array

/** RSASSA-PKCS1-v1_5, by building the only acceptable encoding and comparing: nothing is parsed. */
export function verifyRsaPkcs1(
  digest: Digest,
  hash: HashAlgorithm,
  key: RsaPublicNumbers,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const encoded = recoverEncoded(key, signature)
  if (encoded === undefined) return false
  const info = concatBytes([digestInfoPrefix[hash], digest(hash, message)])
  const expected = new Uint8Array(encoded.length).fill(0xff)
  const separator = encoded.length - info.length - 1
  if (separator < 10) return false
  expected[0] = 0
  expected[1] = 1
  expected[separator] = 0
  expected.set(info, separator + 1)
  return equalPublicBytes(encoded, expected)
}

/** RSASSA-PSS with exactly this salt length, in bytes. RFC 8017, Section 9.1.2, step by step. */
export function verifyRsaPss(
  digest: Digest,
  parameters: { readonly hash: HashAlgorithm; readonly mgfHash: HashAlgorithm; readonly saltLength: number },
  key: RsaPublicNumbers,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const recovered = recoverEncoded(key, signature)
  if (recovered === undefined) return false
  const modulusBits = key.modulus.length * 8 - Math.clz32(key.modulus[0] ?? 0) + 24
  const encodedBits = modulusBits - 1
  const encodedLength = Math.ceil(encodedBits / 8)
  // Where the encoding is a byte shorter than the modulus, the byte before it must be zero.
  if (recovered.length > encodedLength && recovered[0] !== 0) return false
  const encoded = recovered.subarray(recovered.length - encodedLength)
  const digestLength = hashLength[parameters.hash]
  const { saltLength } = parameters
  if (encodedLength < digestLength + saltLength + 2 || encoded.at(-1) !== 0xbc) return false
  const blockLength = encodedLength - digestLength - 1
  const maskedBlock = encoded.subarray(0, blockLength)
  const hashed = encoded.subarray(blockLength, -1)
  const firstMask = 0xff >> (8 * encodedLength - encodedBits)
  if (((maskedBlock[0] ?? 0) & ~firstMask & 0xff) !== 0) return false
  const block = maskGeneration(digest, parameters.mgfHash, hashed, blockLength)
  for (let i = 0; i < blockLength; i++) block[i] = (block[i] ?? 0) ^ (maskedBlock[i] ?? 0)
  block[0] = (block[0] ?? 0) & firstMask
  const separator = blockLength - saltLength - 1
  for (let i = 0; i < separator; i++) if (block[i] !== 0) return false
  if (block[separator] !== 1) return false
  const salt = block.subarray(separator + 1)
  const expected = digest(parameters.hash, new Uint8Array(8), digest(parameters.hash, message), salt)
  return equalPublicBytes(hashed, expected)
}

/** RSAVP1 and I2OSP; `undefined` for a signature of another length than the modulus, or not below it. */
function recoverEncoded(key: RsaPublicNumbers, signature: Uint8Array): Uint8Array | undefined {
  if (signature.length !== key.modulus.length) return undefined
  const modulus = integerOfBytes(key.modulus)
  const base = integerOfBytes(signature)
  if (base >= modulus) return undefined
  return bytesOfInteger(powerModulo(base, integerOfBytes(key.exponent), modulus), key.modulus.length)
}

function powerModulo(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = base
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** MGF1: RFC 8017, Appendix B.2.1. */
function maskGeneration(digest: Digest, hash: HashAlgorithm, seed: Uint8Array, length: number): Uint8Array {
  const mask = new Uint8Array(length)
  const blockLength = hashLength[hash]
  for (let counter = 0, at = 0; at < length; counter++, at += blockLength) {
    const block = digest(hash, seed, Uint8Array.of(counter >>> 24, counter >>> 16, counter >>> 8, counter))
    mask.set(block.subarray(0, Math.min(blockLength, length - at)), at)
  }
  return mask
}

function integerOfBytes(bytes: Uint8Array): bigint {
  return BigInt(`0x${hexOfBytes(bytes)}`)
}

function bytesOfInteger(value: bigint, length: number): Uint8Array {
  const hex = value.toString(16).padStart(2 * length, '0')
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return bytes
}
