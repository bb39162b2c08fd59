import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { describe, it } from 'node:test'
import { createPortableBackend as createOnNode, portable as onNode } from 'polytls'
import {
  type Backend,
  Certificate,
  ConfigurationError,
  cipherSuiteName,
  createPortableBackend,
  PrivateKey,
  portable,
  SignatureScheme,
  type SigningChain,
  signatureSchemeName,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TLSVersion,
  TrustStore,
} from 'polytls/portable'
import { answerPause } from '#polytls/sockets/pause-driver.js'
import { type Connection, connectionBetween } from '../../support/connection.ts'
import { authority, derOf, serverIdentity, signingChain, trusting } from '../../support/identities.ts'

const both = (backend: Backend) => ({ clientBackend: backend, serverBackend: backend })

describe('polytls/portable', () => {
  it('speaks TLS with nothing but its defaults', async () => {
    assert.equal(portable.name, 'portable')
    assert.match(portable.version, /noble/)
    using connection = connectionBetween(both(portable), {
      client: { trustStore: trusting(await authority()) },
      server: { certificateChain: [signingChain(await serverIdentity())] },
    })
    await connection.establish()
    assert.equal(connection.transfer('client', Buffer.from('to the server')).toString(), 'to the server')
  })

  it('prefers ChaCha20, which is faster and says less by its timing than AES in JavaScript', async () => {
    for (const bounds of [{}, { highestSupportedVersion: TLSVersion.TLSv1_2 }]) {
      const options = {
        client: { trustStore: trusting(await authority()), ...bounds },
        server: { certificateChain: [signingChain(await serverIdentity())] },
      }
      for (const [backend, cipher] of [
        [portable, /CHACHA20/],
        [onNode, /AES_128_GCM/],
      ] as const) {
        using connection = connectionBetween(both(backend), options)
        await connection.establish()
        assert.match(cipherSuiteName(connection.server.facts.cipherSuite ?? 0), cipher)
      }
    }
  })

  for (const [what, options] of [
    ['a client without a trust store', {}],
    ['the trust store of the system', { trustStore: TrustStore.system() }],
  ] as const) {
    it(`refuses ${what} by name, and says what to do`, () => {
      assert.ok(!portable.capabilities.sources.trustStore.includes('system'))
      assertRefused(() => portable.clientContext(new TLSClientConfiguration(options)), 'trustStore', /fromBuffer/)
      const [refusal] = portable.explain(new TLSClientConfiguration(options))
      assert.equal(refusal?.field, 'trustStore')
      assert.match(refusal.hint ?? '', /fromBuffer/)
    })
  }

  it('needs no trust store for a server that asks its clients for nothing', async () => {
    const certificateChain = [signingChain(await serverIdentity())]
    assert.deepEqual(portable.explain(new TLSServerConfiguration({ certificateChain })), [])
  })

  it('refuses files by name, and says what to do', () => {
    const chain = { leaf: Certificate.fromFile('leaf.pem'), key: PrivateKey.fromFile('leaf.key') }
    const make = () => portable.serverContext(new TLSServerConfiguration({ certificateChain: [chain] }))
    assertRefused(make, 'certificateChain[0].leaf', /fromBuffer/)
    assert.ok(!portable.capabilities.sources.certificate.includes('file'))
  })

  it('reads files, finds the system’s authorities and the time where it is told how', async () => {
    const [root, server] = [await authority(), await serverIdentity()]
    const files = new Map([
      ['leaf.pem', server.certificate],
      ['leaf.key', server.key],
    ])
    const backend = createPortableBackend({
      name: 'elsewhere',
      readFile: (path) => new TextEncoder().encode(files.get(path)),
      loadSystemTrust: () => [derOf(root.certificate)],
    })
    assert.equal(backend.name, 'elsewhere')
    const chain = { leaf: Certificate.fromFile('leaf.pem'), key: PrivateKey.fromFile('leaf.key') }
    const options = { client: {}, server: { certificateChain: [chain] } }
    using connection = connectionBetween(both(backend), options)
    await connection.establish()

    const later = createPortableBackend({ loadSystemTrust: () => [derOf(root.certificate)], now: () => 5e12 })
    using expired = connectionBetween({ clientBackend: later, serverBackend: backend }, options)
    const { client } = await expired.negotiate()
    assert.equal((client as { reason?: string }).reason, 'expired')
  })

  it('pads records where it is told to', async () => {
    const padded = createPortableBackend({ paddingMultipleBytes: 512 })
    const lengths = []
    for (const clientBackend of [portable, padded]) {
      using connection = connectionBetween(
        { clientBackend, serverBackend: portable },
        {
          client: { trustStore: trusting(await authority()) },
          server: { certificateChain: [signingChain(await serverIdentity())] },
        },
      )
      await connection.establish()
      connection.client.write(Buffer.from('short'))
      lengths.push(connection.client.outgoingBytesBuffered)
    }
    // Around the content: a header of 5 bytes, the content's type, and a tag of 16.
    assert.deepEqual(lengths, [5 + 5 + 1 + 16, 5 + 512 + 1 + 16])
    assert.throws(() => createPortableBackend({ paddingMultipleBytes: 0 }), RangeError)
  })
})

