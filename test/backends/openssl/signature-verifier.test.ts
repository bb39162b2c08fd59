import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Library, loadLibrary } from '#polytls/backends/openssl/library.js'
import { LibraryVerifier } from '#polytls/backends/openssl/signature-verifier.js'
import { type SignatureSchemeCode, schemeParameters } from '#polytls/crypto/algorithms.js'
import type { CryptoProvider, PublicKey } from '#polytls/crypto/provider.js'
import { keyPairs } from '../../crypto/key-pairs.ts'
import { nodeUnderTest } from '../../crypto/providers.ts'
import { runWycheproof } from '../../crypto/wycheproof.ts'

const { POLYTLS_VECTORS: directory } = process.env
const message = Buffer.from('what is signed')

const signatureFiles = [
  'ecdsa_secp256r1_sha256_test',
  'ecdsa_secp384r1_sha384_test',
  'ecdsa_secp521r1_sha512_test',
  'ed25519_test',
  'rsa_pss_2048_sha256_mgf1_32_test',
  'rsa_signature_2048_sha256_test',
] as const

for (const choice of ['embedded', 'system'] as const) {
  const library = loadLibrary(choice)
  if (!(library instanceof Library)) {
    it(`signatures with the ${choice} library`, { skip: `not available here: ${library.reason}` }, () => {})
    continue
  }
  describe(`signatures with the ${choice} library`, () => {
    const verifier = new LibraryVerifier(library)
    const node = nodeUnderTest.crypto

    for (const [code, scheme] of schemeParameters) {
      it(`${scheme.name}: verifies those of node:crypto, and nothing else`, () => {
        const { publicKey, privateKey } = keyPairs[scheme.keyType === 'ec' ? scheme.curve : scheme.keyType]
        const signer = node.importSigningKey(privateKey.export({ format: 'der', type: 'pkcs8' })).key
        assert.ok(signer)
        const signature = node.sign(code, signer, message)
        const verify = (key: PublicKey, text: Uint8Array, bytes: Uint8Array): boolean =>
          verifier.verifyWith(scheme.algorithm, key, text, bytes)
        const own = imported(verifier, publicKey.export({ format: 'der', type: 'spki' }))
        assert.equal(verify(own, message, signature), true)
        assert.equal(verify(own, message.subarray(1), signature), false)
        for (const bytes of [signature.subarray(1), Buffer.concat([signature, Buffer.of(0)]), Buffer.alloc(0)])
          assert.equal(verify(own, message, bytes), false)
        for (const other of Object.values(keyPairs)) {
          if (other.publicKey === publicKey) continue
          const key = imported(verifier, other.publicKey.export({ format: 'der', type: 'spki' }))
          assert.equal(verify(key, message, signature), false)
        }
        assert.equal(library.native.ERR_get_error(), 0)
      })
    }

    it('refuses keys that are none, and verifies nothing by a point off its curve', () => {
      assert.equal(verifier.importPublicKey(Buffer.from('no key')).key, undefined)
      const info = Buffer.from(keyPairs.secp256r1.publicKey.export({ format: 'der', type: 'spki' }))
      info[info.length - 1] = (info.at(-1) as number) ^ 1
      const signature = Buffer.from('3006020101020101', 'hex')
      assert.equal(
        verifier.verifyWith({ type: 'ecdsa', hash: 'sha256' }, imported(verifier, info), message, signature),
        false,
      )
      assert.equal(library.native.ERR_get_error(), 0)
    })

    const skip = directory === undefined ? 'POLYTLS_VECTORS does not say where the vectors are' : false
    for (const file of signatureFiles) {
      it(`Wycheproof: ${file}`, { skip }, () => {
        const crypto: CryptoProvider = {
          ...node,
          importPublicKey: (info) => verifier.importPublicKey(info),
          verifyWith: (...each) => verifier.verifyWith(...each),
          verify: (code, ...each) => verifier.verifyWith(algorithmOf(code), ...each),
        }
        const report = runWycheproof(file, directory ?? '', { ...nodeUnderTest, crypto })
        assert.deepEqual(report.failed, [])
        assert.ok(report.ok > 100, `${report.ok} of ${report.total}`)
      })
    }
  })
}

function imported(verifier: LibraryVerifier, subjectPublicKeyInfo: Uint8Array): PublicKey {
  const { key } = verifier.importPublicKey(subjectPublicKeyInfo)
  assert.ok(key)
  return key
}

function algorithmOf(code: SignatureSchemeCode) {
  const scheme = schemeParameters.get(code)
  assert.ok(scheme)
  return scheme.algorithm
}
