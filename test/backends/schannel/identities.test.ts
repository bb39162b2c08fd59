import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Certificate, ConfigurationError, PrivateKey, type SigningChain, TLSClientConfiguration } from 'polytls'
import { encodePKCS12, isPKCS12 } from '#polytls/backends/schannel/pkcs12.js'
import { Status } from '#polytls/backends/schannel/status.js'
import { parseStoreId } from '#polytls/backends/schannel/store-id.js'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { cast, derOf, type Setting, setting } from './setting.ts'

/** Makes the context of a client with this certificate, and answers the certificates that Schannel was given. */
function show(at: Setting, certificateChain: SigningChain): number {
  at.backend.clientContext(new TLSClientConfiguration({ certificateChain }))
  return at.security.acquired.at(-1)?.credentials.certificates.length ?? 0
}

function refused(call: () => unknown): ConfigurationError {
  try {
    call()
  } catch (thrown) {
    assert.ok(thrown instanceof ConfigurationError, String(thrown))
    return thrown
  }
  assert.fail('nothing was thrown')
}

describe('an id of Windows', () => {
  it('names a certificate by thumbprint or subject, in either place, or a store', () => {
    const hash = Buffer.alloc(20, 0xab)
    assert.deepEqual(parseStoreId(`windows:CurrentUser/My/thumbprint=${'ab'.repeat(20)}`), {
      location: 'CurrentUser',
      store: 'My',
      find: { kind: 'sha1', hash },
    })
    // As certificate managers copy it: with spaces, and an invisible mark in front.
    assert.deepEqual(parseStoreId(`windows:localmachine/My/thumbprint=\u200e${'AB '.repeat(20)}`), {
      location: 'LocalMachine',
      store: 'My',
      find: { kind: 'sha1', hash },
    })
    assert.deepEqual(parseStoreId('windows:LocalMachine/WebHosting/subject=www.example.com'), {
      location: 'LocalMachine',
      store: 'WebHosting',
      find: { kind: 'subject', text: 'www.example.com' },
    })
    assert.deepEqual(parseStoreId('windows:CurrentUser/Root'), {
      location: 'CurrentUser',
      store: 'Root',
      find: undefined,
    })
  })

  it('that is none is told why', () => {
    for (const [id, why] of [
      ['pkcs11:token=x', /does not know/],
      ['windows:Somewhere/My', /expected windows:/],
      ['windows:CurrentUser/My/thumbprint=abc', /no SHA-1/],
      ['windows:CurrentUser/My/serial=1', /expected windows:/],
      ['windows:CurrentUser', /expected windows:/],
    ] as const) {
      assert.match(String(parseStoreId(id)), why)
    }
  })
})

describe('a certificate in the store of Windows', () => {
  const byId = (id: string): SigningChain => ({ leaf: Certificate.fromId(id), key: PrivateKey.fromId(id) })

  it('is used where it lies, and its key never seen', async () => {
    const at = setting()
    const { client } = await cast()
    at.security.systemStores.set('CurrentUser/My', [derOf(client)])
    const { fingerprint } = new X509Certificate(derOf(client))
    assert.equal(show(at, byId(`windows:CurrentUser/My/thumbprint=${fingerprint.replaceAll(':', '')}`)), 1)
    assert.equal(show(at, byId('windows:CurrentUser/My/subject=client')), 1)
    assert.equal(at.security.imports.length, 0)
  })

  it('that is not there is refused by name', async () => {
    const at = setting()
    at.security.systemStores.set('CurrentUser/My', [])
    const error = refused(() => show(at, byId('windows:CurrentUser/My/subject=nobody')))
    assert.equal(error.field, 'certificateChain.leaf')
    assert.match(error.message, /no certificate fits/)
    assert.match(
      refused(() => show(at, byId('windows:LocalMachine/My/subject=nobody'))).message,
      /no store LocalMachine\/My/,
    )
    at.security.assertNothingLeft()
  })

  it('is not guessed where a subject fits several: the error says which there are', async () => {
    const at = setting()
    const { client, server } = await cast()
    const another = await makeAuthority({ name: 'Client too' })
    at.security.systemStores.set('CurrentUser/My', [derOf(client), derOf(server), derOf(another)])
    const error = refused(() => show(at, byId('windows:CurrentUser/My/subject=client')))
    assert.match(error.message, /2 certificates fit/)
    assert.ok(error.hint?.includes(new X509Certificate(derOf(client)).fingerprint.replaceAll(':', '')))
    at.security.assertNothingLeft()
  })

  it('whose key cannot be used is refused by the status', async () => {
    const at = setting()
    const { client } = await cast()
    at.security.systemStores.set('LocalMachine/My', [derOf(client)])
    at.security.failing.set('CryptAcquireCertificatePrivateKey', Status.NTE_BAD_KEYSET)
    const error = refused(() => show(at, byId('windows:LocalMachine/My/subject=client')))
    assert.equal(error.field, 'certificateChain.key')
    assert.match(error.message, /NTE_BAD_KEYSET \(0x80090016\)/)
    at.security.assertNothingLeft()
  })

  it('and a key of somewhere else do not go together', async () => {
    const at = setting()
    const { client } = await cast()
    const mixed = {
      leaf: Certificate.fromBuffer(client.certificate),
      key: PrivateKey.fromId('windows:CurrentUser/My/subject=x'),
    }
    const error = refused(() => show(at, mixed))
    assert.equal(error.field, 'certificateChain.key')
    assert.match(error.message, /same id/)
  })
})

