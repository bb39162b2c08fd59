import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { groupCode } from '#polytls/crypto/algorithms.js'
import type { DiffieHellmanGroup } from '#polytls/crypto/key-exchange.js'
import { nobleMlKem768 } from '#polytls/crypto/noble/ml-kem.js'
import { nodeMlKem768 } from '#polytls/crypto/node/ml-kem.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import type { CryptoProvider } from '#polytls/crypto/provider.js'
import { bytesOfHex, hexOf, nobleUnderTest, nodeUnderTest, providersUnderTest } from './providers.ts'

/** Bytes of: the share that comes first, the answer, the secret. RFC 9846, Section 4.2.8.2; draft-ietf-tls-ecdhe-mlkem. */
const lengths = {
  [groupCode.X25519MLKEM768]: [1216, 1120, 64],
  [groupCode.x25519]: [32, 32, 32],
  [groupCode.x448]: [56, 56, 56],
  [groupCode.secp256r1]: [65, 65, 32],
  [groupCode.secp384r1]: [97, 97, 48],
  [groupCode.secp521r1]: [133, 133, 66],
} as const
const groups = Object.values(groupCode)
const nistGroups = [groupCode.secp256r1, groupCode.secp384r1, groupCode.secp521r1] as const

for (const [name, group] of Object.entries(groupCode)) {
  test(`${name}: every provider agrees with every other, in both roles`, () => {
    for (const first of providersUnderTest) {
      for (const second of providersUnderTest) {
        const share = first.crypto.generateKeyShare(group)
        const answer = second.crypto.acceptKeyShare(group, share.publicKey)
        assert.ok(answer)
        const secret = share.agree(answer.publicKey)
        assert.ok(secret)
        assert.equal(hexOf(secret), hexOf(answer.sharedSecret))
        assert.deepEqual([share.publicKey.length, answer.publicKey.length, secret.length], [...lengths[group]])
        assert.equal(share.group, group)
      }
    }
  })
}

for (const { crypto, keyShareFrom } of providersUnderTest) {
  describe(`key agreement, ${crypto.name}`, () => {
    test('shares of a wrong length are refused, in both roles', () => {
      for (const group of groups) {
        const share = crypto.generateKeyShare(group).publicKey
        for (const wrong of [new Uint8Array(0), share.subarray(1), Buffer.concat([share, Uint8Array.of(0)])]) {
          assert.equal(crypto.acceptKeyShare(group, wrong), undefined)
          assert.equal(crypto.generateKeyShare(group).agree(wrong), undefined)
        }
      }
    })

    test('points off the curve, at infinity, compressed and hybrid are refused', () => {
      for (const group of nistGroups) {
        const share = crypto.generateKeyShare(group).publicKey
        const half = (share.length - 1) / 2
        const odd = ((share.at(-1) ?? 0) & 1) === 1
        const off = Uint8Array.from(share)
        off[off.length - 1] = (off.at(-1) ?? 0) ^ 1
        const compressed = Uint8Array.of(odd ? 3 : 2, ...share.subarray(1, 1 + half))
        const hybrid = Uint8Array.of(odd ? 7 : 6, ...share.subarray(1))
        const large = new Uint8Array(share.length).fill(0xff)
        large[0] = 4
        const origin = new Uint8Array(share.length)
        origin[0] = 4
        for (const wrong of [off, compressed, hybrid, large, origin, Uint8Array.of(0), new Uint8Array(share.length)]) {
          assert.equal(crypto.acceptKeyShare(group, wrong), undefined)
          assert.equal(crypto.generateKeyShare(group).agree(wrong), undefined)
        }
      }
    })

    test('points of small order, which give an all-zero secret, are refused', () => {
      const small = {
        [groupCode.x25519]: [
          '00'.repeat(32),
          `01${'00'.repeat(31)}`,
          'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
          '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
          `ec${'ff'.repeat(30)}7f`,
          `ed${'ff'.repeat(30)}7f`,
          `ee${'ff'.repeat(30)}7f`,
        ],
        [groupCode.x448]: ['00'.repeat(56), `01${'00'.repeat(55)}`, `fe${'ff'.repeat(27)}fe${'ff'.repeat(27)}`],
      } as const
      for (const [group, points] of Object.entries(small)) {
        for (const point of points) {
          assert.equal(crypto.acceptKeyShare(Number(group), bytesOfHex(point)), undefined, point)
          assert.equal(crypto.generateKeyShare(Number(group)).agree(bytesOfHex(point)), undefined, point)
        }
      }
    })

    test('the hybrid refuses an encapsulation key with a coefficient out of range, and a bad x25519 part', () => {
      const share = crypto.generateKeyShare(groupCode.X25519MLKEM768)
      const outOfRange = Uint8Array.from(share.publicKey)
      outOfRange.fill(0xff, 0, 3)
      assert.equal(crypto.acceptKeyShare(groupCode.X25519MLKEM768, outOfRange), undefined)
      const smallOrder = Uint8Array.from(share.publicKey)
      smallOrder.fill(0, 1184)
      assert.equal(crypto.acceptKeyShare(groupCode.X25519MLKEM768, smallOrder), undefined)
      const answer = crypto.acceptKeyShare(groupCode.X25519MLKEM768, share.publicKey)
      assert.ok(answer)
      assert.equal(share.agree(Uint8Array.from(answer.publicKey).fill(0, 1088)), undefined)
    })

    test('a forged ciphertext gives another secret and no error, as FIPS 203 wants it', () => {
      const share = crypto.generateKeyShare(groupCode.X25519MLKEM768)
      const answer = crypto.acceptKeyShare(groupCode.X25519MLKEM768, share.publicKey)
      assert.ok(answer)
      const forged = Uint8Array.from(answer.publicKey)
      forged[0] = (forged[0] ?? 0) ^ 1
      const secret = share.agree(forged)
      assert.ok(secret)
      assert.notEqual(hexOf(secret.subarray(0, 32)), hexOf(answer.sharedSecret.subarray(0, 32)))
      assert.equal(hexOf(secret.subarray(32)), hexOf(answer.sharedSecret.subarray(32)))
    })

    test('a private key serves once, even if the first share was bad', () => {
      for (const group of groups) {
        const share = crypto.generateKeyShare(group)
        share.agree(new Uint8Array(1))
        assert.throws(() => share.agree(share.publicKey), RangeError)
      }
    })

    test('an unknown group is our own mistake', () => {
      assert.throws(() => crypto.generateKeyShare(0x1234), RangeError)
      assert.throws(() => crypto.acceptKeyShare(0x1234, new Uint8Array(32)), RangeError)
    })

    test('x25519 with a given key: RFC 7748, Section 6.1', () => {
      const alice = keyShareFrom(groupCode.x25519, bytesOfHex(rfc7748.a))
      assert.equal(hexOf(alice.publicKey), rfc7748.A)
      assert.equal(hexOf(alice.agree(bytesOfHex(rfc7748.B)) ?? new Uint8Array(0)), rfc7748.K)
    })
  })
}

