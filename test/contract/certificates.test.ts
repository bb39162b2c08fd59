import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type AlertName, AlertReceivedError, CertificateError, type CertificateReason, type TrustStore } from 'polytls'
import { makeAuthority, makeSelfSigned } from '#polytls/cli/certificates.js'
import { forEachPair, forEachVersion, has, type Pairing } from '../support/backends.ts'
import { type ConnectionOptions, connectionBetween, connectionOf, contextsFor } from '../support/connection.ts'
import { hostName, type Identity, signingChain, trusting } from '../support/identities.ts'
import {
  clientAuthentication,
  codeSigning,
  makeOddCertificate,
  permittedSubtree,
  serverAuthentication,
} from '../support/odd-certificates.ts'

/** One certificate that must not be accepted, and how it is refused. */
interface BadCertificate {
  readonly what: string
  readonly make: () => Promise<{ readonly identity: Identity; readonly trustStore: TrustStore }>
  readonly reason: CertificateReason
  readonly depth: number
  readonly alert: AlertName
  readonly serverName?: string
}

const day = 86_400_000
const root = makeOddCertificate({ name: 'A Root', isAuthority: true })
const leaf = { name: 'A Leaf', names: [hostName] }

const badCertificates: readonly BadCertificate[] = [
  {
    what: 'that has expired',
    make: async () => ({
      identity: await makeOddCertificate({
        ...leaf,
        issuer: await root,
        notBefore: new Date(Date.now() - 3 * day),
        notAfter: new Date(Date.now() - day),
      }),
      trustStore: trusting(await root),
    }),
    reason: 'expired',
    depth: 0,
    alert: 'certificate_expired',
  },
  {
    what: 'that is not yet valid',
    make: async () => ({
      identity: await makeOddCertificate({
        ...leaf,
        issuer: await root,
        notBefore: new Date(Date.now() + day),
        notAfter: new Date(Date.now() + 3 * day),
      }),
      trustStore: trusting(await root),
    }),
    reason: 'not-yet-valid',
    depth: 0,
    alert: 'bad_certificate',
  },
  {
    what: 'whose issuer has expired',
    make: async () => {
      const issuer = await makeOddCertificate({
        name: 'Of Old',
        isAuthority: true,
        issuer: await root,
        notBefore: new Date(Date.now() - 3 * day),
        notAfter: new Date(Date.now() - day),
      })
      return { identity: await makeOddCertificate({ ...leaf, issuer }), trustStore: trusting(await root) }
    },
    reason: 'expired',
    depth: 1,
    alert: 'certificate_expired',
  },
  {
    what: 'from an authority that is not trusted',
    make: async () => ({
      identity: await makeOddCertificate({ ...leaf, issuer: await root }),
      trustStore: trusting(await makeAuthority({ name: 'Another Root' })),
    }),
    reason: 'unknown-issuer',
    depth: 0,
    alert: 'unknown_ca',
  },
  {
    what: 'without the intermediate that issued it',
    make: async () => {
      const issuer = await makeOddCertificate({ name: 'Between', isAuthority: true, issuer: await root })
      const identity = await makeOddCertificate({ ...leaf, issuer })
      return { identity: { ...identity, chain: [] }, trustStore: trusting(await root) }
    },
    reason: 'unknown-issuer',
    depth: 0,
    alert: 'unknown_ca',
  },
  {
    what: 'that is its own issuer',
    make: async () => ({
      identity: await makeSelfSigned({ name: 'Alone', names: [hostName] }),
      trustStore: trusting(await root),
    }),
    reason: 'self-signed',
    depth: 0,
    alert: 'unknown_ca',
  },
  {
    what: 'whose chain brings its own root along',
    make: async () => {
      const stranger = await makeOddCertificate({ name: 'A Stranger', isAuthority: true })
      const identity = await makeOddCertificate({ ...leaf, issuer: stranger })
      return { identity: { ...identity, chain: [stranger.certificate] }, trustStore: trusting(await root) }
    },
    reason: 'self-signed-in-chain',
    depth: 1,
    alert: 'unknown_ca',
  },
  {
    what: 'whose signature is not its issuer’s',
    make: async () => ({
      identity: await makeOddCertificate({ ...leaf, issuer: await root, forged: true }),
      trustStore: trusting(await root),
    }),
    reason: 'bad-signature',
    depth: 0,
    alert: 'decrypt_error',
  },
  {
    what: 'issued by a certificate that is no authority',
    make: async () => {
      const issuer = await makeOddCertificate({ name: 'Presumptuous', issuer: await root })
      return { identity: await makeOddCertificate({ ...leaf, issuer }), trustStore: trusting(await root) }
    },
    reason: 'not-an-authority',
    depth: 1,
    alert: 'unknown_ca',
  },
  {
    what: 'below an authority that may have none below it',
    make: async () => {
      const last = await makeOddCertificate({ name: 'Last', isAuthority: true, issuer: await root, pathLength: 0 })
      const beyond = await makeOddCertificate({ name: 'Beyond', isAuthority: true, issuer: last })
      return { identity: await makeOddCertificate({ ...leaf, issuer: beyond }), trustStore: trusting(await root) }
    },
    reason: 'path-too-long',
    depth: 2,
    alert: 'unknown_ca',
  },
  {
    what: 'for a name that its authority may not vouch for',
    make: async () => {
      const issuer = await makeOddCertificate({
        name: 'Narrow',
        isAuthority: true,
        issuer: await root,
        extensions: [permittedSubtree('elsewhere.test')],
      })
      return { identity: await makeOddCertificate({ ...leaf, issuer }), trustStore: trusting(await root) }
    },
    reason: 'name-constraints',
    depth: 0,
    alert: 'certificate_unknown',
  },
  {
    what: 'with a critical extension that nobody knows',
    make: async () => ({
      identity: await makeOddCertificate({
        ...leaf,
        issuer: await root,
        extensions: [{ id: '1.3.6.1.4.1.32473.1', critical: true, der: Buffer.from([5, 0]) }],
      }),
      trustStore: trusting(await root),
    }),
    reason: 'unknown-critical-extension',
    depth: 0,
    alert: 'certificate_unknown',
  },
  {
    what: 'for another purpose',
    make: async () => ({
      identity: await makeOddCertificate({ ...leaf, issuer: await root, extendedKeyUsages: [codeSigning] }),
      trustStore: trusting(await root),
    }),
    reason: 'wrong-purpose',
    depth: 0,
    alert: 'unsupported_certificate',
  },
]

