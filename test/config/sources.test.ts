import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import {
  Certificate,
  PrivateKey,
  type Signer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'

const signer: Signer = { publicKey: Buffer.from('public'), schemes: [0x0403], sign: () => Buffer.from('signature') }

describe('sources', () => {
  it('say where something comes from, and read nothing', () => {
    const missing = '/no/such/file'
    assert.deepEqual(Certificate.fromFile(missing).source, { kind: 'file', path: missing })
    assert.deepEqual(PrivateKey.fromFile(missing).source, { kind: 'file', path: missing })
    assert.deepEqual(TrustStore.fromFile(missing).source, { kind: 'file', path: missing })
    assert.deepEqual(Certificate.fromId('windows:leaf').source, { kind: 'id', id: 'windows:leaf' })
    assert.deepEqual(PrivateKey.fromId('pkcs11:token=a').source, { kind: 'id', id: 'pkcs11:token=a' })
    assert.deepEqual(TrustStore.fromId('windows:root').source, { kind: 'id', id: 'windows:root' })
    assert.deepEqual(TrustStore.system().source, { kind: 'system' })
    assert.equal(TrustStore.system(), TrustStore.system())
    const { source } = PrivateKey.fromSigner(signer)
    assert.ok(source.kind === 'signer' && source.signer === signer)
  })

  it('hold a copy of bytes, and give out copies', () => {
    const given = Buffer.from('the bytes')
    for (const { source } of [
      Certificate.fromBuffer(given),
      PrivateKey.fromBuffer(given),
      TrustStore.fromBuffer(given),
    ]) {
      assert.ok(source.kind === 'buffer')
      const before = Buffer.from(source.bytes).toString()
      given.fill(0)
      assert.equal(Buffer.from(source.bytes).toString(), before)
      source.bytes.fill(0)
      assert.equal(Buffer.from(source.bytes).toString(), before)
      assert.notEqual(source.bytes, source.bytes)
      given.write('the bytes')
    }
  })

  it('take text as its bytes in UTF-8', () => {
    const { source } = Certificate.fromBuffer('Zürich')
    assert.ok(source.kind === 'buffer')
    assert.deepEqual(Buffer.from(source.bytes), Buffer.from('Zürich'))
  })

  it('are frozen', () => {
    for (const each of [
      Certificate.fromBuffer('x'),
      Certificate.fromFile('x'),
      PrivateKey.fromBuffer('x'),
      PrivateKey.fromId('x'),
      PrivateKey.fromSigner(signer),
      TrustStore.system(),
      TrustStore.fromCertificates([Certificate.fromFile('x')]),
    ]) {
      assert.ok(Object.isFrozen(each))
      assert.ok(Object.isFrozen(each.source))
    }
  })

  it('refuse what has the wrong type, saying which call it was', () => {
    for (const owner of [Certificate, PrivateKey, TrustStore]) {
      for (const wrong of [undefined, null, 5, {}, [1, 2], new ArrayBuffer(4), '', new Uint8Array(0)]) {
        assert.throws(() => owner.fromBuffer(wrong as never), { name: 'TypeError', message: /fromBuffer/ })
      }
      for (const wrong of [undefined, null, 5, '', Buffer.from('x'), new URL('file:///x'), 'a\0b']) {
        assert.throws(() => owner.fromFile(wrong as never), { name: 'TypeError', message: /fromFile/ })
        assert.throws(() => owner.fromId(wrong as never), { name: 'TypeError', message: /fromId/ })
      }
    }
    for (const wrong of [undefined, null, 'x', [], ['x'], [undefined], Certificate.fromFile('x')]) {
      assert.throws(() => TrustStore.fromCertificates(wrong as never), {
        name: 'TypeError',
        message: /fromCertificates/,
      })
    }
    for (const wrong of [
      undefined,
      null,
      {},
      { ...signer, sign: 'x' },
      { ...signer, publicKey: 'x' },
      { ...signer, schemes: 1 },
    ]) {
      assert.throws(() => PrivateKey.fromSigner(wrong as never), { name: 'TypeError', message: /fromSigner/ })
    }
    for (const wrong of [5, null, Buffer.from('x')]) {
      assert.throws(() => PrivateKey.fromBuffer('x', { passphrase: wrong as never }), {
        name: 'TypeError',
        message: /passphrase/,
      })
    }
  })

  it('cannot be made without one of the named ways', () => {
    const forged = Object.create(Certificate.prototype)
    assert.equal(forged.source, undefined)
    // TypeScript keeps the constructors private; from JavaScript they make nothing that has a source by accident.
    const bare = Reflect.construct(Certificate as never, [])
    assert.equal((bare as Certificate).source, undefined)
  })
})

describe('private keys', () => {
  const secret = 'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg'
  const passphrase = 'open sesame, says the passphrase'
  const key = PrivateKey.fromBuffer(`-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`, {
    passphrase,
  })
  const certificateChain = { leaf: Certificate.fromBuffer('leaf'), key }
  const bytes = Buffer.from(secret)

  for (const [what, value] of Object.entries({
    'the key': key,
    'a chain with it': certificateChain,
    'a client configuration with it': new TLSClientConfiguration({ certificateChain }),
    'a server configuration with it': new TLSServerConfiguration({ certificateChain: [certificateChain] }),
  })) {
    it(`${what} prints nothing of it`, () => {
      const texts = [
        inspect(value),
        inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: false, getters: true }),
        JSON.stringify(value),
        String(value),
        `${Object.entries(value)}`,
        JSON.stringify({ ...value }),
        JSON.stringify(structuredCloneOrNothing(value)),
      ]
      for (const text of texts) {
        assert.ok(!text.includes(secret), text)
        assert.ok(!text.includes(passphrase), text)
        assert.ok(!text.includes(bytes.toString('hex', 0, 12)), text)
        assert.ok(!text.includes(`${bytes[0]}, ${bytes[1]}, ${bytes[2]}`), text)
        assert.ok(!text.includes(`${bytes[0]},${bytes[1]},${bytes[2]}`), text)
      }
    })
  }

  it('console.log prints nothing of it', async () => {
    const { Console } = await import('node:console')
    const { Writable } = await import('node:stream')
    let printed = ''
    const stream = new Writable({
      write(chunk, _encoding, done) {
        printed += chunk
        done()
      },
    })
    const console = new Console({ stdout: stream, inspectOptions: { depth: 99 } })
    console.log('%o %O %j', key, certificateChain, new TLSClientConfiguration({ certificateChain }))
    console.dir(key, { depth: 99 })
    console.log(new TLSServerConfiguration({ certificateChain: [certificateChain] }))
    assert.ok(printed.length > 50)
    assert.ok(!printed.includes(secret))
    assert.ok(!printed.includes(passphrase))
    assert.ok(!printed.includes(`${bytes[0]}, ${bytes[1]}, ${bytes[2]}`))
  })
})

/** Functions and classes cannot be cloned; what can must not carry secrets. */
function structuredCloneOrNothing(value: unknown): unknown {
  try {
    return structuredClone(value)
  } catch {
    return {}
  }
}
