import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { type HashAlgorithm, hashLength } from '#polytls/crypto/algorithms.js'
import { bytesOfHex, hexOf, nobleUnderTest, nodeUnderTest, providersUnderTest } from './providers.ts'

const algorithms = Object.keys(hashLength) as HashAlgorithm[]
const utf8 = (text: string) => new TextEncoder().encode(text)

for (const { crypto } of providersUnderTest) {
  describe(`hashes, ${crypto.name}`, () => {
    test('a digest does not end the hash, and a clone goes its own way', () => {
      const hash = crypto.createHash('sha256').update(utf8('a'))
      const before = hexOf(hash.digest())
      const clone = hash.clone().update(utf8('x'))
      hash.update(utf8('bc'))
      assert.equal(hexOf(hash.digest()), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
      assert.equal(before, 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb')
      assert.equal(hexOf(clone.digest()), hexOf(crypto.createHash('sha256').update(utf8('ax')).digest()))
      assert.equal(hash.algorithm, 'sha256')
    })

    test('HMAC takes its message in pieces: RFC 4231, test case 2', () => {
      const mac = crypto.hmac('sha256', utf8('Jefe'), utf8('what do ya '), utf8('want for nothing?'))
      assert.equal(hexOf(mac), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
    })

    test('HKDF: RFC 5869, test case 1, and its limits', () => {
      const key = crypto.hkdfExtract('sha256', bytesOfHex('000102030405060708090a0b0c'), new Uint8Array(22).fill(0x0b))
      const okm = crypto.hkdfExpand('sha256', key, bytesOfHex('f0f1f2f3f4f5f6f7f8f9'), 42)
      assert.equal(hexOf(okm), '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865')
      assert.equal(crypto.hkdfExpand('sha256', key, utf8(''), 0).length, 0)
      assert.equal(crypto.hkdfExpand('sha256', key, utf8(''), 255 * 32).length, 255 * 32)
      for (const length of [255 * 32 + 1, -1, 1.5]) {
        assert.throws(() => crypto.hkdfExpand('sha256', key, utf8(''), length), RangeError)
      }
    })

    test('comparing secrets: equal, different, of different lengths, empty', () => {
      assert.equal(crypto.timingSafeEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true)
      assert.equal(crypto.timingSafeEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 3)), false)
      assert.equal(crypto.timingSafeEqual(Uint8Array.of(1, 2), Uint8Array.of(1)), false)
      assert.equal(crypto.timingSafeEqual(new Uint8Array(0), new Uint8Array(0)), true)
    })

    test('a digest of pieces is that of all of them, be they none, one or several', () => {
      for (const algorithm of algorithms) {
        const hash = createHash(algorithm)
        assert.equal(hexOf(crypto.digest(algorithm)), hash.copy().digest('hex'))
        const pieces = [utf8('a'), utf8(''), new Uint8Array(5000).fill(7)]
        for (const piece of pieces) hash.update(piece)
        assert.equal(hexOf(crypto.digest(algorithm, ...pieces)), hash.digest('hex'))
        const [, , long = utf8('')] = pieces
        assert.equal(hexOf(crypto.digest(algorithm, long)), createHash(algorithm).update(long).digest('hex'))
      }
    })
  })
}

for (const algorithm of algorithms) {
  test(`an HMAC of ${algorithm} is that of node:crypto, whatever the lengths of key and message, and however that is cut`, () => {
    const { crypto } = nodeUnderTest
    for (const keyLength of [0, 1, 32, 63, 64, 65, 127, 128, 129, 300]) {
      const key = crypto.random(keyLength)
      const before = hexOf(key)
      for (let length = 0; length < 600; length += 7) {
        const message = crypto.random(length)
        const expected = createHmac(algorithm, key).update(message).digest('hex')
        const cut = Math.floor(length / 3)
        assert.equal(hexOf(crypto.hmac(algorithm, key, message)), expected)
        assert.equal(hexOf(crypto.hmac(algorithm, key, message.subarray(0, cut), message.subarray(cut))), expected)
      }
      assert.equal(hexOf(crypto.hmac(algorithm, key)), createHmac(algorithm, key).digest('hex'))
      assert.equal(hexOf(key), before)
    }
  })
}

test('both providers hash, authenticate and expand alike', () => {
  const key = nodeUnderTest.crypto.random(40)
  for (const algorithm of algorithms) {
    for (const length of [0, 63, 64, 127, 128, 1000]) {
      const data = nodeUnderTest.crypto.random(length)
      const [byNode, byNoble] = [nodeUnderTest, nobleUnderTest].map(({ crypto }) => [
        hexOf(crypto.createHash(algorithm).update(data).digest()),
        hexOf(crypto.hmac(algorithm, key, data)),
        hexOf(crypto.hkdfExtract(algorithm, new Uint8Array(0), data)),
        hexOf(crypto.hkdfExpand(algorithm, key, data, 100)),
      ])
      assert.deepEqual(byNode, byNoble)
      assert.equal(byNode?.[0]?.length, 2 * hashLength[algorithm])
    }
  }
})
