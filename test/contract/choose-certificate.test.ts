import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type CertificateRequest, ConfigurationError, TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import { forEachBackend, forEachPair, has, only } from '../support/backends.ts'
import { connectionBetween } from '../support/connection.ts'
import { authority, clientIdentity, derChain, matching, signingChain, trusting } from '../support/identities.ts'
import { establish } from '../support/resumption.ts'

const feature = 'choose-certificate'

forEachBackend('the choice of a client’s certificate', (backend) => {
  if (has(backend, feature)) return
  it('is refused by a backend that cannot ask for it', async () => {
    const { client } = await matching()
    const chooseCertificate = () => undefined
    assert.throws(
      () => backend.clientContext(new TLSClientConfiguration({ ...client, chooseCertificate })),
      (error) => error instanceof ConfigurationError && error.field === 'chooseCertificate',
    )
  })
})

forEachPair('the choice of a client’s certificate', (pairing) => {
  const { clientBackend, serverBackend } = pairing
  if (!has(clientBackend, feature)) return

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    if (!serverBackend.capabilities.versions.includes(version)) continue

    it(`is made in the handshake of ${version}, by what the server asks for`, async () => {
      const base = await matching()
      const mine = await clientIdentity()
      const requests: CertificateRequest[] = []
      const chooseCertificate = async (request: CertificateRequest) => {
        requests.push(request)
        return signingChain(mine)
      }
      const trustStore = trusting(await authority())
      const client = new TLSClientConfiguration({ ...base.client, ...only(version), chooseCertificate })
      const server = new TLSServerConfiguration({ ...base.server, trustStore, clientAuthentication: 'required' })
      using connection = await establish(connectionBetween(pairing, { client, server }))
      assert.deepEqual(connection.server.facts.peerChain, derChain(mine))
      assert.equal(connection.server.facts.verified, true)
      assert.equal(connection.client.facts.version, version)
      assert.equal(requests.length, 1)
      assert.equal(requests[0]?.afterHandshake, false)
      assert.equal(requests[0]?.authorities.length, 1)
      assert.ok((requests[0]?.signatureSchemes.length ?? 0) > 0)
      assert.equal(connection.transfer('client', Buffer.from('it is me')).toString(), 'it is me')
    })

    it(`may be to show nothing in ${version}`, async () => {
      const base = await matching()
      const trustStore = trusting(await authority())
      const chooseCertificate = () => undefined
      const client = new TLSClientConfiguration({ ...base.client, ...only(version), chooseCertificate })
      const server = new TLSServerConfiguration({ ...base.server, trustStore, clientAuthentication: 'requested' })
      using connection = await establish(connectionBetween(pairing, { client, server }))
      assert.deepEqual(connection.server.facts.peerChain, [])
      assert.equal(connection.transfer('client', Buffer.from('nobody')).toString(), 'nobody')
    })
  }
})
