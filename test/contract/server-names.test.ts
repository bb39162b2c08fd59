import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ConfigurationError, SignatureScheme, TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import type { KeyKind, MadeCertificate } from '#polytls/cli/certificates.js'
import {
  assertSchemesRefused,
  choosesSchemes,
  forEachPair,
  forEachVersion,
  has,
  only,
  steadyKey,
} from '../support/backends.ts'
import { connectionBetween } from '../support/connection.ts'
import { anyKeyKind, derOf, makeAuthority, signingChain, trusting } from '../support/identities.ts'

forEachPair('choice by server name', (pairing) => {
  const root = makeAuthority({ name: 'A Root' })
  const made = new Map<string, Promise<MadeCertificate>>()
  const identityFor = (names: readonly string[], keyKind: KeyKind = anyKeyKind): Promise<MadeCertificate> => {
    const key = `${names} ${keyKind}`
    const found = made.get(key) ?? root.then((issuer) => issuer.issue({ name: names[0] ?? '', names, keyKind }))
    made.set(key, found)
    return found
  }

  if (!has(pairing.serverBackend, 'server-name-selection')) {
    it('a backend without it refuses several chains by name', async () => {
      const certificateChain = [
        signingChain(await identityFor(['a.test'])),
        signingChain(await identityFor(['b.test'])),
      ]
      assert.throws(
        () => pairing.serverBackend.serverContext(new TLSServerConfiguration({ certificateChain })),
        (error) => error instanceof ConfigurationError && error.field.startsWith('certificateChain'),
      )
    })
    return
  }

  const listed = [
    ['default.test'],
    ['*.wild.test'],
    ['exact.wild.test'],
    ['first.test', 'second.test'],
    ['192.0.2.1', '2001:db8::1'],
    ['Upper.Test'],
  ] as const

  forEachVersion(pairing, (version, bounds) => {
    for (const { serverName, expected, what } of [
      { serverName: 'default.test', expected: 0, what: 'an exact name of the first chain' },
      { serverName: 'any.wild.test', expected: 1, what: 'a wildcard' },
      { serverName: 'exact.wild.test', expected: 2, what: 'an exact name before the wildcard that fits as well' },
      { serverName: 'first.test', expected: 3, what: 'the first of several names' },
      { serverName: 'second.test', expected: 3, what: 'another of several names' },
      { serverName: 'SECOND.test', expected: 3, what: 'a name in other case' },
      { serverName: 'upper.test', expected: 5, what: 'a name whose certificate is in other case' },
      { serverName: 'unknown.test', expected: 0, what: 'the first chain where no name fits' },
      { serverName: 'wild.test', expected: 0, what: 'the first chain for the bare name below a wildcard' },
      { serverName: 'too.deep.wild.test', expected: 0, what: 'the first chain for a name deeper than a wildcard' },
      { serverName: null, expected: 0, what: 'the first chain for a client that names nobody' },
    ]) {
      it(`${version}: ${what} (${serverName})`, async () => {
        const identities = await Promise.all(listed.map((names) => identityFor(names)))
        using connection = connectionBetween(pairing, {
          // Without a name to check, so that the choice shows itself whatever it is.
          client: { ...bounds, trustStore: trusting(await root) },
          server: { certificateChain: identities.map(signingChain) },
          serverName,
        })
        const endings = await connection.negotiate()
        const shown =
          connection.client.facts.peerCertificate ??
          // The client has refused a name that does not fit, so its subject tells which one came.
          (endings.client as { subject?: string }).subject
        const wanted = identities[expected] as MadeCertificate
        if (typeof shown === 'string') assert.equal(shown, `CN=${listed[expected]?.[0]}`)
        else assert.deepEqual(shown, derOf(wanted.certificate))
      })
    }
  })

  it('an address that a client names all the same, as some do, is found', async () => {
    const version = 'TLSv1.2' as const
    // Only TLS 1.2 shows the certificate in clear. Our clients send no address (RFC 6066, Section 3), so one is written over a name.
    if (!pairing.serverBackend.capabilities.versions.includes(version)) return
    if (!pairing.clientBackend.capabilities.versions.includes(version)) return
    const identities = await Promise.all(listed.map((names) => identityFor(names)))
    using connection = connectionBetween(pairing, {
      client: { ...only(version), trustStore: trusting(await root) },
      server: { certificateChain: identities.map(signingChain) },
      serverName: 'aaa.b.c.d',
    })
    connection.client.handshake()
    const hello = Buffer.from(connection.client.processOutgoing())
    const at = hello.indexOf('aaa.b.c.d')
    assert.ok(at > 0)
    hello.write('192.0.2.1', at)
    connection.server.processIncoming(hello)
    connection.server.handshake()
    const flight = Buffer.from(connection.server.processOutgoing())
    assert.ok(flight.includes(Buffer.from(derOf((identities[4] as MadeCertificate).certificate))))
  })

  forEachVersion(pairing, (version, bounds) => {
    it(`${version}: of two chains for one name, what the client can verify decides`, async () => {
      if (!choosesSchemes(pairing.clientBackend)) return assertSchemesRefused(pairing.clientBackend)
      const { kind, scheme: other } = steadyKey(pairing.serverBackend)
      const [ecdsa, steady] = [await identityFor(['both.test'], 'ecdsa-p256'), await identityFor(['both.test'], kind)]
      for (const [first, second] of [
        [ecdsa, steady],
        [steady, ecdsa],
      ] as const) {
        for (const [scheme, expected] of [
          [SignatureScheme.ecdsa_secp256r1_sha256, ecdsa],
          [other, steady],
        ] as const) {
          using connection = connectionBetween(pairing, {
            client: {
              ...bounds,
              trustStore: trusting(ecdsa, steady),
              // The root signs by ECDSA; what is trusted here are the two certificates themselves.
              signatureSchemes: [scheme],
            },
            server: {
              certificateChain: [
                signingChain(await identityFor(['default.test'])),
                signingChain(first),
                signingChain(second),
              ],
            },
            serverName: 'both.test',
          })
          await connection.establish()
          assert.deepEqual(connection.client.facts.peerCertificate, derOf(expected.certificate))
        }
      }
    })

    it(`${version}: two chains for the default name are both offered as well`, async () => {
      if (!choosesSchemes(pairing.clientBackend)) return assertSchemesRefused(pairing.clientBackend)
      const { kind, scheme: other } = steadyKey(pairing.serverBackend)
      const [ecdsa, steady] = [await identityFor(['both.test'], 'ecdsa-p256'), await identityFor(['both.test'], kind)]
      for (const [scheme, expected] of [
        [SignatureScheme.ecdsa_secp256r1_sha256, ecdsa],
        [other, steady],
      ] as const) {
        using connection = connectionBetween(pairing, {
          client: { ...bounds, trustStore: trusting(ecdsa, steady), signatureSchemes: [scheme] },
          server: { certificateChain: [signingChain(ecdsa), signingChain(steady)] },
          serverName: null,
        })
        await connection.establish()
        assert.deepEqual(connection.client.facts.peerCertificate, derOf(expected.certificate))
      }
    })

    it(`${version}: client authentication, ALPN and limits hold for whichever chain was chosen`, async () => {
      const identities = await Promise.all(listed.map((names) => identityFor(names)))
      const own = await (await root).issue({ name: 'A Client' })
      using connection = connectionBetween(pairing, {
        client: {
          ...bounds,
          trustStore: trusting(await root),
          certificateChain: signingChain(own),
          innerProtocols: ['inner'],
        },
        server: {
          certificateChain: identities.map(signingChain),
          clientAuthentication: 'required',
          trustStore: trusting(await root),
          innerProtocols: ['inner'],
        },
        serverName: 'second.test',
      })
      await connection.establish()
      assert.equal(connection.server.facts.verified, true)
      assert.equal(connection.server.facts.innerProtocol, 'inner')
      assert.equal(connection.server.facts.serverName, 'second.test')
      using without = connectionBetween(pairing, {
        client: { ...bounds, trustStore: trusting(await root) },
        server: {
          certificateChain: identities.map(signingChain),
          clientAuthentication: 'required',
          trustStore: trusting(await root),
        },
        serverName: 'second.test',
      })
      const { server } = await without.negotiate()
      assert.equal((server as { reason?: string }).reason, 'missing')
    })
  })

  it('a server name that is none is refused before anything is sent', async () => {
    const context = pairing.clientBackend.clientContext(
      new TLSClientConfiguration({ trustStore: trusting(await root) }),
    )
    for (const wrong of [
      '',
      'a..b',
      '-a.test',
      'a b',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      'http://a.test',
      `${'a'.repeat(64)}.test`,
    ]) {
      assert.throws(
        () => context.createBuffer(wrong),
        (error) => error instanceof ConfigurationError && error.field === 'serverName',
        wrong,
      )
    }
  })
})
