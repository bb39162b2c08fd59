import assert from 'node:assert/strict'
import { it } from 'node:test'
import { AlertReceivedError, CertificateError, ConfigurationError, TLSServerConfiguration } from 'polytls'
import { assertKeyRefused, forEachPair, forEachVersion, signsEd25519, signsRSA } from '../support/backends.ts'
import { connectionBetween } from '../support/connection.ts'
import {
  authority,
  clientIdentity,
  derChain,
  makeAuthority,
  matching,
  signingChain,
  trusting,
} from '../support/identities.ts'

forEachPair('client authentication', (pairing) => {
  forEachVersion(pairing, (version, bounds) => {
    it(`${version}: a server that requires a certificate accepts one that it can verify`, async () => {
      const { client, server } = await matching()
      const identity = await clientIdentity()
      using connection = connectionBetween(pairing, {
        client: { ...client, ...bounds, certificateChain: signingChain(identity) },
        server: { ...server, clientAuthentication: 'required', trustStore: trusting(await authority()) },
      })
      await connection.establish()
      assert.equal(connection.server.facts.verified, true)
      assert.deepEqual(connection.server.facts.peerChain, derChain(identity))
      assert.equal(connection.transfer('client', Buffer.from('it is me')).toString(), 'it is me')
    })

    it(`${version}: a server that requires a certificate refuses a client without one, and the client hears why`, async () => {
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, {
        client: { ...client, ...bounds },
        server: { ...server, clientAuthentication: 'required', trustStore: trusting(await authority()) },
      })
      const endings = await connection.negotiate()
      assert.ok(endings.server instanceof CertificateError, String(endings.server))
      assert.equal(endings.server.reason, 'missing')
      assert.ok(endings.client instanceof AlertReceivedError, String(endings.client))
      // RFC 5246, Section 7.4.6 has handshake_failure for it; RFC 9846, Section 4.5.2.4 an alert of its own.
      assert.equal(endings.client.alert, version === 'TLSv1.3' ? 'certificate_required' : 'handshake_failure')
      assert.equal(endings.server.alert, endings.client.alert)
    })

    it(`${version}: a server that requests a certificate lets a client without one in, unverified`, async () => {
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, {
        client: { ...client, ...bounds },
        server: { ...server, clientAuthentication: 'requested', trustStore: trusting(await authority()) },
      })
      await connection.establish()
      assert.equal(connection.server.facts.verified, false)
      assert.equal(connection.server.facts.peerCertificate, undefined)
      assert.deepEqual(connection.server.facts.peerChain, [])
    })

    it(`${version}: a server that requests a certificate verifies the one that it gets`, async () => {
      const { client, server } = await matching()
      const options = { ...server, clientAuthentication: 'requested', trustStore: trusting(await authority()) } as const
      using good = connectionBetween(pairing, {
        client: { ...client, ...bounds, certificateChain: signingChain(await clientIdentity()) },
        server: options,
      })
      await good.establish()
      assert.equal(good.server.facts.verified, true)

      const stranger = await (await makeAuthority({ name: 'A Stranger' })).issue({
        name: 'Nobody',
      })
      using bad = connectionBetween(pairing, {
        client: { ...client, ...bounds, certificateChain: signingChain(stranger) },
        server: options,
      })
      const endings = await bad.negotiate()
      assert.ok(endings.server instanceof CertificateError, String(endings.server))
      assert.equal(endings.server.reason, 'unknown-issuer')
      assert.ok(endings.client instanceof AlertReceivedError, String(endings.client))
      assert.equal(endings.client.alert, 'unknown_ca')
    })

    it(`${version}: a server that does not ask gets no certificate`, async () => {
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, {
        client: { ...client, ...bounds, certificateChain: signingChain(await clientIdentity()) },
        server,
      })
      await connection.establish()
      assert.equal(connection.server.facts.peerCertificate, undefined)
      assert.equal(connection.server.facts.verified, false)
    })

    it(`${version}: a client shows its intermediates, and the root stays at home`, async () => {
      const { client, server } = await matching()
      const root = await makeAuthority({ name: 'A Root' })
      const identity = await (await root.issueAuthority({ name: 'Between' })).issue({
        name: 'A Client',
      })
      using connection = connectionBetween(pairing, {
        client: { ...client, ...bounds, certificateChain: signingChain(identity) },
        server: { ...server, clientAuthentication: 'required', trustStore: trusting(root) },
      })
      await connection.establish()
      assert.deepEqual(connection.server.facts.peerChain, derChain(identity))
      assert.equal(connection.server.facts.peerChain.length, 2)
    })

    for (const kind of ['rsa-2048', 'ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519'] as const) {
      it(`${version}: a client proves a key of the kind ${kind}`, async () => {
        const { client, server } = await matching()
        const identity = await clientIdentity(kind)
        const { clientBackend } = pairing
        if ((kind === 'rsa-2048' && !signsRSA(clientBackend)) || (kind === 'ed25519' && !signsEd25519(clientBackend))) {
          assertKeyRefused(clientBackend, signingChain(identity))
          return
        }
        using connection = connectionBetween(pairing, {
          client: { ...client, ...bounds, certificateChain: signingChain(identity) },
          server: { ...server, clientAuthentication: 'required', trustStore: trusting(await authority()) },
        })
        await connection.establish()
        assert.deepEqual(connection.server.facts.peerCertificate, derChain(identity)[0])
      })
    }
  })

  it('a server that asks for certificates needs to be told whom to trust', async () => {
    const { server } = await matching()
    for (const clientAuthentication of ['requested', 'required'] as const) {
      assert.throws(
        () => new TLSServerConfiguration({ ...server, clientAuthentication }),
        (error) => error instanceof ConfigurationError && error.field === 'trustStore',
      )
    }
  })
})
