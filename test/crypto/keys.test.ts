import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, test } from 'node:test'
import { schemeParameters } from '#polytls/crypto/algorithms.js'
import type { KeyImport } from '#polytls/crypto/provider.js'
import { keyPairs } from './key-pairs.ts'
import { bytesOfHex, hexOf, nobleUnderTest, nodeUnderTest, providersUnderTest } from './providers.ts'

type KeyName = keyof typeof keyPairs
const keyNames = Object.keys(keyPairs) as KeyName[]
const spki = (name: KeyName) => derOf(keyPairs[name].publicKey, 'spki')
const pkcs8 = (name: KeyName) => derOf(keyPairs[name].privateKey, 'pkcs8')
const message = new TextEncoder().encode('what is signed')

describe('signatures across the providers', () => {
  for (const [code, scheme] of schemeParameters) {
    const keyName = scheme.keyType === 'ec' ? scheme.curve : scheme.keyType
    test(scheme.name, () => {
      const signers = providersUnderTest.filter(({ crypto }) =>
        crypto.capabilities.signatureSchemes.sign.includes(code),
      )
      assert.deepEqual(
        signers.map(({ crypto }) => crypto.name),
        keyName.startsWith('rsa') ? ['node'] : ['node', 'noble'],
      )
      for (const signer of signers) {
        const key = present(signer.crypto.importSigningKey(pkcs8(keyName)))
        const signature = signer.crypto.sign(code, key, message)
        for (const { crypto } of providersUnderTest) {
          const publicKey = present(crypto.importPublicKey(spki(keyName)))
          assert.equal(crypto.verify(code, publicKey, message, signature), true)
          assert.equal(crypto.verify(code, publicKey, message.subarray(1), signature), false)
          assert.equal(crypto.verify(code, publicKey, message, signature.subarray(1)), false)
          assert.equal(crypto.verify(code, publicKey, message, Buffer.concat([signature, Uint8Array.of(0)])), false)
          assert.equal(crypto.verify(code, publicKey, message, new Uint8Array(0)), false)
          for (const other of schemeParameters.keys()) {
            if (other !== code) assert.equal(crypto.verify(other, publicKey, message, signature), false)
          }
          for (const otherName of keyNames) {
            if (otherName === keyName) continue
            const otherKey = present(crypto.importPublicKey(spki(otherName)))
            assert.equal(crypto.verify(code, otherKey, message, signature), false)
          }
        }
      }
    })
  }

  test('X.509 takes any curve with any hash; TLS 1.3 does not', () => {
    for (const signer of providersUnderTest) {
      const key = present(signer.crypto.importSigningKey(pkcs8('secp384r1')))
      for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
        const signature = signer.crypto.signWith({ type: 'ecdsa', hash }, key, message)
        for (const { crypto } of providersUnderTest) {
          const publicKey = present(crypto.importPublicKey(spki('secp384r1')))
          assert.equal(crypto.verifyWith({ type: 'ecdsa', hash }, publicKey, message, signature), true)
          assert.equal(crypto.verify(0x0403, publicKey, message, signature), false)
          assert.equal(crypto.verify(0x0503, publicKey, message, signature), hash === 'sha384')
        }
      }
    }
  })

  test('RSA-PSS: the salt length and the mask hash are part of the algorithm', () => {
    const { crypto: node } = nodeUnderTest
    const key = present(node.importSigningKey(pkcs8('rsa')))
    const plain = { type: 'rsa-pss', hash: 'sha256', mgfHash: 'sha256', saltLength: 20 } as const
    const signature = node.signWith(plain, key, message)
    for (const { crypto } of providersUnderTest) {
      const publicKey = present(crypto.importPublicKey(spki('rsa')))
      assert.equal(crypto.verifyWith(plain, publicKey, message, signature), true)
      assert.equal(crypto.verifyWith({ ...plain, saltLength: 32 }, publicKey, message, signature), false)
      assert.equal(crypto.verifyWith({ ...plain, saltLength: 19 }, publicKey, message, signature), false)
      assert.equal(crypto.verifyWith({ ...plain, mgfHash: 'sha384' }, publicKey, message, signature), false)
      assert.equal(crypto.verifyWith({ ...plain, saltLength: 999 }, publicKey, message, signature), false)
    }
    assert.throws(() => node.signWith({ ...plain, mgfHash: 'sha384' }, key, message), RangeError)
  })

  test('an RSA-PSS key that is restricted verifies within its restriction only', () => {
    const restricted = generateKeyPairSync('rsa-pss', {
      modulusLength: 2048,
      hashAlgorithm: 'sha384',
      mgf1HashAlgorithm: 'sha384',
      // The types of Node 20 have it as a string; Node itself wants a number.
      saltLength: 48 as unknown as string,
    })
    const { crypto: node } = nodeUnderTest
    const key = present(node.importSigningKey(derOf(restricted.privateKey, 'pkcs8')))
    assert.deepEqual(key.schemes, [0x080a])
    const signature = node.sign(0x080a, key, message)
    for (const { crypto } of providersUnderTest) {
      const publicKey = present(crypto.importPublicKey(derOf(restricted.publicKey, 'spki')))
      assert.deepEqual(publicKey.algorithm, {
        type: 'rsa-pss',
        bits: 2048,
        restriction: { hash: 'sha384', mgfHash: 'sha384', minimumSaltLength: 48 },
      })
      assert.equal(crypto.verify(0x080a, publicKey, message, signature), true)
      assert.equal(crypto.verify(0x0809, publicKey, message, signature), false)
      const shortSalt = { type: 'rsa-pss', hash: 'sha384', mgfHash: 'sha384', saltLength: 47 } as const
      assert.equal(crypto.verifyWith(shortSalt, publicKey, message, signature), false)
    }
  })

  test('an RSA signature without its leading zero byte is refused', () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const key = present(nodeUnderTest.crypto.importSigningKey(derOf(pair.privateKey, 'pkcs8')))
    for (const code of [0x0804, 0x0401]) {
      let signed = message
      let signature = nodeUnderTest.crypto.sign(code, key, signed)
      for (let i = 0; signature[0] !== 0 && i < 10_000; i++) {
        signed = new TextEncoder().encode(`message ${i}`)
        signature = nodeUnderTest.crypto.sign(code, key, signed)
      }
      assert.equal(signature[0], 0)
      for (const { crypto } of providersUnderTest) {
        const publicKey = present(crypto.importPublicKey(derOf(pair.publicKey, 'spki')))
        assert.equal(crypto.verify(code, publicKey, signed, signature), true)
        assert.equal(crypto.verify(code, publicKey, signed, signature.subarray(1)), false)
      }
    }
  })

  test('RSA-PSS with another hash for the mask verifies with both', () => {
    const pair = generateKeyPairSync('rsa-pss', {
      modulusLength: 2048,
      hashAlgorithm: 'sha256',
      mgf1HashAlgorithm: 'sha384',
      saltLength: 32 as unknown as string,
    })
    const signature = sign('sha256', message, pair.privateKey)
    const algorithm = { type: 'rsa-pss', hash: 'sha256', mgfHash: 'sha384', saltLength: 32 } as const
    for (const { crypto } of providersUnderTest) {
      const publicKey = present(crypto.importPublicKey(derOf(pair.publicKey, 'spki')))
      assert.equal(crypto.verifyWith(algorithm, publicKey, message, signature), true)
      assert.equal(crypto.verifyWith(algorithm, publicKey, message.subarray(1), signature), false)
      assert.equal(crypto.verifyWith({ ...algorithm, mgfHash: 'sha256' }, publicKey, message, signature), false)
      assert.equal(crypto.verify(0x0809, publicKey, message, signature), false)
    }
    const key = present(nodeUnderTest.crypto.importSigningKey(derOf(pair.privateKey, 'pkcs8')))
    assert.deepEqual(key.schemes, [])
  })

  test('RSA moduli whose length is not a multiple of eight verify with both', () => {
    for (const modulusLength of [1025, 1026, 1031, 1032]) {
      const pair = generateKeyPairSync('rsa', { modulusLength })
      const key = present(nodeUnderTest.crypto.importSigningKey(derOf(pair.privateKey, 'pkcs8')))
      for (const code of [0x0804, 0x0401]) {
        const signature = nodeUnderTest.crypto.sign(code, key, message)
        for (const { crypto } of providersUnderTest) {
          const publicKey = present(crypto.importPublicKey(derOf(pair.publicKey, 'spki')))
          assert.deepEqual(publicKey.algorithm, { type: 'rsa', bits: modulusLength })
          assert.equal(crypto.verify(code, publicKey, message, signature), true)
        }
      }
    }
  })
})

