import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type AeadAlgorithm, aeadParameters } from '#polytls/crypto/algorithms.js'
import { nobleUnderTest, nodeUnderTest, providersUnderTest } from './providers.ts'

const algorithms = Object.keys(aeadParameters) as AeadAlgorithm[]
const nonce = Uint8Array.from({ length: 12 }, (_, i) => i)
const additionalData = Uint8Array.of(23, 3, 3, 0, 64)

for (const algorithm of algorithms) {
  const { keyLength, tagLength } = aeadParameters[algorithm]
  const key = Uint8Array.from({ length: keyLength }, (_, i) => 7 * i)

  test(`${algorithm}: what one provider seals, the other seals alike and opens`, () => {
    for (const length of [0, 1, 15, 16, 17, 255, 256, 4099, 16384]) {
      const plaintext = nodeUnderTest.crypto.random(length)
      const pieces = [plaintext.subarray(0, length >> 1), plaintext.subarray(length >> 1), Uint8Array.of(23)]
      const sealed = providersUnderTest.map(({ crypto }) => {
        const target = new Uint8Array(3 + length + 1 + tagLength)
        const written = crypto.createAead(algorithm, key).seal(nonce, additionalData, pieces, target, 3)
        assert.equal(written, length + 1 + tagLength)
        return target.subarray(3)
      })
      const [byNode, byNoble] = sealed as [Uint8Array, Uint8Array]
      assert.deepEqual(Buffer.from(byNode), Buffer.from(byNoble))
      const openedByNode = nodeUnderTest.crypto.createAead(algorithm, key).open(nonce, additionalData, byNoble)
      const openedByNoble = nobleUnderTest.crypto.createAead(algorithm, key).open(nonce, additionalData, byNode)
      const expected = Buffer.concat([plaintext, Uint8Array.of(23)])
      assert.deepEqual(Buffer.from(openedByNode ?? []), expected)
      assert.deepEqual(Buffer.from(openedByNoble ?? []), expected)
    }
  })

  for (const { crypto } of providersUnderTest) {
    describe(`${algorithm}, ${crypto.name}`, () => {
      const aead = crypto.createAead(algorithm, key)
      const seal = () => {
        const target = new Uint8Array(40 + tagLength)
        aead.seal(nonce, additionalData, [new Uint8Array(40).fill(1)], target, 0)
        return target
      }

      test('refuses a change of any byte, of the nonce and of the additional data', () => {
        for (let i = 0; i < 40 + tagLength; i++) {
          const forged = seal()
          forged[i] = (forged[i] ?? 0) ^ 1
          assert.equal(aead.open(nonce, additionalData, forged), undefined)
        }
        assert.equal(
          aead.open(
            nonce.map((byte) => byte ^ 1),
            additionalData,
            seal(),
          ),
          undefined,
        )
        assert.equal(aead.open(nonce, additionalData.subarray(1), seal()), undefined)
      })

      test('seals and opens alike for as long as it has the key, and not at all without', () => {
        const lasting = crypto.createAead(algorithm, key)
        const target = new Uint8Array(40 + tagLength)
        const once = (): void => {
          lasting.seal(nonce, additionalData, [new Uint8Array(40).fill(1)], target, 0)
        }
        for (let record = 0; record < 10; record++) {
          target.fill(0)
          once()
          assert.deepEqual(target, seal())
          assert.equal(lasting.open(nonce, additionalData, target)?.length, 40)
        }
        lasting.wipe()
        lasting.wipe()
        assert.throws(once, RangeError)
        assert.throws(() => lasting.open(nonce, additionalData, target), RangeError)
        // Neither the one that was given nor another is touched by it.
        assert.equal(aead.open(nonce, additionalData, target)?.length, 40)
        const short = crypto.createAead(algorithm, key)
        short.wipe()
        assert.throws(() => short.open(nonce, additionalData, target), RangeError)
      })

      test('refuses what is cut short, down to nothing', () => {
        const sealed = seal()
        for (let length = 0; length < sealed.length; length++) {
          assert.equal(aead.open(nonce, additionalData, sealed.subarray(0, length)), undefined)
        }
      })

      test('may be used again after a forgery, and keeps its key when the caller wipes his', () => {
        const own = key.slice()
        const kept = crypto.createAead(algorithm, own)
        own.fill(0)
        assert.equal(kept.open(nonce, additionalData, new Uint8Array(60)), undefined)
        assert.deepEqual(Buffer.from(kept.open(nonce, additionalData, seal()) ?? []), Buffer.alloc(40, 1))
      })

      test('writes nothing outside its place', () => {
        const target = new Uint8Array(8 + 5 + tagLength + 8).fill(0xee)
        aead.seal(nonce, additionalData, [Uint8Array.of(1, 2), Uint8Array.of(3, 4, 5)], target, 8)
        assert.deepEqual(Buffer.from(target.subarray(0, 8)), Buffer.alloc(8, 0xee))
        assert.deepEqual(Buffer.from(target.subarray(13 + tagLength)), Buffer.alloc(8, 0xee))
      })

      test('throws RangeError for our own mistakes', () => {
        assert.throws(() => crypto.createAead(algorithm, key.subarray(1)), RangeError)
        assert.throws(() => aead.open(new Uint8Array(11), additionalData, seal()), RangeError)
        assert.throws(() => aead.seal(new Uint8Array(13), additionalData, [], new Uint8Array(99), 0), RangeError)
        assert.throws(
          () => aead.seal(nonce, additionalData, [key], new Uint8Array(keyLength + tagLength), 1),
          RangeError,
        )
      })
    })
  }
}
