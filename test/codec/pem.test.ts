import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeBase64, encodeBase64 } from '#polytls/codec/base64.js'
import { DecodeError } from '#polytls/codec/decode-error.js'
import { decodePem, encodePem, isPem } from '#polytls/codec/pem.js'

const der = Uint8Array.from({ length: 100 }, (_, i) => (i * 37) & 0xff)

test('a bundle has text around its blocks, and any line ends', () => {
  const bundle = `\ufeff${encodePem('CERTIFICATE', der)}# a root\nsubject=CN = Köln -- x\r\n\r\n${encodePem('X509 CRL', der).replaceAll('\n', '\r\n')}  \nend`
  for (const input of [bundle, new TextEncoder().encode(bundle)]) {
    const blocks = decodePem(input)
    assert.deepEqual(
      blocks.map(({ label, encryption }) => [label, encryption]),
      [
        ['CERTIFICATE', 'none'],
        ['X509 CRL', 'none'],
      ],
    )
    for (const block of blocks) assert.deepEqual(block.bytes, der)
    assert.equal(isPem(input), true)
  }
  assert.equal(isPem(der), false)
  assert.deepEqual(decodePem('nothing here'), [])
})

test('encrypted keys are recognised, with the parameters of the legacy form', () => {
  const legacy = encodePem('RSA PRIVATE KEY', der).replace(
    '-----\n',
    '-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,\n  00112233\n\n',
  )
  const [old, modern] = decodePem(legacy + encodePem('ENCRYPTED PRIVATE KEY', der))
  assert.equal(old?.encryption, 'legacy')
  assert.equal(old?.headers.get('DEK-Info'), 'AES-256-CBC,00112233')
  assert.deepEqual(old?.bytes, der)
  assert.equal(modern?.encryption, 'pkcs8')
})

test('a broken block is refused with its line', () => {
  const good = encodePem('CERTIFICATE', der)
  assert.throws(() => decodePem(`text\n${good.replace(/-----END.*/, '')}`), /CERTIFICATE at line 2: it does not end/)
  assert.throws(() => decodePem(good.replace('END CERTIFICATE', 'END X509 CRL')), /ends as X509 CRL/)
  assert.throws(() => decodePem(good.replace(/-----END.*/, good)), /another block begins/)
  assert.throws(() => decodePem(good.replace(/\n./, '\n*')), DecodeError)
  assert.throws(() => decodePem(good.replace(/=*\n-----END/, '\n-----END')), DecodeError)
})

test('base64 goes both ways for long inputs', () => {
  const long = new Uint8Array(20_000).map((_, i) => i)
  assert.deepEqual(decodeBase64(encodeBase64(long), 'test'), long)
  assert.throws(() => decodeBase64('AAA', 'test'), DecodeError)
  assert.throws(() => decodeBase64('AA=A', 'test'), DecodeError)
})

test('hostile boundaries take no more than linear time', () => {
  const line = `-----BEGIN ${'A -'.repeat(50_000)}`
  assert.deepEqual(decodePem(`${line}\n`.repeat(10)), [])
})
