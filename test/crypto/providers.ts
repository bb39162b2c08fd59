/** The providers under test, with the doors that vectors and traces need: private keys given from outside. */
import * as crypto from 'node:crypto'
import type { DiffieHellmanGroup } from '#polytls/crypto/key-exchange.js'
import { nobleKeyShareFrom } from '#polytls/crypto/noble/key-agreement.js'
import { decapsulateMlKem768, nobleMlKem768 } from '#polytls/crypto/noble/ml-kem.js'
import { createNobleCrypto } from '#polytls/crypto/noble/provider.js'
import { nodeKeyShareFrom } from '#polytls/crypto/node/key-agreement.js'
import { nodeMlKem768 } from '#polytls/crypto/node/ml-kem.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import type { CryptoProvider, KeyShare } from '#polytls/crypto/provider.js'

export interface ProviderUnderTest {
  readonly crypto: CryptoProvider
  keyShareFrom(group: DiffieHellmanGroup, privateKey: Uint8Array): KeyShare
  /** With a decapsulation key in FIPS 203's expanded form. */
  decapsulate(decapsulationKey: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined
  /** Whether its ML-KEM is that of @noble/post-quantum, given to it by the caller. */
  readonly borrowsMlKem: boolean
}

export const nodeUnderTest: ProviderUnderTest = {
  crypto: createNodeCrypto({ mlKem768: nobleMlKem768 }),
  keyShareFrom: nodeKeyShareFrom,
  decapsulate: nodeMlKem768() === undefined ? decapsulateMlKem768 : decapsulateWithNode,
  borrowsMlKem: nodeMlKem768() === undefined,
}

export const nobleUnderTest: ProviderUnderTest = {
  crypto: createNobleCrypto(),
  keyShareFrom: nobleKeyShareFrom,
  decapsulate: decapsulateMlKem768,
  borrowsMlKem: false,
}

export const providersUnderTest: readonly ProviderUnderTest[] = [nodeUnderTest, nobleUnderTest]

export function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** node:crypto takes the expanded key inside PKCS#8: draft-ietf-lamps-kyber-certificates. */
function decapsulateWithNode(decapsulationKey: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
  const length = (n: number) => Buffer.from([0x82, n >> 8, n & 0xff])
  const inner = Buffer.concat([Buffer.of(4), length(decapsulationKey.length), decapsulationKey])
  const body = Buffer.concat([
    bytesOfHex('020100300b0609608648016503040402'),
    Buffer.of(4),
    length(inner.length),
    inner,
  ])
  const der = Buffer.concat([Buffer.of(0x30), length(body.length), body])
  const { decapsulate } = crypto as unknown as {
    decapsulate(key: crypto.KeyObject, ciphertext: Uint8Array): Uint8Array
  }
  try {
    return decapsulate(crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }), ciphertext)
  } catch {
    return undefined
  }
}
