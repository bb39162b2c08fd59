import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CipherSuite } from 'polytls'
import { MasterSecret, prf } from '#polytls/backends/portable/key-schedule12.js'
import { suites } from '#polytls/backends/portable/suites.js'
import { nodeCrypto } from './engines12.js'
import { bytes } from './messages/samples.js'

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'))

describe("TLS 1.2's pseudorandom function", () => {
  // The vectors that the IETF's TLS working group exchanged by mail when TLS 1.2 was new; OpenSSL's TLS1-PRF gives the same.
  it('is that of the working group with SHA-256', () => {
    const output = prf(
      nodeCrypto,
      'sha256',
      hex('9bbe436ba940f017b17652849a71db35'),
      'test label',
      hex('a0ba9f936cda311827a6f796ffd5198c'),
      100,
    )
    assert.deepEqual(
      output,
      hex(`e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17
        abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66`),
    )
  })

  it('is that of the working group with SHA-384', () => {
    const output = prf(
      nodeCrypto,
      'sha384',
      hex('b80b733d6ceefcdc71566ea48e5567df'),
      'test label',
      hex('cd665cf6a8447dd6ff8b27555edb7465'),
      148,
    )
    assert.deepEqual(
      output,
      hex(`7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700
        884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec479e4f1a2
        6066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f`),
    )
  })
})

describe("TLS 1.2's secrets", () => {
  const suite = suites.get(CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
  assert.ok(suite)
  const randoms = { client: bytes(32), server: bytes(32, 100) }
  const make = (session = bytes(32)): MasterSecret =>
    MasterSecret.extended(nodeCrypto, suite, randoms, bytes(32), session)

  it('depend on the whole handshake, and leave nothing of what they were made from', () => {
    const premaster = bytes(32)
    const master = MasterSecret.extended(nodeCrypto, suite, randoms, premaster, bytes(32))
    assert.ok(premaster.every((byte) => byte === 0))
    assert.equal(master.reveal().length, 48)
    assert.notDeepEqual(make(bytes(32, 2)).reveal(), master.reveal())
  })

  it('give each side a Finished of its own', () => {
    const client = make().finished('client', bytes(32))
    assert.equal(client.length, 12)
    assert.notDeepEqual(make().finished('server', bytes(32)), client)
  })

  it('give keys once for each direction, since a nonce would repeat', () => {
    const keys = make().keys()
    keys.sealer('client')
    assert.throws(() => keys.opener('client'), RangeError)
    keys.opener('server')
    assert.throws(() => keys.sealer('server'), RangeError)
  })
})
