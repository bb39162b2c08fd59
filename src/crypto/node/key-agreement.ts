/**
 * Key agreement with node:crypto.
 *
 * Measured on Node 20.20 (OpenSSL 3.0), x64, microseconds; "whole" is generating, exporting, importing the peer's and deriving:
 *
 * |            | generate | export JWK / DER | import JWK / DER | derive | whole, chosen way      | whole, other way  |
 * |------------|----------|------------------|------------------|--------|------------------------|-------------------|
 * | x25519     | 42       | 0.9 / 82         | 6 / 100          | 40     | 90 (JWK)               | 265 (DER)         |
 * | x448       | 190      | 0.9 / 79         | 6 / 98           | 165    | 360 (JWK)              | 530 (DER)         |
 * | secp256r1  | 42       | 1 / 132          | 84 / 135         | 127    | 150 (`createECDH`)     | 320 (key objects) |
 * | secp384r1  | 748      | 1 / 126          | 453 / 139        | 1182   | 1910 (JWK out, DER in) | 2520 (ECDH)       |
 * | secp521r1  | 1663     | 1 / 124          | 961 / 134        | 2594   | 4020 (JWK out, DER in) | 5190 (ECDH)       |
 *
 * Importing a point as JWK checks its order, as `diffieHellman` does again; `createECDH` checks our own key at every derivation.
 * Both are dear where the curve has no fast code. Every way checks that the point is on the curve.
 *
 * Fresh public keys are encoded as JWK by the job that makes them. To export one as JWK afterwards can stop the process for good (seen on
 * Node 20.20): Node holds the key's lock while it allocates the text, and where the garbage collector then finds the job that made the key,
 * that one's end waits for the same lock. While the job runs it cannot be collected.
 */
import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  diffieHellman as derive,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { type Curve, curveParameters, groupCode } from '../algorithms.ts'
import { concatBytes } from '../bytes.ts'
import { encodeSubjectPublicKeyInfo } from '../key-encoding.ts'
import {
  type DiffieHellmanGroup,
  diffieHellman,
  type EphemeralKey,
  type KeyExchange,
  toKeyShare,
} from '../key-exchange.ts'
import type { KeyShare } from '../provider.ts'

export const nodeKeyExchanges: { readonly [G in DiffieHellmanGroup]: KeyExchange } = {
  [groupCode.x25519]: exchange(groupCode.x25519),
  [groupCode.x448]: exchange(groupCode.x448),
  [groupCode.secp256r1]: exchange(groupCode.secp256r1),
  [groupCode.secp384r1]: exchange(groupCode.secp384r1),
  [groupCode.secp521r1]: exchange(groupCode.secp521r1),
}

/** A key share with a given private key (of the group's exact length), for published traces and test vectors. */
export function nodeKeyShareFrom(group: DiffieHellmanGroup, privateKey: Uint8Array): KeyShare {
  return toKeyShare(group, ephemeralKey(group, privateKey))
}

function exchange(group: DiffieHellmanGroup): KeyExchange {
  return diffieHellman(group, () => ephemeralKey(group, undefined))
}

/** With a fresh private key, or the one given. */
function ephemeralKey(group: DiffieHellmanGroup, given: Uint8Array | undefined): EphemeralKey {
  switch (group) {
    case groupCode.x25519:
      return montgomeryKey('X25519', given === undefined ? generatePair('x25519') : importPair(0x6e, given))
    case groupCode.x448:
      return montgomeryKey('X448', given === undefined ? generatePair('x448') : importPair(0x6f, given))
    case groupCode.secp256r1:
      return ecdhKey('prime256v1', given)
    case groupCode.secp384r1:
      return curveKey('secp384r1', given)
    case groupCode.secp521r1:
      return curveKey('secp521r1', given)
  }
}

interface OwnPair {
  readonly privateKey: KeyObject
  readonly publicKey: JsonWebKey
}

function montgomeryKey(crv: 'X25519' | 'X448', { privateKey, publicKey }: OwnPair): EphemeralKey {
  return {
    publicKey: bytesOf(publicKey.x),
    derive: (peerShare) =>
      deriveOrRefuse(privateKey, () =>
        createPublicKey({ key: { kty: 'OKP', crv, x: base64url(peerShare) }, format: 'jwk' }),
      ),
  }
}

function ecdhKey(name: 'prime256v1', given: Uint8Array | undefined): EphemeralKey {
  const key = createECDH(name)
  if (given !== undefined) key.setPrivateKey(given)
  return {
    publicKey: given === undefined ? key.generateKeys() : key.getPublicKey(),
    derive(peerShare) {
      try {
        return key.computeSecret(peerShare)
      } catch {
        return undefined
      }
    },
  }
}

function curveKey(curve: Exclude<Curve, 'secp256r1'>, given: Uint8Array | undefined): EphemeralKey {
  const pair = given === undefined ? generatePair('ec', { namedCurve: curve }) : importCurvePair(curve, given)
  const { x, y } = pair.publicKey
  return {
    publicKey: concatBytes([Uint8Array.of(4), bytesOf(x), bytesOf(y)]),
    derive: (peerShare) => deriveOrRefuse(pair.privateKey, () => importPoint(curve, peerShare)),
  }
}

function generatePair(type: 'x25519' | 'x448' | 'ec', options: { readonly namedCurve?: string } = {}): OwnPair {
  // The types want both keys encoded, or neither.
  const generate = generateKeyPairSync as unknown as (type: string, options: object) => OwnPair
  return generate(type, { ...options, publicKeyEncoding: { format: 'jwk' } })
}

/** PKCS#8 of RFC 8410 around the key: the last byte of the object identifier 1.3.101.x tells the curves apart. */
function importPair(lastArc: number, given: Uint8Array): OwnPair {
  const n = given.length
  const head = Uint8Array.of(0x30, 14 + n, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, lastArc, 4, 2 + n, 4, n)
  const key = Buffer.from(concatBytes([head, given]))
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  return { privateKey, publicKey: createPublicKey(privateKey).export({ format: 'jwk' }) }
}

function importCurvePair(curve: Exclude<Curve, 'secp256r1'>, given: Uint8Array): OwnPair {
  const key = createECDH(curve)
  key.setPrivateKey(given)
  const point = key.getPublicKey()
  const { fieldLength } = curveParameters[curve]
  const jwk = {
    kty: 'EC',
    crv: curve === 'secp384r1' ? 'P-384' : 'P-521',
    d: base64url(given),
    x: base64url(point.subarray(1, 1 + fieldLength)),
    y: base64url(point.subarray(1 + fieldLength)),
  }
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' })
  return { privateKey, publicKey: createPublicKey(privateKey).export({ format: 'jwk' }) }
}

function importPoint(curve: Curve, point: Uint8Array): KeyObject {
  const key = Buffer.from(encodeSubjectPublicKeyInfo({ type: 'ec', curve }, point))
  return createPublicKey({ key, format: 'der', type: 'spki' })
}

/** OpenSSL refuses points off the curve at import, and all-zero secrets of x25519 and x448 at derivation. */
function deriveOrRefuse(privateKey: KeyObject, importPeer: () => KeyObject): Uint8Array | undefined {
  try {
    return derive({ privateKey, publicKey: importPeer() })
  } catch {
    return undefined
  }
}

function bytesOf(coordinate: string | undefined): Uint8Array {
  return Buffer.from(coordinate ?? '', 'base64url')
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
}
