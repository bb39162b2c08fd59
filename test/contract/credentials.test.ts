import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync, type KeyExportOptions } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import {
  type Backend,
  Certificate,
  ConfigurationError,
  PrivateKey,
  type SigningChain,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { assertKeyRefused, forEachBackend, has, signsEd25519, signsRSA } from '../support/backends.ts'
import { connectionBetween } from '../support/connection.ts'
import { authority, derOf, matching, serverIdentity, signingChain } from '../support/identities.ts'

const directory = mkdtempSync(join(tmpdir(), 'polytls-credentials-'))
after(() => rmSync(directory, { recursive: true }))

const damaged = '-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n'
const passphrase = 'correct horse · Batterie'

forEachBackend('credentials', (backend) => {
  const pairing = { clientBackend: backend, serverBackend: backend }

  for (const keyKind of ['ecdsa-p256', 'rsa-2048', 'ed25519'] as const) {
    for (const { form, key } of [
      { form: 'PKCS#8 PEM', key: (pem: string) => PrivateKey.fromBuffer(pem) },
      { form: 'PKCS#8 PEM as bytes', key: (pem: string) => PrivateKey.fromBuffer(Buffer.from(pem)) },
      {
        form: 'PKCS#8 DER',
        key: (pem: string) => PrivateKey.fromBuffer(exported(pem, { type: 'pkcs8', format: 'der' })),
      },
      {
        form: 'encrypted PKCS#8 PEM',
        key: (pem: string) =>
          PrivateKey.fromBuffer(exported(pem, { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }), {
            passphrase,
          }),
      },
      {
        form: 'encrypted PKCS#8 DER',
        key: (pem: string) =>
          PrivateKey.fromBuffer(exported(pem, { type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase }), {
            passphrase,
          }),
      },
      {
        form: 'PEM behind other text and blocks',
        key: (pem: string) => PrivateKey.fromBuffer(`Bag Attributes\n    friendlyName: key\n${pem}`),
      },
    ]) {
      it(`a key of the kind ${keyKind} is read from ${form}`, async () => {
        const { client } = await matching()
        const identity = await serverIdentity(keyKind)
        const chain = { ...signingChain(identity), key: key(identity.key) }
        if (!reads(backend, keyKind, form)) {
          assertKeyRefused(backend, chain)
          return
        }
        using connection = connectionBetween(pairing, { client, server: { certificateChain: [chain] } })
        await connection.establish()
      })
    }
  }

  for (const { form, keyKind, type } of [
    { form: 'SEC 1', keyKind: 'ecdsa-p256', type: 'sec1' },
    { form: 'PKCS#1', keyKind: 'rsa-2048', type: 'pkcs1' },
  ] as const) {
    for (const variant of [{ format: 'pem' }, { format: 'der' }, { format: 'pem', cipher: 'aes-128-cbc' }] as const) {
      it(`a key is read from ${form} ${variant.format}${'cipher' in variant ? ', encrypted' : ''}`, async () => {
        const { client } = await matching()
        const identity = await serverIdentity(keyKind)
        const options = 'cipher' in variant ? { ...variant, passphrase } : variant
        const key = PrivateKey.fromBuffer(
          exported(identity.key, { type, ...options }),
          'cipher' in variant ? { passphrase } : {},
        )
        const certificateChain = [{ ...signingChain(identity), key }] as const
        if (!reads(backend, keyKind, 'cipher' in variant ? 'encrypted' : 'plain')) {
          assertKeyRefused(backend, certificateChain[0])
          return
        }
        using connection = connectionBetween(pairing, { client, server: { certificateChain } })
        await connection.establish()
      })
    }
  }

  it('certificates, keys and trust are read from files', async () => {
    const identity = await serverIdentity()
    const [certificate, key, trust] = ['certificate.pem', 'key.pem', 'trust.pem'].map((name) => join(directory, name))
    writeFileSync(certificate as string, identity.certificate)
    const encryption = has(backend, 'encrypted-keys') ? { cipher: 'aes-256-cbc', passphrase } : {}
    writeFileSync(key as string, exported(identity.key, { type: 'pkcs8', format: 'pem', ...encryption }))
    writeFileSync(trust as string, `# a comment\n${(await authority()).certificate}\n${identity.certificate}`)
    using connection = connectionBetween(pairing, {
      client: { trustStore: TrustStore.fromFile(trust as string) },
      server: {
        certificateChain: [
          {
            leaf: Certificate.fromFile(certificate as string),
            key: PrivateKey.fromFile(key as string, 'passphrase' in encryption ? { passphrase } : {}),
          },
        ],
      },
    })
    await connection.establish()
  })

  it('certificates and trust are read from DER', async () => {
    const identity = await serverIdentity()
    using connection = connectionBetween(pairing, {
      client: { trustStore: TrustStore.fromBuffer(derOf((await authority()).certificate)) },
      server: {
        certificateChain: [
          { leaf: Certificate.fromBuffer(derOf(identity.certificate)), key: PrivateKey.fromBuffer(identity.key) },
        ],
      },
    })
    await connection.establish()
  })

  it('a bundle trusts every certificate in it', async () => {
    const { server } = await matching()
    const others = generateOtherAuthorities()
    const bundle = `${(await others).join('')}${(await authority()).certificate}`
    using connection = connectionBetween(pairing, { client: { trustStore: TrustStore.fromBuffer(bundle) }, server })
    await connection.establish()
  })

  for (const { what, field, make } of badChains()) {
    it(`${what} is refused when the context is made, naming ${field}`, async () => {
      const chain = await make()
      assertRefused(backend, { server: [chain] }, `certificateChain[0].${field}`)
      assertRefused(backend, { client: chain }, `certificateChain.${field}`)
    })
  }

  it('the number of the chain is named', async () => {
    const good = signingChain(await serverIdentity())
    const bad = { ...good, key: PrivateKey.fromBuffer((await serverIdentity('ed25519')).key) }
    assertRefused(backend, { server: [good, bad] }, 'certificateChain[1].key')
  })

  for (const { what, make } of [
    { what: 'a trust store without a certificate', make: () => TrustStore.fromBuffer('no certificate in here') },
    { what: 'a trust store of damaged PEM', make: () => TrustStore.fromBuffer(damaged) },
    { what: 'a trust store whose file is missing', make: () => TrustStore.fromFile(join(directory, 'missing.pem')) },
    { what: 'a trust store by an id that nobody knows', make: () => TrustStore.fromId('nowhere:store') },
    {
      what: 'a trust store with a certificate by an id that nobody knows',
      make: () => TrustStore.fromCertificates([Certificate.fromId('nowhere:certificate')]),
    },
  ]) {
    it(`${what} is refused when the context is made`, () => {
      assert.throws(
        () => backend.clientContext(new TLSClientConfiguration({ trustStore: make() })),
        (error) => error instanceof ConfigurationError && error.field.startsWith('trustStore'),
      )
    })
  }

  it('errors about keys print nothing of them', async () => {
    const identity = await serverIdentity()
    const encrypted = exported(identity.key, { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    for (const key of [
      PrivateKey.fromBuffer(encrypted, { passphrase: 'a wrong guess' }),
      PrivateKey.fromBuffer((await serverIdentity('ed25519')).key),
      PrivateKey.fromBuffer(identity.key.replace(/\n\w/, '\n!')),
    ]) {
      const configuration = new TLSServerConfiguration({ certificateChain: [{ ...signingChain(identity), key }] })
      assert.throws(
        () => backend.serverContext(configuration),
        (error: Error) => {
          const text = `${error.message} ${error.stack} ${JSON.stringify(error)} ${(error as { hint?: string }).hint}`
          assert.ok(!text.includes('a wrong guess'))
          for (const line of `${identity.key}${encrypted}`.split('\n')) {
            if (line.length > 8 && !line.startsWith('-----')) assert.ok(!text.includes(line.slice(0, 12)), text)
          }
          return error instanceof ConfigurationError
        },
      )
    }
  })
})

/** By its capabilities; what it does not read, it has to refuse. */
function reads(backend: Backend, keyKind: string, form: string): boolean {
  if (form.startsWith('encrypted') && !has(backend, 'encrypted-keys')) return false
  if (keyKind === 'ed25519') return signsEd25519(backend)
  return !keyKind.startsWith('rsa') || signsRSA(backend)
}

function badChains(): readonly {
  readonly what: string
  readonly field: string
  readonly make: () => Promise<SigningChain>
}[] {
  const good = async (): Promise<SigningChain> => signingChain(await serverIdentity())
  const withKey = (key: (pem: string) => PrivateKey) => async (): Promise<SigningChain> => ({
    ...(await good()),
    key: key((await serverIdentity()).key),
  })
  const withLeaf = (leaf: Certificate) => async (): Promise<SigningChain> => ({ ...(await good()), leaf })
  const encrypted = (pem: string): string =>
    exported(pem, { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }) as string
  return [
    {
      what: 'a wrong passphrase',
      field: 'key',
      make: withKey((pem) => PrivateKey.fromBuffer(encrypted(pem), { passphrase: 'wrong' })),
    },
    { what: 'a missing passphrase', field: 'key', make: withKey((pem) => PrivateKey.fromBuffer(encrypted(pem))) },
    {
      what: 'an empty passphrase',
      field: 'key',
      make: withKey((pem) => PrivateKey.fromBuffer(encrypted(pem), { passphrase: '' })),
    },
    {
      what: 'the key of somebody else',
      field: 'key',
      make: withKey(() =>
        PrivateKey.fromBuffer(
          generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
        ),
      ),
    },
    {
      what: 'a key of another kind',
      field: 'key',
      make: withKey(() =>
        PrivateKey.fromBuffer(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })),
      ),
    },
    { what: 'text that is no key', field: 'key', make: withKey(() => PrivateKey.fromBuffer('no key in here')) },
    { what: 'bytes that are no key', field: 'key', make: withKey(() => PrivateKey.fromBuffer(Buffer.alloc(200, 7))) },
    {
      what: 'a key file that is missing',
      field: 'key',
      make: withKey(() => PrivateKey.fromFile(join(directory, 'missing.pem'))),
    },
    { what: 'a key id that nobody knows', field: 'key', make: withKey(() => PrivateKey.fromId('nowhere:key')) },
    { what: 'text that is no certificate', field: 'leaf', make: withLeaf(Certificate.fromBuffer('nothing')) },
    { what: 'damaged PEM as certificate', field: 'leaf', make: withLeaf(Certificate.fromBuffer(damaged)) },
    {
      what: 'bytes that are no certificate',
      field: 'leaf',
      make: withLeaf(Certificate.fromBuffer(Buffer.alloc(99, 1))),
    },
    {
      what: 'a certificate file that is missing',
      field: 'leaf',
      make: withLeaf(Certificate.fromFile(join(directory, 'missing.pem'))),
    },
    { what: 'a certificate id that nobody knows', field: 'leaf', make: withLeaf(Certificate.fromId('nowhere:leaf')) },
    {
      what: 'a damaged intermediate',
      field: 'chain[0]',
      make: async () => ({ ...(await good()), chain: [Certificate.fromBuffer(damaged)] }),
    },
  ]
}

function assertRefused(
  backend: Backend,
  chains: { readonly server: readonly SigningChain[] } | { readonly client: SigningChain },
  field: string,
): void {
  assert.throws(
    () => {
      if ('server' in chains) backend.serverContext(new TLSServerConfiguration({ certificateChain: chains.server }))
      else backend.clientContext(new TLSClientConfiguration({ certificateChain: chains.client }))
    },
    (error) => {
      assert.ok(error instanceof ConfigurationError, String(error))
      assert.equal(error.field, field)
      return true
    },
  )
}

function exported(pem: string, options: KeyExportOptions<'pem' | 'der'>): string | Buffer {
  // The overloads for PEM and for DER do not take what may be either.
  return createPrivateKey(pem).export(options as never)
}

async function generateOtherAuthorities(): Promise<readonly string[]> {
  const { makeAuthority } = await import('#polytls/cli/certificates.js')
  const made = await Promise.all(['One', 'Two'].map((name) => makeAuthority({ name })))
  return made.map(({ certificate }) => certificate)
}
