import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ContentType } from '#polytls/backends/portable/record/protection.js'
import { fixedIvLength, Opener12, RecordNumbers, Sealer12 } from '#polytls/backends/portable/record/protection12.js'
import { type AeadAlgorithm, aeadParameters } from '#polytls/crypto/algorithms.js'
import { nodeCrypto } from '../engines12.js'
import { bytes } from '../messages/samples.js'

function pair(algorithm: AeadAlgorithm): { readonly sealer: Sealer12; readonly opener: Opener12 } {
  const aead = () => nodeCrypto.createAead(algorithm, bytes(aeadParameters[algorithm].keyLength))
  const iv = bytes(fixedIvLength(algorithm), 200)
  return { sealer: new Sealer12(aead(), iv), opener: new Opener12(aead(), iv) }
}

function seal(sealer: Sealer12, content: Uint8Array, type: number = ContentType.application_data): Uint8Array {
  const record = new Uint8Array(sealer.sealedLength(content.length))
  assert.equal(sealer.seal(type, content, record, 0), record.length)
  return record
}

for (const algorithm of nodeCrypto.capabilities.aeads) {
  describe(`TLS 1.2's records with ${algorithm}`, () => {
    it('carry content of every length, each with its own number', () => {
      const { sealer, opener } = pair(algorithm)
      for (const length of [0, 1, 100, 16_384]) {
        const content = new Uint8Array(length).fill(7)
        const record = seal(sealer, content)
        assert.deepEqual([...record.subarray(0, 3)], [23, 3, 3])
        assert.deepEqual(new Uint8Array(opener.open(record) as Uint8Array), content)
        assert.equal(opener.contentType, 23)
      }
    })

    it('are refused when they are repeated, left out, or changed in any byte that counts', () => {
      const { sealer, opener } = pair(algorithm)
      const record = seal(sealer, bytes(20))
      for (let at = 0; at < record.length; at++) {
        // The length is checked against what came; a wrong one never gets here.
        if (at === 3 || at === 4) continue
        // The version of the header is the reader's to check.
        if (at === 1 || at === 2) continue
        const changed = record.slice()
        changed[at] = (changed[at] ?? 0) ^ 0x10
        assert.equal(opener.open(changed), undefined, `byte ${at}`)
      }
      assert.ok(opener.open(record) !== undefined)
      assert.equal(opener.open(record), undefined, 'again')
      seal(sealer, bytes(20))
      assert.equal(opener.open(seal(sealer, bytes(20))), undefined, 'one was left out')
    })

    it('are refused when they are too short to be any', () => {
      const { opener } = pair(algorithm)
      for (let length = 0; length < 24; length++) {
        assert.equal(opener.open(Uint8Array.of(23, 3, 3, 0, length, ...bytes(length))), undefined)
      }
    })

    it('are refused with record_overflow when their content is longer than allowed', () => {
      const { sealer, opener } = pair(algorithm)
      const record = seal(sealer, new Uint8Array(16_385))
      assert.throws(() => opener.open(record), { alert: 'record_overflow' })
    })
  })
}

describe("TLS 1.2's explicit nonces", () => {
  it('are the number of the record for GCM and CCM, and not sent for ChaCha20-Poly1305', () => {
    const { sealer } = pair('aes-128-gcm')
    seal(sealer, bytes(1))
    assert.deepEqual([...seal(sealer, bytes(1)).subarray(5, 13)], [0, 0, 0, 0, 0, 0, 0, 1])
    assert.equal(seal(pair('aes-128-ccm-8').sealer, bytes(1)).length, 5 + 8 + 1 + 8)
    assert.equal(seal(pair('chacha20-poly1305').sealer, bytes(1)).length, 5 + 1 + 16)
  })

  it('count on beyond one byte', () => {
    const { sealer, opener } = pair('aes-128-gcm')
    for (let i = 0; i < 300; i++) assert.ok(opener.open(seal(sealer, bytes(1))) !== undefined)
    assert.deepEqual([...seal(sealer, bytes(1)).subarray(5, 13)], [0, 0, 0, 0, 0, 0, 1, 44])
  })
})

describe("TLS 1.2's keys", () => {
  const iv = bytes(fixedIvLength('aes-128-gcm'))
  const aead = () => nodeCrypto.createAead('aes-128-gcm', bytes(16))

  it('are good for a number of blocks, of which each record takes two more than its content', () => {
    const sealer = new Sealer12(aead(), iv, 3 * 1026)
    assert.equal(sealer.recordsLeft, 3)
    seal(sealer, new Uint8Array(16_384))
    assert.equal(sealer.recordsLeft, 2)
    for (let i = 0; i < 342; i++) seal(sealer, bytes(1))
    assert.equal(sealer.recordsLeft, 1)
    seal(sealer, new Uint8Array(0))
    assert.equal(sealer.recordsLeft, 0)
    seal(sealer, new Uint8Array(16_384))
    assert.equal(sealer.recordsLeft, 0)
  })

  it('allow of AES-GCM 2^24 full records, less what records take besides', () => {
    const { recordsLeft } = new Sealer12(aead(), iv)
    assert.ok(recordsLeft <= 2 ** 24 && recordsLeft > 2 ** 23, String(recordsLeft))
  })

  it('open no record whose number would be used again', () => {
    const numbers = new RecordNumbers('aes-128-gcm', iv)
    numbers.number.set([255, 255, 255, 255, 255, 255, 255, 254])
    numbers.advance()
    assert.throws(() => numbers.advance(), { alert: 'unexpected_message' })
  })
})