describe('the portable backend on Node with the noble provider', () => {
  const backend = createOnNode({ name: 'portable-noble', crypto: 'noble' })

  it('has the files and the trust store of the machine', () => {
    assert.match(backend.version, /noble/)
    assert.deepEqual(backend.capabilities.sources.trustStore, ['system', 'buffer', 'file', 'certificates'])
    backend.clientContext(new TLSClientConfiguration())
  })

  it('is not made of a provider that there is not', () => {
    assert.throws(() => createOnNode({ name: 'x', crypto: 'web' as never }), /expected 'node' or 'noble', got "web"/)
  })
})

describe('what the noble provider does not do', () => {
  it('is seen in the capabilities: it accepts signatures of RSA, makes none, and decrypts no keys', () => {
    const { signatureSchemes, signingSchemes, features } = portable.capabilities
    const missing = signatureSchemes.filter((each) => !signingSchemes.includes(each)).map(signatureSchemeName)
    assert.equal(missing.length, 9)
    assert.ok(missing.every((name) => name.startsWith('rsa_')))
    assert.ok(!features.has('encrypted-keys'))
    assert.ok(createOnNode({ name: 'node', crypto: 'node' }).capabilities.features.has('encrypted-keys'))
  })

  it('is refused where a chain has an RSA key', async () => {
    const chain = signingChain(await serverIdentity('rsa-2048'))
    const trustStore = trusting(await authority())
    const refused = /fromSigner/
    assertRefused(
      () => portable.serverContext(new TLSServerConfiguration({ certificateChain: [chain] })),
      'certificateChain[0].key',
      refused,
    )
    assertRefused(
      () => portable.clientContext(new TLSClientConfiguration({ trustStore, certificateChain: chain })),
      'certificateChain.key',
      refused,
    )
  })

  it('is refused where a key is encrypted', async () => {
    const { certificate, key } = await serverIdentity()
    const passphrase = 'open sesame'
    const encrypted = createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    const chain = { leaf: Certificate.fromBuffer(certificate), key: PrivateKey.fromBuffer(encrypted, { passphrase }) }
    assertRefused(
      () => portable.serverContext(new TLSServerConfiguration({ certificateChain: [chain] })),
      'certificateChain[0].key',
      /openssl pkey/,
    )
  })

  it('can be had of the runtime: an RSA key of WebCrypto signs for a server, and never enters the program', async () => {
    const identity = await serverIdentity('rsa-2048')
    using connection = connectionBetween(both(portable), {
      client: { trustStore: trusting(await authority()) },
      server: { certificateChain: [await chainOfWebCrypto(identity)] },
    })
    await drive(connection)
    assert.equal(connection.client.facts.signatureScheme, SignatureScheme.rsa_pss_rsae_sha256)
    assert.equal(connection.transfer('server', Buffer.from('hello')).toString(), 'hello')
  })
})

/** A key that the runtime keeps, and cannot be exported again. */
async function chainOfWebCrypto(identity: {
  readonly certificate: string
  readonly key: string
}): Promise<SigningChain> {
  const pkcs8 = createPrivateKey(identity.key).export({ type: 'pkcs8', format: 'der' })
  const pss = { name: 'RSA-PSS', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, pss, false, ['sign'])
  const sign = async (_scheme: number, message: Uint8Array): Promise<Uint8Array> =>
    new Uint8Array(await crypto.subtle.sign({ name: 'RSA-PSS', saltLength: 32 }, key, message))
  const publicKey = createPublicKey(identity.key).export({ type: 'spki', format: 'der' })
  return {
    leaf: Certificate.fromBuffer(identity.certificate),
    key: PrivateKey.fromSigner({ publicKey, schemes: [SignatureScheme.rsa_pss_rsae_sha256], sign }),
  }
}

/** The whole handshake, with keys that take their time. */
async function drive(connection: Connection): Promise<void> {
  for (let endings = connection.advance(); ; endings = connection.advance()) {
    if (endings.client === 'done' && endings.server === 'done') return
    assert.equal(endings.server, 'paused')
    await new Promise<void>((resumed) =>
      answerPause(connection.server, { isWanted: () => true, resumed: () => resumed() }),
    )
  }
}

function assertRefused(make: () => unknown, field: string, hint: RegExp): void {
  assert.throws(make, (error) => {
    assert.ok(error instanceof ConfigurationError, String(error))
    assert.equal(error.field, field)
    assert.match(error.hint ?? '', hint)
    return true
  })
}
