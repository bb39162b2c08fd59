/**
 * Key agreement with @noble/curves, which checks that points are on their curve and that secrets are not all zero. BigInt arithmetic
 * is not strictly constant-time; noble masks what it can, and the keys here live for one handshake.
 *
 * Deriving takes 1.2 ms for x25519, 4.7 ms for x448, 4.3 ms for secp256r1, 6.1 ms for secp384r1, 11.7 ms for secp521r1 (Node 20.20, x64).
 */

import { x448 } from '@noble/curves/ed448.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { type Curve, curveParameters, groupCode } from '../algorithms.ts'
import { wipe } from '../bytes.ts'
import {
  type DiffieHellmanGroup,
  diffieHellman,
  type EphemeralKey,
  type KeyExchange,
  toKeyShare,
} from '../key-exchange.ts'
import type { KeyShare } from '../provider.ts'

export const nobleKeyExchanges: { readonly [G in DiffieHellmanGroup]: KeyExchange } = {
  [groupCode.x25519]: exchange(groupCode.x25519),
  [groupCode.x448]: exchange(groupCode.x448),
  [groupCode.secp256r1]: exchange(groupCode.secp256r1),
  [groupCode.secp384r1]: exchange(groupCode.secp384r1),
  [groupCode.secp521r1]: exchange(groupCode.secp521r1),
}

/** A key share with a given private key, for published traces and test vectors. */
export function nobleKeyShareFrom(group: DiffieHellmanGroup, privateKey: Uint8Array): KeyShare {
  return toKeyShare(group, ephemeralKey(group, Uint8Array.from(privateKey)))
}

function exchange(group: DiffieHellmanGroup): KeyExchange {
  return diffieHellman(group, () => ephemeralKey(group, algorithms[group].utils.randomSecretKey()))
}

/** Owns `secret`. */
function ephemeralKey(group: DiffieHellmanGroup, secret: Uint8Array): EphemeralKey {
  const algorithm = algorithms[group]
  return {
    publicKey: algorithm.publicKeyOf(secret),
    derive(peerShare) {
      try {
        return algorithm.derive(secret, peerShare)
      } catch {
        return undefined
      } finally {
        wipe(secret)
      }
    },
  }
}

interface Algorithm {
  readonly utils: { randomSecretKey(): Uint8Array }
  publicKeyOf(secret: Uint8Array): Uint8Array
  derive(secret: Uint8Array, peerShare: Uint8Array): Uint8Array
}

const algorithms: { readonly [G in DiffieHellmanGroup]: Algorithm } = {
  [groupCode.x25519]: montgomery(x25519),
  [groupCode.x448]: montgomery(x448),
  [groupCode.secp256r1]: weierstrass('secp256r1', p256),
  [groupCode.secp384r1]: weierstrass('secp384r1', p384),
  [groupCode.secp521r1]: weierstrass('secp521r1', p521),
}

function montgomery(curve: typeof x25519): Algorithm {
  return { utils: curve.utils, publicKeyOf: curve.getPublicKey, derive: curve.getSharedSecret }
}

/** The secret is the point's x coordinate at its full length: RFC 9846, Section 7.4.2. */
function weierstrass(name: Curve, curve: typeof p256): Algorithm {
  const { fieldLength } = curveParameters[name]
  return {
    utils: curve.utils,
    publicKeyOf: (secret) => curve.getPublicKey(secret, false),
    derive: (secret, peerShare) => curve.getSharedSecret(secret, peerShare, false).slice(1, 1 + fieldLength),
  }
}