const badServerCertificates: readonly BadCertificate[] = [
  ...badCertificates,
  {
    what: 'for clients only',
    make: async () => ({
      identity: await makeOddCertificate({ ...leaf, issuer: await root, extendedKeyUsages: [clientAuthentication] }),
      trustStore: trusting(await root),
    }),
    reason: 'wrong-purpose',
    depth: 0,
    alert: 'unsupported_certificate',
  },
  ...[
    { what: 'for another host', names: ['other.test'] },
    { what: 'for a wildcard that does not reach so deep', names: ['*.test'], serverName: 'a.server.test' },
    { what: 'for a wildcard that stands for more than a label', names: ['*.server.test'], serverName: 'server.test' },
    { what: 'for part of a label', names: ['ser*.test'] },
    { what: 'with a common name alone', name: hostName, names: ['other.test'] },
    { what: 'with the common name and no other', name: hostName, names: undefined },
    { what: 'for another address', names: ['192.0.2.1'], serverName: '192.0.2.2' },
    { what: 'for another IPv6 address', names: ['2001:db8::1'], serverName: '2001:db8::2' },
    { what: 'for a name where an address is wanted', names: ['server.test'], serverName: '192.0.2.2' },
    { what: 'for an address where a name is wanted', names: ['192.0.2.1'], serverName: hostName },
  ].map(
    ({ what, name = 'A Leaf', names, serverName }): BadCertificate => ({
      what,
      make: async () => ({
        identity: await makeOddCertificate({ name, ...(names && { names }), issuer: await root }),
        trustStore: trusting(await root),
      }),
      reason: 'wrong-host',
      depth: 0,
      alert: 'bad_certificate',
      ...(serverName !== undefined && { serverName }),
    }),
  ),
]

const badClientCertificates: readonly BadCertificate[] = [
  ...badCertificates,
  {
    what: 'for servers only',
    make: async () => ({
      identity: await makeOddCertificate({ ...leaf, issuer: await root, extendedKeyUsages: [serverAuthentication] }),
      trustStore: trusting(await root),
    }),
    reason: 'wrong-purpose',
    depth: 0,
    alert: 'unsupported_certificate',
  },
]

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
        const own = await makeOddCertificate({ ...leaf, issuer: await root })
        await assertRefused(
          pairing,
          'server',
          { reason, depth, alert },
          {
            client: { ...bounds, trustStore: trusting(await root), certificateChain: signingChain(identity) },
            server: { certificateChain: [signingChain(own)], clientAuthentication: 'required', trustStore },
          },
        )
      })
    }
  })

  if (has(pairing.clientBackend, 'certificate-verification-time')) {
    it('the clock by which certificates are judged is that of the environment', async () => {
      const identity = await makeOddCertificate({ ...leaf, issuer: await root })
      const options = {
        client: { trustStore: trusting(await root) },
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
      const identity = await makeOddCertificate({ ...leaf, issuer: await root })
      let now = Date.now()
      const contexts = contextsFor(pairing, {
        client: { trustStore: trusting(await root) },
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
      const identity = await makeOddCertificate({ name: 'A Leaf', names, issuer: await root })
      using connection = connectionBetween(pairing, {
        client: { trustStore: trusting(await root) },
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
      issuer: await root,
      extensions: [permittedSubtree(hostName)],
    })
    using connection = connectionBetween(pairing, {
      client: { trustStore: trusting(await root) },
      server: { certificateChain: [signingChain(await makeOddCertificate({ ...leaf, issuer }))] },
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
    const identity = await makeOddCertificate({ ...leaf, issuer: await root })
    using connection = connectionBetween(pairing, {
      client: { trustStore: trusting(identity) },
      server: { certificateChain: [signingChain(identity)] },
    })
    await connection.establish()
  })

  it('a chain may end at an intermediate that is trusted', async () => {
    const intermediate = await makeOddCertificate({ name: 'Between', isAuthority: true, issuer: await root })
    const identity = await makeOddCertificate({ ...leaf, issuer: intermediate })
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
    const first = await makeOddCertificate({ name: 'First', isAuthority: true, issuer: await root })
    const second = await makeOddCertificate({ name: 'Second', isAuthority: true, issuer: first })
    const identity = await makeOddCertificate({ ...leaf, issuer: second })
    const stranger = await makeOddCertificate({ name: 'A Stranger', isAuthority: true })
    using connection = connectionBetween(pairing, {
      client: { trustStore: trusting(await root) },
      server: {
        certificateChain: [
          signingChain({ ...identity, chain: [first.certificate, stranger.certificate, second.certificate] }),
        ],
      },
    })
    await connection.establish()
  })

  it('the error says which certificate it is about', async () => {
    const identity = await makeOddCertificate({ ...leaf, name: 'Ünique Name', issuer: await root })
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
