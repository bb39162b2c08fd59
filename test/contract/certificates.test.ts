import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type AlertName, AlertReceivedError, CertificateError, type CertificateReason } from 'polytls'
import { forEachPair, forEachVersion, has, type Pairing } from '../support/backends.ts'
import { badClientCertificates, badServerCertificates, plainLeaf, trustedRoot } from '../support/bad-certificates.ts'
import { type ConnectionOptions, connectionBetween, connectionOf, contextsFor } from '../support/connection.ts'
import { hostName, makeAuthority, makeSelfSigned, signingChain, trusting } from '../support/identities.ts'
import { makeOddCertificate, permittedSubtree } from '../support/odd-certificates.ts'

const day = 86_400_000

forEachPair('certificates', (pairing) => {
  forEachVersion(pairing, (version, bounds) => {
    for (const { what, make, reason, depth, alert, serverName } of badServerCertificates) {
      it(`${version}: a client refuses a server's certificate ${what}`, async () => {
        const { identity, trustStore } = await make()
        await assertRefused(
          pairing,
          'client',
          { reason, depth, alert },
          {
            client: { ...bounds, trustStore },
            server: { certificateChain: [signingChain(identity)] },
            ...(serverName !== undefined && { serverName }),
          },
        )
      })
    }

    for (const { what, make, reason, depth, alert } of badClientCertificates) {
      it(`${version}: a server refuses a client's certificate ${what}`, async () => {
        const { identity, trustStore } = await make()
        const own = await makeOddCertificate({ ...plainLeaf, issuer: await trustedRoot })
        await assertRefused(
          pairing,
          'server',
          { reason, depth, alert },
          {
            client: { ...bounds, trustStore: trusting(await trustedRoot), certificateChain: signingChain(identity) },
            server: { certificateChain: [signingChain(own)], clientAuthentication: 'required', trustStore },
          },
        )
      })
    }
  })

  if (has(pairing.clientBackend, 'certificate-verification-time')) {
    it('the clock by which certificates are judged is that of the environment', async () => {
      const identity = await makeOddCertificate({ ...plainLeaf, issuer: await trustedRoot })
      const options = {
        client: { trustStore: trusting(await trustedRoot) },
        server: { certificateChain: [signingChain(identity)] },
      }
      for (const [now, reason] of [
        [Date.now() + 2 * day, 'expired'],
        [Date.now() - 2 * day, 'not-yet-valid'],
      ] as const) {
        using connection = connectionBetween(pairing, { ...options, clientEnvironment: { now: () => now } })
        const { client } = await connection.negotiate()
        assert.ok(client instanceof CertificateError, String(client))
        assert.equal(client.reason, reason)
      }
      using connection = connectionBetween(pairing, { ...options, clientEnvironment: { now: () => Date.now() + 1000 } })
      await connection.establish()
    })

    it('the clock is asked for each connection anew', async () => {
      const identity = await makeOddCertificate({ ...plainLeaf, issuer: await trustedRoot })
      let now = Date.now()
      const contexts = contextsFor(pairing, {
        client: { trustStore: trusting(await trustedRoot) },
        server: { certificateChain: [signingChain(identity)] },
        clientEnvironment: { now: () => now },
      })
      using first = await connectionOf(contexts).establish()
      assert.equal(first.client.facts.verified, true)
      now += 2 * day
      using second = connectionOf(contexts)
      const { client } = await second.negotiate()
      assert.ok(client instanceof CertificateError, String(client))
      assert.equal(client.reason, 'expired')
    })
  }

  for (const { what, names, serverName } of [
    { what: 'a wildcard for one label', names: ['*.server.test'], serverName: 'any.server.test' },
    { what: 'one of several names', names: ['a.test', 'b.test', hostName], serverName: hostName },
    { what: 'a name in other case', names: ['Server.TEST'], serverName: 'sERVER.test' },
    { what: 'an address', names: ['192.0.2.1'], serverName: '192.0.2.1' },
    { what: 'an IPv6 address in another spelling', names: ['2001:db8::1'], serverName: '2001:DB8:0:0::0001' },
    { what: 'an address beside a name', names: [hostName, '192.0.2.7'], serverName: '192.0.2.7' },
  ]) {
    it(`a certificate is accepted by ${what}`, async () => {
      const identity = await makeOddCertificate({ name: 'A Leaf', names, issuer: await trustedRoot })
      using connection = connectionBetween(pairing, {
        client: { trustStore: trusting(await trustedRoot) },
        server: { certificateChain: [signingChain(identity)] },
        serverName,
      })
      await connection.establish()
      assert.equal(connection.client.facts.verified, true)
    })
  }

  it('a name that its authority may vouch for is accepted', async () => {
    const issuer = await makeOddCertificate({
      name: 'Narrow',
      isAuthority: true,
      issuer: await trustedRoot,
      extensions: [permittedSubtree(hostName)],
    })
    using connection = connectionBetween(pairing, {
      client: { trustStore: trusting(await trustedRoot) },
      server: { certificateChain: [signingChain(await makeOddCertificate({ ...plainLeaf, issuer }))] },
    })
    await connection.establish()
  })

  it('a self-signed certificate is accepted where exactly it is trusted, and only for its names', async () => {
    const pinned = await makeSelfSigned({ name: 'A Device', names: [hostName] })
    const impostor = await makeSelfSigned({ name: 'A Device', names: [hostName] })
    const client = { trustStore: trusting(pinned) }
    using good = connectionBetween(pairing, { client, server: { certificateChain: [signingChain(pinned)] } })
    await good.establish()
    assert.equal(good.client.facts.verified, true)
    await assertRefused(
      pairing,
      'client',
      { reason: 'wrong-host', depth: 0, alert: 'bad_certificate' },
      {
        client,
        server: { certificateChain: [signingChain(pinned)] },
        serverName: 'elsewhere.test',
      },
    )
    using bad = connectionBetween(pairing, { client, server: { certificateChain: [signingChain(impostor)] } })
    const { client: ending } = await bad.negotiate()
    assert.ok(ending instanceof CertificateError, String(ending))
  })

  it('a certificate of an authority is accepted where exactly it is trusted', async () => {
    const identity = await makeOddCertificate({ ...plainLeaf, issuer: await trustedRoot })
    using connection = connectionBetween(pairing, {
      client: { trustStore: trusting(identity) },
      server: { certificateChain: [signingChain(identity)] },
    })
    await connection.establish()
  })

  it('a chain may end at an intermediate that is trusted', async () => {
    const intermediate = await makeOddCertificate({ name: 'Between', isAuthority: true, issuer: await trustedRoot })
    const identity = await makeOddCertificate({ ...plainLeaf, issuer: intermediate })
    for (const chain of [identity.chain, []]) {
      using connection = connectionBetween(pairing, {
        client: { trustStore: trusting(intermediate) },
        server: { certificateChain: [signingChain({ ...identity, chain })] },
      })
      await connection.establish()
      assert.equal(connection.client.facts.verified, true)
    }
  })

  it('intermediates may come in any order and with strangers among them', async () => {
    const first = await makeOddCertificate({ name: 'First', isAuthority: true, issuer: await trustedRoot })
    const second = await makeOddCertificate({ name: 'Second', isAuthority: true, issuer: first })
    const identity = await makeOddCertificate({ ...plainLeaf, issuer: second })
    const stranger = await makeOddCertificate({ name: 'A Stranger', isAuthority: true })
    using connection = connectionBetween(pairing, {
      client: { trustStore: trusting(await trustedRoot) },
      server: {
        certificateChain: [
          signingChain({ ...identity, chain: [first.certificate, stranger.certificate, second.certificate] }),
        ],
      },
    })
    await connection.establish()
  })

  it('the error says which certificate it is about', async () => {
    const identity = await makeOddCertificate({ ...plainLeaf, name: 'Ünique Name', issuer: await trustedRoot })
    using connection = connectionBetween(pairing, {
      client: { trustStore: trusting(await makeAuthority({ name: 'Another Root' })) },
      server: { certificateChain: [signingChain(identity)] },
    })
    const { client } = await connection.negotiate()
    assert.ok(client instanceof CertificateError)
    assert.equal(client.subject, 'CN=Ünique Name')
    assert.equal(client.code, 'ERR_TLS_CERTIFICATE')
  })
})

/** One side refuses the other's certificate, and the other hears of it by alert. */
async function assertRefused(
  pairing: Pairing,
  judge: 'client' | 'server',
  expected: { readonly reason: CertificateReason; readonly depth: number; readonly alert: AlertName },
  options: ConnectionOptions,
): Promise<void> {
  using connection = connectionBetween(pairing, options)
  const endings = await connection.negotiate()
  const error = endings[judge]
  assert.ok(error instanceof CertificateError, String(error))
  const { reason, depth, alert } = error
  assert.deepEqual({ reason, depth, alert }, expected, error.message)
  const heard = endings[judge === 'client' ? 'server' : 'client']
  assert.ok(heard instanceof AlertReceivedError, String(heard))
  assert.equal(heard.alert, alert)
  assert.equal(connection[judge].facts.verified, false)
}
