import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  CERT_CHAIN_ENGINE_CONFIG,
  CRYPTO_SETTINGS,
  encodeStructure,
  layoutOf,
  readBytes,
  readNumber,
  readPointer,
  SCH_CREDENTIALS,
  SCHANNEL_CRED,
  SecPkgContext_ApplicationProtocol,
  SecPkgContext_CipherInfo,
  structures,
  TLS_PARAMETERS,
} from '#polytls/backends/schannel/structures.js'

it('sizes are those of 64-bit Windows', () => {
  for (const [structure, size] of [
    [SCH_CREDENTIALS, 72],
    [TLS_PARAMETERS, 40],
    [CRYPTO_SETTINGS, 48],
    [SCHANNEL_CRED, 80],
    [CERT_CHAIN_ENGINE_CONFIG, 88],
    [SecPkgContext_CipherInfo, 680],
    [SecPkgContext_ApplicationProtocol, 264],
  ] as const) {
    assert.equal(layoutOf(structure).size, size, structure.name)
  }
})

it('a structure within a structure keeps its alignment, and its fields have dotted names', () => {
  const { places } = layoutOf(CRYPTO_SETTINGS)
  assert.equal(places.get('strCngAlgId.Length')?.offset, 8)
  assert.equal(places.get('strCngAlgId.Buffer')?.offset, 16)
  assert.equal(places.get('cChainingModes')?.offset, 24)
})

it('what is encoded is read back, and what is not given is zero', () => {
  const bytes = encodeStructure(TLS_PARAMETERS, {
    grbitDisabledProtocols: 0xffff_ffff,
    pDisabledCrypto: 0x1234_5678_9abcn,
  })
  assert.equal(readNumber(TLS_PARAMETERS, bytes, 'grbitDisabledProtocols'), 0xffff_ffff)
  assert.equal(readPointer(TLS_PARAMETERS, bytes, 'pDisabledCrypto'), 0x1234_5678_9abcn)
  assert.equal(readNumber(TLS_PARAMETERS, bytes, 'cDisabledCrypto'), 0)
  assert.equal(bytes.readUInt32LE(16), 0xffff_ffff)
  const protocol = Buffer.alloc(264)
  protocol.set([2, 0x68, 0x32], 8)
  assert.equal(
    Buffer.from(readBytes(SecPkgContext_ApplicationProtocol, protocol, 'ProtocolId')).toString('latin1', 0, 2),
    'h2',
  )
})

it('a field that does not exist is refused, and so is a pointer as a number', () => {
  assert.throws(() => encodeStructure(TLS_PARAMETERS, { grbitEnabledProtocols: 1 }), TypeError)
  const bytes = encodeStructure(TLS_PARAMETERS, {})
  assert.throws(() => readNumber(TLS_PARAMETERS, bytes, 'pDisabledCrypto'), TypeError)
  assert.throws(() => readPointer(TLS_PARAMETERS, bytes, 'dwFlags'), TypeError)
})

it('no structure is listed twice', () => {
  assert.equal(new Set(structures.map(({ name }) => name)).size, structures.length)
})