/** RFC 7748, Section 6.1. */
const rfc7748 = {
  a: '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
  A: '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
  B: 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  K: '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
}

test('given private keys give the same shares and secrets with both providers', () => {
  const dhGroups = groups.filter((group): group is DiffieHellmanGroup => group !== groupCode.X25519MLKEM768)
  for (const group of dhGroups) {
    const secret = Uint8Array.from({ length: lengths[group][2] }, (_, i) => (i === 0 ? 0 : 3 * i))
    const peer = nodeUnderTest.crypto.generateKeyShare(group).publicKey
    const [byNode, byNoble] = [nodeUnderTest, nobleUnderTest].map(({ keyShareFrom }) => {
      const share = keyShareFrom(group, secret)
      return [hexOf(share.publicKey), hexOf(share.agree(peer) ?? new Uint8Array(0))]
    })
    assert.deepEqual(byNode, byNoble)
    assert.equal(byNode?.[1]?.length, 2 * lengths[group][2])
  }
})

test('the hybrid secret is ML-KEM then x25519, and its shares have the same order', () => {
  const crypto = createNodeCrypto({ mlKem768: nobleMlKem768 })
  const kem = nobleMlKem768.generate()
  const curve = crypto.generateKeyShare(groupCode.x25519)
  const answer = crypto.acceptKeyShare(groupCode.X25519MLKEM768, Buffer.concat([kem.encapsulationKey, curve.publicKey]))
  assert.ok(answer)
  const first = kem.decapsulate(answer.publicKey.subarray(0, 1088))
  const second = curve.agree(answer.publicKey.subarray(1088))
  assert.ok(first && second)
  assert.equal(hexOf(answer.sharedSecret), hexOf(first) + hexOf(second))
})

test('without ML-KEM of its own or given, the node provider does not offer the hybrid', () => {
  const plain: CryptoProvider = createNodeCrypto()
  const native = nodeMlKem768() !== undefined
  assert.equal(plain.capabilities.groups.includes(groupCode.X25519MLKEM768), native)
  if (!native) assert.throws(() => plain.generateKeyShare(groupCode.X25519MLKEM768), RangeError)
})