for (const { crypto } of providersUnderTest) {
  describe(`keys, ${crypto.name}`, () => {
    test('a signing key knows its public key, as the certificate would have it', () => {
      for (const name of keyNames) {
        const imported = crypto.importSigningKey(pkcs8(name))
        if (crypto.name === 'noble' && name.startsWith('rsa')) {
          assert.ok(imported.key === undefined && imported.fault === 'unsupported')
          continue
        }
        const key = present(imported)
        const publicKey = present(crypto.importPublicKey(spki(name)))
        assert.equal(hexOf(key.publicKey.subjectPublicKeyInfo), hexOf(spki(name)))
        assert.equal(hexOf(key.publicKey.subjectPublicKey), hexOf(publicKey.subjectPublicKey))
        assert.deepEqual(key.algorithm, publicKey.algorithm)
      }
    })

    test('SEC 1 and PKCS#1 are recognized', () => {
      for (const name of ['secp256r1', 'secp384r1', 'secp521r1'] as const) {
        const key = present(crypto.importSigningKey(derOf(keyPairs[name].privateKey, 'sec1')))
        assert.deepEqual(key.algorithm, { type: 'ec', curve: name })
      }
      const rsa = crypto.importSigningKey(derOf(keyPairs.rsa.privateKey, 'pkcs1'))
      assert.equal(
        rsa.key === undefined ? rsa.fault : rsa.key.algorithm.type,
        crypto.name === 'node' ? 'rsa' : 'unsupported',
      )
    })

    test('an encrypted private key is not supported', () => {
      const options = { type: 'pkcs8', format: 'der', cipher: 'aes-128-cbc', passphrase: 'secret' } as const
      const imported = crypto.importSigningKey(Uint8Array.from(keyPairs.ed25519.privateKey.export(options)))
      assert.ok(imported.key === undefined && imported.fault === 'unsupported')
    })

    test('keys cut short anywhere, with bytes after the end, or of noise, are malformed', () => {
      for (const name of keyNames) {
        for (const [bytes, importKey] of [
          [spki(name), crypto.importPublicKey],
          [pkcs8(name), crypto.importSigningKey],
        ] as const) {
          for (let length = 0; length < bytes.length; length += length < 80 ? 1 : 37) {
            const imported = importKey(bytes.subarray(0, length))
            assert.ok(imported.key === undefined && imported.fault === 'malformed', `${name}, ${length} bytes`)
            assert.ok(imported.reason.length > 0)
          }
          const longer = importKey(Uint8Array.from([...bytes, 0]))
          assert.ok(longer.key === undefined && longer.fault === 'malformed')
        }
      }
      for (let i = 0; i < 200; i++) {
        const noise = crypto.random(i)
        noise[0] = 0x30
        assert.equal(crypto.importPublicKey(noise).key, undefined)
        assert.equal(crypto.importSigningKey(noise).key, undefined)
      }
    })

    test('points off their curve, and compressed, are malformed', () => {
      for (const name of ['secp256r1', 'secp384r1', 'secp521r1'] as const) {
        const off = spki(name)
        off[off.length - 1] = (off.at(-1) ?? 0) ^ 1
        const imported = crypto.importPublicKey(off)
        assert.ok(imported.key === undefined && imported.fault === 'malformed')
      }
      const compressed = bytesOfHex(
        `3039301306072a8648ce3d020106082a8648ce3d030107032200036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296`,
      )
      const imported = crypto.importPublicKey(compressed)
      assert.ok(imported.key === undefined && imported.fault === 'malformed')
    })

    test('scalars of zero and of the order are malformed', () => {
      for (const scalar of ['00'.repeat(32), 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551']) {
        const imported = crypto.importSigningKey(bytesOfHex(`30310201010420${scalar}a00a06082a8648ce3d030107`))
        assert.ok(imported.key === undefined && imported.fault === 'malformed')
      }
    })

    test('RSA: bad exponents and moduli', () => {
      const modulus = `00${'c1'.repeat(128)}`
      const cases: readonly (readonly [
        modulus: string,
        exponent: string,
        fault: 'malformed' | 'unsupported' | undefined,
      ])[] = [
        [modulus, '03', undefined],
        [modulus, '010001', undefined],
        [modulus, '0100000001', undefined],
        [modulus, '01', 'malformed'],
        [modulus, '00', 'malformed'],
        [modulus, '010000', 'malformed'],
        [modulus, 'ff', 'malformed'],
        [modulus, '000003', 'malformed'],
        [modulus, '', 'malformed'],
        [modulus, '0200000001', 'unsupported'],
        [modulus, modulus, 'unsupported'],
        [`00${'c0'.repeat(128)}`, '03', 'malformed'],
        ['c1'.repeat(128), '03', 'malformed'],
        ['00', '03', 'unsupported'],
        [`7f${'c1'.repeat(60)}`, '03', 'unsupported'],
        [`00${'c1'.repeat(2049)}`, '03', 'unsupported'],
      ]
      for (const [n, e, fault] of cases) {
        const imported = crypto.importPublicKey(rsaInfo(n, e))
        assert.equal(imported.key === undefined ? imported.fault : undefined, fault, `${n.length / 2} bytes, ${e}`)
      }
    })

    test('RSA: a signature that is not below the modulus, or is zero or one, is refused', () => {
      const publicKey = present(crypto.importPublicKey(spki('rsa')))
      const all = new Uint8Array(256)
      for (const signature of [all, all.map((_, i) => (i === 255 ? 1 : 0)), all.map(() => 0xff)]) {
        for (const code of [0x0804, 0x0401]) {
          assert.equal(crypto.verify(code, publicKey, message, signature), false)
        }
      }
    })

    test('keys of algorithms that TLS does not sign with are unsupported', () => {
      for (const pair of [
        generateKeyPairSync('x25519'),
        generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
        generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }),
      ]) {
        const imported = crypto.importPublicKey(derOf(pair.publicKey, 'spki'))
        assert.ok(imported.key === undefined && imported.fault === 'unsupported')
        const signing = crypto.importSigningKey(derOf(pair.privateKey, 'pkcs8'))
        assert.ok(signing.key === undefined && signing.fault === 'unsupported')
      }
    })

    test('throws RangeError for our own mistakes', () => {
      const other = crypto === nodeUnderTest.crypto ? nobleUnderTest.crypto : nodeUnderTest.crypto
      const ours = present(crypto.importSigningKey(pkcs8('ed25519')))
      const theirs = present(other.importSigningKey(pkcs8('ed25519')))
      const theirPublicKey = present(other.importPublicKey(spki('ed25519')))
      assert.throws(() => crypto.sign(0x0807, theirs, message), RangeError)
      assert.throws(() => crypto.sign(0x0403, ours, message), RangeError)
      assert.throws(() => crypto.sign(0x9999, ours, message), RangeError)
      assert.throws(() => crypto.signWith({ type: 'ecdsa', hash: 'sha256' }, ours, message), RangeError)
      assert.throws(() => crypto.verify(0x0807, theirPublicKey, message, new Uint8Array(64)), RangeError)
    })

    test('an imported key does not change with the bytes it came from', () => {
      const bytes = spki('secp256r1')
      const key = present(crypto.importPublicKey(bytes))
      bytes.fill(0)
      assert.equal(hexOf(key.subjectPublicKeyInfo), hexOf(spki('secp256r1')))
    })
  })
}

function derOf(key: KeyObject, type: 'spki' | 'pkcs8' | 'pkcs1' | 'sec1'): Uint8Array {
  return Uint8Array.from(key.export({ type: type as 'pkcs1', format: 'der' }))
}

function present<Key extends object>(imported: KeyImport<Key>): Key {
  assert.ok(imported.key !== undefined, 'reason' in imported ? imported.reason : '')
  return imported.key
}

function rsaInfo(modulusHex: string, exponentHex: string): Uint8Array {
  const element = (tag: string, content: string) => {
    const n = content.length / 2
    const length = n < 128 ? n.toString(16).padStart(2, '0') : `82${n.toString(16).padStart(4, '0')}`
    return tag + (n >= 128 && n < 256 ? `81${n.toString(16)}` : length) + content
  }
  const numbers = element('30', element('02', modulusHex) + element('02', exponentHex))
  return bytesOfHex(element('30', `300d06092a864886f70d0101010500${element('03', `00${numbers}`)}`))
}
