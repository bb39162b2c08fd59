import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import process from 'node:process'
import { it } from 'node:test'
import {
  CertificateError,
  CipherSuite,
  ConfigurationError,
  TLSClientConfiguration,
  TLSServerConfiguration,
} from 'polytls'
import { forEachPair, only } from '../../support/backends.ts'
import { connectionBetween } from '../../support/connection.ts'
import { hostName, matching, signingChain, trusting } from '../../support/identities.ts'
import { makeOddCertificate } from '../../support/odd-certificates.ts'

// leastSecure warns at every context, as it should.
process.removeAllListeners('warning')

const root = makeOddCertificate({ name: 'A Root', isAuthority: true })

forEachPair('strength', (pairing) => {
  if (!pairing.clientBackend.name.startsWith('openssl') || !pairing.serverBackend.name.startsWith('openssl')) return

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version}: a key of 1024 bits is refused as weak, by whatever level the library has as its default`, async () => {
      const identity = await makeOddCertificate({
        name: hostName,
        names: [hostName],
        issuer: await root,
        keys: generateKeyPairSync('rsa', { modulusLength: 1024 }),
      })
      using connection = connectionBetween(pairing, {
        client: { ...only(version), trustStore: trusting(await root) },
        server: { certificateChain: [signingChain(identity)], policy: 'leastSecure' },
      })
      const { client } = await connection.negotiate()
      assert.ok(client instanceof CertificateError, String(client))
      assert.equal(client.reason, 'weak-key')
      assert.equal(client.depth, 0)
    })

    it(`${version}: an authority's key of 1024 bits is refused as weak`, async () => {
      const weak = await makeOddCertificate({
        name: 'Weak',
        isAuthority: true,
        issuer: await root,
        keys: generateKeyPairSync('rsa', { modulusLength: 1024 }),
      })
      const identity = await makeOddCertificate({ name: hostName, names: [hostName], issuer: weak })
      using connection = connectionBetween(pairing, {
        client: { ...only(version), trustStore: trusting(await root) },
        server: { certificateChain: [signingChain(identity)], policy: 'leastSecure' },
      })
      const { client } = await connection.negotiate()
      assert.ok(client instanceof CertificateError, String(client))
      assert.equal(client.reason, 'weak-key')
      assert.equal(client.depth, 1)
    })

    it(`${version}: a certificate signed with SHA-1 is refused as weak`, async () => {
      const identity = await makeOddCertificate({
        name: hostName,
        names: [hostName],
        issuer: await root,
        hash: 'SHA-1',
      })
      using connection = connectionBetween(pairing, {
        client: { ...only(version), trustStore: trusting(await root) },
        server: { certificateChain: [signingChain(identity)], policy: 'leastSecure' },
      })
      const { client } = await connection.negotiate()
      assert.ok(client instanceof CertificateError, String(client))
      assert.equal(client.reason, 'weak-signature')
    })
  }

  it('a server cannot show a weak certificate unasked', async () => {
    const identity = await makeOddCertificate({
      name: hostName,
      names: [hostName],
      issuer: await root,
      keys: generateKeyPairSync('rsa', { modulusLength: 1024 }),
    })
    const configuration = new TLSServerConfiguration({ certificateChain: [signingChain(identity)] })
    assert.throws(
      () => pairing.serverBackend.serverContext(configuration),
      (error) => error instanceof ConfigurationError && error.field.startsWith('certificateChain[0]'),
    )
  })

  it('leastSecure on both sides accepts what the others refuse', async () => {
    const identity = await makeOddCertificate({
      name: hostName,
      names: [hostName],
      issuer: await root,
      keys: generateKeyPairSync('rsa', { modulusLength: 1024 }),
      hash: 'SHA-1',
    })
    const policy = 'leastSecure'
    using connection = connectionBetween(pairing, {
      client: { trustStore: trusting(await root), policy },
      server: { certificateChain: [signingChain(identity)], policy },
    })
    await connection.establish()
    assert.equal(connection.client.facts.verified, true)
  })

  it('a suite that gives less than 112 bits, by what the library says of it, is refused by name or works', async () => {
    const { client, server } = await matching()
    for (const suite of [
      CipherSuite.TLS_AES_128_CCM_8_SHA256,
      CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
      CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8,
    ]) {
      const options = { client: { ...client, ciphers: [suite] }, server: { ...server, ciphers: [suite] } }
      const refusals = [
        ...pairing.clientBackend.explain(new TLSClientConfiguration(options.client)),
        ...pairing.serverBackend.explain(new TLSServerConfiguration(options.server)),
      ]
      if (refusals.length > 0) {
        for (const { field, reason } of refusals) assert.match(`${field}: ${reason}`, /^ciphers\[0\]: .*112 bits/)
        assert.throws(() => connectionBetween(pairing, options), ConfigurationError)
      } else {
        using connection = await connectionBetween(pairing, options).establish()
        assert.equal(connection.client.facts.cipherSuite, suite)
      }
    }
  })

  it('what is offered by default is TLS 1.2 and 1.3 with forward secrecy and an AEAD, and nothing else', async () => {
    const { client, server } = await matching()
    using connection = connectionBetween(pairing, { client, server })
    connection.client.handshake()
    const hello = Buffer.from(connection.client.processOutgoing())
    // record header 5, handshake header 4, version 2, random 32, session id 1 + n
    const suitesAt = 5 + 4 + 2 + 32 + 1 + (hello[43] as number)
    const suites = Array.from({ length: hello.readUInt16BE(suitesAt) / 2 }, (_, index) =>
      hello.readUInt16BE(suitesAt + 2 + 2 * index),
    )
    const known: readonly number[] = Object.values(CipherSuite)
    // TLS_EMPTY_RENEGOTIATION_INFO_SCSV is no suite. RFC 5746.
    for (const suite of suites) assert.ok(suite === 0x00ff || known.includes(suite), suite.toString(16))
    const compressionAt = suitesAt + 2 + 2 * suites.length
    assert.deepEqual([...hello.subarray(compressionAt, compressionAt + 2)], [1, 0], 'no compression but null')
  })
})
