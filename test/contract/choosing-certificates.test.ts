import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  AlertReceivedError,
  BackendError,
  CertificateError,
  type CertificateRequest,
  type ChooseCertificate,
  ConfigurationError,
  type ServerOptions,
  SignatureScheme,
  TLSClientConfiguration,
} from 'polytls'
import { forEachBackend, forEachPair, forEachVersion, has } from '../support/backends.ts'
import { type Connection, connectionBetween } from '../support/connection.ts'
import {
  authority,
  clientIdentity,
  derChain,
  derOf,
  makeAuthority,
  matching,
  signingChain,
  trusting,
} from '../support/identities.ts'
import { exchange } from '../support/late.ts'
import { establish, negotiate } from '../support/resumption.ts'

forEachBackend('choosing certificates', (backend) => {
  if (has(backend, 'choose-certificate')) return
  it('a backend that cannot ask refuses a configuration that wants it', async () => {
    const { client } = await matching()
    assert.throws(
      () => backend.clientContext(new TLSClientConfiguration({ ...client, chooseCertificate: () => undefined })),
      (error) => error instanceof ConfigurationError && error.field === 'chooseCertificate',
    )
  })
})

forEachPair('choosing certificates', (pairing) => {
  if (!has(pairing.clientBackend, 'choose-certificate')) return

  forEachVersion(pairing, (version, bounds) => {
    async function connection(chooseCertificate: ChooseCertificate, more: Partial<ServerOptions>): Promise<Connection> {
      const { client, server } = await matching()
      return connectionBetween(pairing, {
        client: { ...client, ...bounds, chooseCertificate },
        server: { ...server, trustStore: trusting(await authority()), ...more },
      })
    }

    for (const when of ['at once', 'later'] as const) {
      it(`${version}: a client chooses ${when} what it shows, by what it is asked for`, async () => {
        const requests: CertificateRequest[] = []
        const mine = signingChain(await clientIdentity())
        const choose: ChooseCertificate = (request) => {
          requests.push(request)
          return when === 'at once' ? mine : Promise.resolve(mine)
        }
        using made = await connection(choose, { clientAuthentication: 'required' })
        const { client, server, asked } = await negotiate(made)
        assert.deepEqual([client, server], ['done', 'done'])
        assert.deepEqual(asked, ['choose-certificate'])
        assert.deepEqual(made.server.facts.peerChain, derChain(await clientIdentity()))
        const [request, ...others] = requests
        assert.equal(others.length, 0)
        assert.equal(request?.afterHandshake, false)
        assert.ok(request.signatureSchemes.includes(SignatureScheme.ecdsa_secp256r1_sha256))
        // The subject of the authority, as it stands in its certificate.
        const [name] = request.authorities
        assert.equal(request.authorities.length, 1)
        assert.ok(name && Buffer.from(derOf((await authority()).certificate)).includes(Buffer.from(name)))
        assert.equal(made.transfer('client', Buffer.from('chosen')).toString(), 'chosen')
      })
    }

    it(`${version}: a client can decline, and the server decides what becomes of that`, async () => {
      using admitted = await establish(await connection(() => undefined, { clientAuthentication: 'requested' }))
      assert.deepEqual(admitted.server.facts.peerChain, [])
      using refused = await connection(() => undefined, { clientAuthentication: 'required' })
      await negotiate(refused)
      const { client, server } = await exchangeAfterwards(refused)
      assert.ok(server instanceof CertificateError, String(server))
      assert.equal(server.reason, 'missing')
      assert.ok(client instanceof AlertReceivedError, String(client))
    })

    it(`${version}: who is not asked chooses nothing`, async () => {
      const choose: ChooseCertificate = () => assert.fail('nobody asked')
      using made = await establish(await connection(choose, {}))
      assert.deepEqual(made.server.facts.peerChain, [])
    })

    it(`${version}: a choice that fails, or that cannot be shown, gives the connection up`, async () => {
      const cause = new Error('no hand free')
      using failing = await connection(() => Promise.reject(cause), { clientAuthentication: 'requested' })
      const { client: failed, server: told } = await negotiate(failing)
      assert.ok(failed instanceof BackendError, String(failed))
      assert.equal(failed.cause, cause)
      assert.ok(told instanceof AlertReceivedError && told.alert === 'internal_error', String(told))

      using junk = await connection(() => ({ leaf: 1, key: 2 }) as never, { clientAuthentication: 'requested' })
      const { client: puzzled } = await negotiate(junk)
      assert.ok(puzzled instanceof BackendError && puzzled.cause instanceof TypeError, String(puzzled))

      const [mine, other] = [await clientIdentity(), await makeAuthority({ name: 'Another' })]
      const mixed = { ...signingChain(mine), key: signingChain({ ...other, chain: [] }).key }
      using mistaken = await connection(() => mixed, { clientAuthentication: 'requested' })
      const { client: refused } = await negotiate(mistaken)
      assert.ok(refused instanceof ConfigurationError, String(refused))
      assert.equal(refused.field, 'chooseCertificate.key')
    })

    it(`${version}: the chosen one is verified like any other`, async () => {
      const stranger = await (await makeAuthority({ name: 'A Stranger' })).issue({ name: 'Nobody' })
      using made = await connection(() => signingChain(stranger), { clientAuthentication: 'requested' })
      await negotiate(made)
      const { client, server } = await exchangeAfterwards(made)
      assert.ok(server instanceof CertificateError, String(server))
      assert.equal(server.reason, 'unknown-issuer')
      assert.ok(client instanceof AlertReceivedError, String(client))
      assert.equal(client.alert, 'unknown_ca')
    })

    it(`${version}: the veto over the server comes before anything is chosen`, async () => {
      const order: string[] = []
      const { client, server } = await matching()
      using made = connectionBetween(pairing, {
        client: {
          ...client,
          ...bounds,
          verifyPeer: () => {
            order.push('verify')
            return { accept: true }
          },
          chooseCertificate: () => {
            order.push('choose')
            return undefined
          },
        },
        server: { ...server, clientAuthentication: 'requested', trustStore: trusting(await authority()) },
      })
      await establish(made)
      assert.deepEqual(order, ['verify', 'choose'])
    })
  })
})

/** What both sides' next steps say: with TLS 1.3 a client is done before it hears that it is refused. */
async function exchangeAfterwards(made: Connection): Promise<{ client: unknown; server: unknown }> {
  const endings = made.advance()
  const read = endings.client === 'done' ? (await exchange(made)).client.ending : endings.client
  return { client: read, server: endings.server }
}
