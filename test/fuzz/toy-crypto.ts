import type { HashAlgorithm, NamedGroupCode } from '#polytls/crypto/algorithms.js'
import { groupCode } from '#polytls/crypto/algorithms.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import type { Aead, CryptoProvider, Hash, KeyImport, PublicKey, SigningKey } from '#polytls/crypto/provider.js'
import { joined, type Random } from './random.ts'

/**
 * Cryptography without any: everything has its right length, both sides compute the same, nothing is secret, and the same numbers give
 * the same bytes. So a handshake is the same in every run, takes a fraction of the time, and what is encrypted can be changed on the way
 * as if it were not. A credulous one also believes every signature, tag and Finished, so that changes get to what lies behind them.
 */
export class ToyCrypto implements CryptoProvider {
  readonly name = 'toy'
  readonly capabilities: CryptoProvider['capabilities'] = node.capabilities
  isCredulous = false
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  random(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random(256))
  }

  randomSecret(length: number): Uint8Array {
    return this.random(length)
  }

  timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
    return a.length === b.length && (this.isCredulous || a.every((byte, i) => byte === b[i]))
  }

  createHash(algorithm: HashAlgorithm): Hash {
    return new ToyHash(algorithm)
  }

  digest(algorithm: HashAlgorithm, ...message: readonly Uint8Array[]): Uint8Array {
    return new ToyHash(algorithm).update(joined(...message)).digest()
  }

  sha1(data: Uint8Array): Uint8Array {
    return digestOf(20, data)
  }

  hmac(algorithm: HashAlgorithm, key: Uint8Array, ...message: readonly Uint8Array[]): Uint8Array {
    return digestOf(lengths[algorithm], key, ...message)
  }

  hkdfExtract(algorithm: HashAlgorithm, salt: Uint8Array, input: Uint8Array): Uint8Array {
    return digestOf(lengths[algorithm], salt, input)
  }

  hkdfExpand(_algorithm: HashAlgorithm, key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
    return digestOf(length, key, info)
  }

  createAead(algorithm: Aead['algorithm'], key: Uint8Array): Aead {
    const tagLength = algorithm.endsWith('-8') ? 8 : 16
    const kept = key.slice()
    const tagOf = (...parts: readonly Uint8Array[]): Uint8Array => digestOf(tagLength, kept, ...parts)
    return {
      algorithm,
      tagLength,
      seal: (nonce, additionalData, plaintext, target, offset) => {
        const content = joined(...plaintext)
        target.set(content, offset)
        target.set(tagOf(nonce, additionalData, content), offset + content.length)
        return content.length + tagLength
      },
      open: (nonce, additionalData, ciphertext) => {
        if (ciphertext.length < tagLength) return undefined
        const content = ciphertext.slice(0, -tagLength)
        const tag = ciphertext.subarray(-tagLength)
        return this.timingSafeEqual(tag, tagOf(nonce, additionalData, content)) ? content : undefined
      },
      wipe: () => {},
    }
  }

  generateKeyShare(group: NamedGroupCode): ReturnType<CryptoProvider['generateKeyShare']> {
    const publicKey = this.#share(group, 'client')
    return { group, publicKey, agree: (peer) => this.#secret(group, publicKey, peer, 'server') }
  }

  acceptKeyShare(group: NamedGroupCode, peer: Uint8Array): ReturnType<CryptoProvider['acceptKeyShare']> {
    const publicKey = this.#share(group, 'server')
    const sharedSecret = this.#secret(group, publicKey, peer, 'client')
    return sharedSecret && { publicKey, sharedSecret }
  }

  importPublicKey(info: Uint8Array): KeyImport<PublicKey> {
    return importOnce(info)
  }

  importSigningKey(der: Uint8Array): KeyImport<SigningKey> {
    return node.importSigningKey(der)
  }

  sign(_scheme: number, key: SigningKey, message: Uint8Array): Uint8Array {
    return digestOf(64, key.publicKey.subjectPublicKey, message)
  }

  signWith(_algorithm: unknown, key: SigningKey, message: Uint8Array): Uint8Array {
    return this.sign(0, key, message)
  }

  verify(_scheme: number, key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
    return this.isCredulous || this.timingSafeEqual(signature, digestOf(64, key.subjectPublicKey, message))
  }

  verifyWith(_algorithm: unknown, key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
    return this.verify(0, key, message, signature)
  }

  #share(group: NamedGroupCode, side: 'client' | 'server'): Uint8Array {
    return this.random(shareLengths.get(group)?.[side] ?? 0)
  }

  #secret(group: NamedGroupCode, own: Uint8Array, peer: Uint8Array, side: 'client' | 'server'): Uint8Array | undefined {
    if (peer.length !== shareLengths.get(group)?.[side]) return undefined
    return side === 'server' ? digestOf(32, own, peer) : digestOf(32, peer, own)
  }
}

/** What node:crypto makes of a key; most inputs have the same ones, and importing them takes longer than all the rest. */
export function importOnce(info: Uint8Array): KeyImport<PublicKey> {
  const name = Buffer.from(info.buffer, info.byteOffset, info.byteLength).toString('latin1')
  let found = imported.get(name)
  if (found === undefined) {
    found = node.importPublicKey(info)
    if (imported.size > 1000) imported.clear()
    imported.set(name, found)
  }
  return found
}

const node = createNodeCrypto()
const imported = new Map<string, KeyImport<PublicKey>>()
const lengths: { readonly [H in HashAlgorithm]: number } = { sha256: 32, sha384: 48, sha512: 64 }
const same = (length: number) => ({ client: length, server: length })
const shareLengths: ReadonlyMap<NamedGroupCode, { readonly client: number; readonly server: number }> = new Map([
  [groupCode.secp256r1, same(65)],
  [groupCode.secp384r1, same(97)],
  [groupCode.secp521r1, same(133)],
  [groupCode.x25519, same(32)],
  [groupCode.x448, same(56)],
  [groupCode.X25519MLKEM768, { client: 1216, server: 1120 }],
])

/** FNV-1a, drawn out to any length. */
class ToyHash implements Hash {
  readonly algorithm: HashAlgorithm
  #state: number

  constructor(algorithm: HashAlgorithm, state = 0x811c9dc5) {
    this.algorithm = algorithm
    this.#state = state
  }

  update(data: Uint8Array): this {
    this.#state = mix(this.#state, data)
    return this
  }

  digest(): Uint8Array {
    return drawnOut(this.#state, lengths[this.algorithm])
  }

  clone(): Hash {
    return new ToyHash(this.algorithm, this.#state)
  }
}

function digestOf(length: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return drawnOut(
    parts.reduce((state, part) => mix(Math.imul(state ^ part.length, 0x01000193), part), 0x811c9dc5),
    length,
  )
}

function mix(state: number, data: Uint8Array): number {
  let mixed = state
  for (let i = 0; i < data.length; i++) mixed = Math.imul(mixed ^ (data[i] as number), 0x01000193)
  return mixed >>> 0
}

function drawnOut(state: number, length: number): Uint8Array {
  let next = state
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    next = (Math.imul(next, 0x19660d) + 0x3c6ef35f) >>> 0
    out[i] = next >>> 24
  }
  return out
}