describe('a certificate in a file or a buffer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'schannel-'))
  process.on('exit', () => rmSync(folder, { recursive: true }))

  /** What openssl makes of it. */
  const openssl = (...parameters: readonly string[]): string =>
    execFileSync('openssl', parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

  it('becomes a PKCS #12 that others can read, for keys of every kind', async () => {
    const root = await makeAuthority({ name: 'Root' })
    for (const keyKind of ['rsa-2048', 'ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521'] as const) {
      const made = await root.issue({ name: 'A Leaf', keyKind })
      const key = createPrivateKey(made.key).export({ format: 'der', type: 'pkcs8' })
      const pfx = encodePKCS12({ leaf: derOf(made), issuers: [derOf(root)], key }, 'a passphrase')
      assert.ok(isPKCS12(pfx))
      const path = join(folder, `${keyKind}.pfx`)
      writeFileSync(path, pfx)
      const all = openssl('pkcs12', '-legacy', '-in', path, '-passin', 'pass:a passphrase', '-nodes')
      const [, read] = /(-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----)/.exec(all) ?? []
      assert.ok(createPrivateKey(made.key).equals(createPrivateKey(read ?? '')))
      const certificates = [...all.matchAll(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g)]
      assert.deepEqual(
        certificates.map(([pem]) => new X509Certificate(pem).raw),
        [derOf(made), derOf(root)],
      )
      // The password is part of the check of integrity.
      assert.throws(
        () => openssl('pkcs12', '-legacy', '-in', path, '-passin', 'pass:another', '-nodes'),
        /[Mm]ac verify/,
      )
    }
  })

  it('is imported, from PEM and DER, with its key encrypted or not', async () => {
    const { client } = await cast()
    const passphrase = 'open sesame'
    const key = createPrivateKey(client.key)
    for (const form of [
      client.key,
      key.export({ format: 'der', type: 'pkcs8' }),
      key.export({ format: 'der', type: 'sec1' }),
      key.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase }),
      key.export({ format: 'der', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase }),
    ]) {
      const at = setting()
      at.security.importable = [derOf(client)]
      for (const leaf of [client.certificate, derOf(client)]) {
        const chain = { leaf: Certificate.fromBuffer(leaf), key: PrivateKey.fromBuffer(form, { passphrase }) }
        assert.equal(show(at, chain), 1)
      }
    }
  })

  it('with an encrypted key and no passphrase, or a wrong one, is refused', async () => {
    const at = setting()
    const { client } = await cast()
    const encrypted = createPrivateKey(client.key).export({
      format: 'pem',
      type: 'pkcs8',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    })
    const leaf = Certificate.fromBuffer(client.certificate)
    assert.match(refused(() => show(at, { leaf, key: PrivateKey.fromBuffer(encrypted) })).message, /no passphrase/)
    const wrong = refused(() => show(at, { leaf, key: PrivateKey.fromBuffer(encrypted, { passphrase: 'y' }) }))
    assert.match(wrong.hint ?? '', /passphrase may be wrong/)
  })

  it('with a key that Windows cannot hold is refused', async () => {
    const at = setting()
    const root = await makeAuthority({ name: 'Root' })
    const { certificate, key } = await root.issue({ name: 'Edwards', keyKind: 'ed25519' })
    const error = refused(() =>
      show(at, { leaf: Certificate.fromBuffer(certificate), key: PrivateKey.fromBuffer(key) }),
    )
    assert.equal(error.field, 'certificateChain.key')
    assert.match(error.message, /ed25519/)
  })

  it('may come as PKCS #12 with its passphrase: the same file for leaf and key', async () => {
    const at = setting()
    const { client } = await cast()
    at.security.importable = [derOf(client)]
    const key = createPrivateKey(client.key).export({ format: 'der', type: 'pkcs8' })
    const pfx = encodePKCS12({ leaf: derOf(client), issuers: [], key }, 'a passphrase')
    const path = join(folder, 'client.pfx')
    writeFileSync(path, pfx)
    const fromFile = {
      leaf: Certificate.fromFile(path),
      key: PrivateKey.fromFile(path, { passphrase: 'a passphrase' }),
    }
    assert.equal(show(at, fromFile), 1)
    assert.deepEqual(at.security.imports.at(-1), { password: 'a passphrase', flags: 0x8000 })
    // The certificate may also stand by itself.
    assert.equal(show(at, { ...fromFile, leaf: Certificate.fromBuffer(client.certificate) }), 1)
    const extra = refused(() => show(at, { ...fromFile, chain: [Certificate.fromBuffer(client.certificate)] }))
    assert.equal(extra.field, 'certificateChain.chain')
    const half = refused(() => show(at, { leaf: Certificate.fromFile(path), key: PrivateKey.fromBuffer(client.key) }))
    assert.equal(half.field, 'certificateChain.leaf')
    at.security.failing.set('PFXImportCertStore', Status.ERROR_INVALID_PASSWORD)
    assert.equal(refused(() => show(at, fromFile)).hint, 'the passphrase is wrong')
  })
})
