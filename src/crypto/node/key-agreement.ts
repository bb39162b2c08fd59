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
 */
import { createECDH, createPublicKey, diffieHellman as derive, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type Curve, groupCode } from '../algorithms.ts'
import { concatBytes } from '../bytes.ts'
import { encodeSubjectPublicKeyInfo } from '../key-encoding.ts'
import { type DiffieHellmanGroup, diffieHellman, type EphemeralKey, type KeyExchange } from '../key-exchange.ts'

export const nodeKeyExchanges: { readonly [G in DiffieHellmanGroup]: KeyExchange } = {
  [groupCode.x25519]: diffieHellman(groupCode.x25519, () => montgomeryKey('X25519')),
  [groupCode.x448]: diffieHellman(groupCode.x448, () => montgomeryKey('X448')),
  [groupCode.secp256r1]: diffieHellman(groupCode.secp256r1, () => ecdhKey('prime256v1')),
  [groupCode.secp384r1]: diffieHellman(groupCode.secp384r1, () => curveKey('secp384r1')),
  [groupCode.secp521r1]: diffieHellman(groupCode.secp521r1, () => curveKey('secp521r1')),
}

function montgomeryKey(crv: 'X25519' | 'X448'): EphemeralKey {
  // The overloads of generateKeyPairSync want a literal each.
  const { privateKey, publicKey } = crv === 'X25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('x448')
  return {
    publicKey: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'),
    derive: (peerShare) =>
      deriveOrRefuse(privateKey, () =>
        createPublicKey({ key: { kty: 'OKP', crv, x: base64url(peerShare) }, format: 'jwk' }),
      ),
  }
}

function ecdhKey(name: 'prime256v1'): EphemeralKey {
  const key = createECDH(name)
  return {
    publicKey: key.generateKeys(),
    derive(peerShare) {
      try {
        return key.computeSecret(peerShare)
      } catch {
        return undefined
      }
    },
  }
}

function curveKey(curve: Exclude<Curve, 'secp256r1'>): EphemeralKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve })
  const { x, y } = publicKey.export({ format: 'jwk' })
  return {
    publicKey: concatBytes([Uint8Array.of(4), Buffer.from(x ?? '', 'base64url'), Buffer.from(y ?? '', 'base64url')]),
    derive: (peerShare) => deriveOrRefuse(privateKey, () => importPoint(curve, peerShare)),
  }
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

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
}
