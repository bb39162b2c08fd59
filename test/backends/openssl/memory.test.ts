import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Certificate, PrivateKey, TLSClientConfiguration, TLSServerConfiguration, TrustStore } from 'polytls'
import { freesBuffersSafely } from '#polytls/backends/openssl/library.js'
import { connectionOf } from '../../support/connection.ts'
import { authority, matching, serverIdentity, signingChain, trusting } from '../../support/identities.ts'
import { OpenSSLWorkshop } from '../../support/openssl-workshop.ts'

const run = promisify(execFile)

describe('native memory', () => {
  it('what was forgotten is freed by the finalizer: channels and contexts', async () => {
    const child = fileURLToPath(new URL('forgotten-child.js', import.meta.url))
    const { stdout } = await run(process.execPath, ['--expose-gc', child])
    const { made, freed } = JSON.parse(stdout) as {
      made: { channels: number; contexts: number }
      freed: { channels: number; contexts: number }
    }
    assert.ok(made.channels >= 500 && made.contexts >= 50)
    // The last of a kind may still be in a register or in the conduit.
    assert.ok(freed.channels >= made.channels - 5 && freed.channels <= made.channels, JSON.stringify(freed))
    assert.ok(freed.contexts >= made.contexts - 5 && freed.contexts <= made.contexts, JSON.stringify(freed))
  })

  it('what was disposed of is freed at once, and once', async () => {
    const workshop = new OpenSSLWorkshop()
    const { client, server } = await matching()
    const contexts = {
      client: workshop.clientContext(new TLSClientConfiguration(client)),
      server: workshop.serverContext(new TLSServerConfiguration(server)),
    }
    const freed = workshop.count('SSL_free')
    const connection = await connectionOf(contexts).establish()
    assert.equal(freed(), 0)
    connection[Symbol.dispose]()
    assert.equal(freed(), 2)
    connection[Symbol.dispose]()
    assert.equal(freed(), 2)
  })

  it('the buffer that OpenSSL makes when tickets come is given back, and data needs no such call', async () => {
    const workshop = new OpenSSLWorkshop()
    const { client, server } = await matching()
    using connection = await connectionOf({
      client: workshop.clientContext(new TLSClientConfiguration(client)),
      server: workshop.serverContext(new TLSServerConfiguration(server)),
    }).establish()
    const freed = workshop.count('SSL_free_buffers')
    assert.equal(connection.client.read(1), 'want-read')
    assert.equal(freed(), 1)
    for (let round = 0; round < 3; round++) {
      assert.equal(connection.server.write(Buffer.from('hello')), 5)
      connection.client.processIncoming(connection.server.processOutgoing())
      assert.deepEqual(Buffer.from(connection.client.read(100) as Uint8Array), Buffer.from('hello'))
      assert.equal(connection.client.read(100), 'want-read')
    }
    assert.equal(freed(), 1)
  })

  it('no version is trusted with it that takes a buffer away which is in use', () => {
    for (const unsafe of [0x30000000, 0x300000d0, 0x30100050, 0x30200010, 0x30300000])
      assert.equal(freesBuffersSafely(unsafe), false, unsafe.toString(16))
    for (const safe of [0x300000e0, 0x30000130, 0x30100060, 0x30200020, 0x30300010, 0x30400000, 0x30500080, 0x40000000])
      assert.equal(freesBuffersSafely(safe), true, safe.toString(16))
  })

  it('a source is read when the context is made and never again', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'polytls-prepared-'))
    const [leaf, key, trust] = ['leaf.pem', 'key.pem', 'trust.pem'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ]
    const identity = await serverIdentity()
    writeFileSync(leaf, identity.certificate)
    writeFileSync(key, identity.key)
    writeFileSync(trust, (await authority()).certificate)
    const workshop = new OpenSSLWorkshop()
    const contexts = {
      client: workshop.clientContext(new TLSClientConfiguration({ trustStore: TrustStore.fromFile(trust) })),
      server: workshop.serverContext(
        new TLSServerConfiguration({
          certificateChain: [{ leaf: Certificate.fromFile(leaf), key: PrivateKey.fromFile(key) }],
        }),
      ),
    }
    rmSync(directory, { recursive: true })
    const parsed = (
      [
        'PEM_read_bio_X509',
        'PEM_read_bio_PrivateKey',
        'd2i_X509',
        'd2i_AutoPrivateKey',
        'X509_STORE_new',
        'SSL_CTX_new',
        'BIO_new',
      ] as const
    ).map((name) => [name, workshop.count(name)] as const)
    for (let index = 0; index < 10_000; index++) {
      using connection = connectionOf(contexts)
      // Each begins, so that nothing is only put off.
      assert.equal(connection.client.handshake(), 'want-read')
    }
    using connection = await connectionOf(contexts).establish()
    assert.equal(connection.client.facts.verified, true)
    for (const [name, count] of parsed) assert.equal(count(), 0, name)
  })

  it('contexts of the same trust share one store, and a store that is dropped stays with those who use it', async () => {
    const workshop = new OpenSSLWorkshop()
    const { server } = await matching()
    const made = workshop.count('X509_STORE_new')
    const freed = workshop.count('X509_STORE_free')
    const root = await authority()
    const first = workshop.clientContext(new TLSClientConfiguration({ trustStore: trusting(root) }))
    workshop.clientContext(new TLSClientConfiguration({ trustStore: trusting(root), innerProtocols: ['x'] }))
    assert.equal(made(), 1)
    // Enough other stores to push it out of the cache.
    for (let index = 0; index < 40; index++) {
      const trustStore = TrustStore.fromBuffer(`# ${index}\n${root.certificate}`)
      workshop.clientContext(new TLSClientConfiguration({ trustStore }))
    }
    assert.ok(freed() > 0)
    using connection = connectionOf({
      client: first,
      server: workshop.serverContext(new TLSServerConfiguration(server)),
    })
    await connection.establish()
  })

  it('a context that is refused leaves nothing of the chain behind', async () => {
    const workshop = new OpenSSLWorkshop()
    const good = signingChain(await serverIdentity())
    const [read, freed] = [workshop.count('PEM_read_bio_X509'), workshop.count('X509_free')]
    const bad = { ...good, key: PrivateKey.fromBuffer((await serverIdentity('ed25519')).key) }
    assert.throws(() => workshop.serverContext(new TLSServerConfiguration({ certificateChain: [bad] })))
    assert.ok(read() > 0)
    assert.equal(freed(), read())
  })
})
