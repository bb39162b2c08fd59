import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  AlertReceivedError,
  ConfigurationError,
  NegotiationError,
  ProtocolError,
  TLSClientConfiguration,
  TLSVersion,
} from 'polytls'
import { forEachBackend, forEachPair, only } from '../support/backends.ts'
import { connectionBetween, step } from '../support/connection.ts'
import { matching } from '../support/identities.ts'

forEachPair('versions', (pairing) => {
  const both = (version: 'TLSv1.2' | 'TLSv1.3'): boolean =>
    pairing.clientBackend.capabilities.versions.includes(version) &&
    pairing.serverBackend.capabilities.versions.includes(version)
  const agreed = [pairing.clientBackend, pairing.serverBackend].every((each) => each.capabilities.versions.length === 2)

  if (agreed) {
    it('without bounds, the highest that both speak is agreed', async () => {
      using connection = await connectionBetween(pairing, await matching()).establish()
      assert.equal(connection.client.facts.version, 'TLSv1.3')
      assert.equal(connection.server.facts.version, 'TLSv1.3')
    })

    for (const { client, server, expected } of [
      { client: { highestSupportedVersion: TLSVersion.TLSv1_2 }, server: {}, expected: 'TLSv1.2' },
      { client: {}, server: { highestSupportedVersion: TLSVersion.TLSv1_2 }, expected: 'TLSv1.2' },
      { client: { lowestSupportedVersion: TLSVersion.TLSv1_3 }, server: {}, expected: 'TLSv1.3' },
      { client: {}, server: { lowestSupportedVersion: TLSVersion.TLSv1_3 }, expected: 'TLSv1.3' },
      {
        client: { lowestSupportedVersion: TLSVersion.MINIMUM_SUPPORTED },
        server: { highestSupportedVersion: TLSVersion.MAXIMUM_SUPPORTED },
        expected: 'TLSv1.3',
      },
    ]) {
      it(`client ${JSON.stringify(client)}, server ${JSON.stringify(server)}: ${expected}`, async () => {
        const options = await matching()
        using connection = connectionBetween(pairing, {
          client: { ...options.client, ...client },
          server: { ...options.server, ...server },
        })
        await connection.establish()
        assert.equal(connection.client.facts.version, expected)
        assert.equal(connection.server.facts.version, expected)
      })
    }

    for (const [clientVersion, serverVersion] of [
      ['TLSv1.2', 'TLSv1.3'],
      ['TLSv1.3', 'TLSv1.2'],
    ] as const) {
      it(`a client held to ${clientVersion} and a server held to ${serverVersion} refuse each other, and both say why`, async () => {
        const { client, server } = await matching()
        using connection = connectionBetween(pairing, {
          client: { ...client, ...only(clientVersion) },
          server: { ...server, ...only(serverVersion) },
        })
        const endings = await connection.negotiate()
        assert.ok(endings.server instanceof NegotiationError, String(endings.server))
        assert.equal(endings.server.subject, 'version')
        assert.equal(endings.server.alert, 'protocol_version')
        assert.ok(endings.client instanceof AlertReceivedError, String(endings.client))
        assert.equal(endings.client.alert, 'protocol_version')
        assert.match(endings.client.hint ?? '', /TLS 1\.3/)
      })
    }

    it('a suite list without any of a version leaves that version out', async () => {
      const { client, server } = await matching('ecdsa-p256')
      using connection = connectionBetween(pairing, {
        client: { ...client, ciphers: [0xc02b] },
        server,
      })
      await connection.establish()
      assert.equal(connection.client.facts.version, 'TLSv1.2')
    })

    it('a downgrade that a third party forces is noticed by the client', async () => {
      // Somebody strikes TLS 1.3 from the client's list, and the server marks its answer. RFC 9846, Section 4.2.3.
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, { client, server })
      connection.client.handshake()
      const hello = Buffer.from(connection.client.processOutgoing())
      // supported_versions with TLS 1.3 first; 0x0a0a is a version that nobody knows. RFC 8701.
      const at = hello.indexOf(Buffer.from([0x00, 0x2b, 0x00]))
      assert.ok(at > 0)
      const listed = hello.indexOf(Buffer.from([0x03, 0x04]), at)
      assert.ok(listed > at && listed < at + 12)
      hello.writeUInt16BE(0x0a0a, listed)
      connection.server.processIncoming(hello)
      connection.server.handshake()
      connection.client.processIncoming(connection.server.processOutgoing())
      const error = step(() => connection.client.handshake())
      assert.ok(error instanceof ProtocolError, String(error))
      assert.equal(error.alert, 'illegal_parameter')
      connection.flow()
      const heard = step(() => connection.server.handshake())
      assert.ok(heard instanceof AlertReceivedError, String(heard))
      assert.equal(heard.alert, 'illegal_parameter')
    })
  } else {
    it('a pair that shares one version agrees on it', async () => {
      const shared = (['TLSv1.3', 'TLSv1.2'] as const).find(both)
      if (shared === undefined) {
        using connection = connectionBetween(pairing, await matching())
        const endings = await connection.negotiate()
        assert.ok(endings.server instanceof NegotiationError)
        return
      }
      using connection = await connectionBetween(pairing, await matching()).establish()
      assert.equal(connection.client.facts.version, shared)
    })
  }
})

forEachBackend('versions', (backend) => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    if (backend.capabilities.versions.includes(version)) continue
    it(`${version}, which it does not speak, is refused by name`, async () => {
      const { client } = await matching()
      const configuration = new TLSClientConfiguration({ ...client, ...only(version) })
      assert.throws(
        () => backend.clientContext(configuration),
        (error) => error instanceof ConfigurationError && /SupportedVersion$/.test(error.field),
      )
    })
  }

  it('suites that belong to no version within the bounds are refused by name', async () => {
    const { client } = await matching()
    for (const options of [
      { ciphers: [0x1301], highestSupportedVersion: TLSVersion.TLSv1_2 },
      { ciphers: [0xc02b], lowestSupportedVersion: TLSVersion.TLSv1_3 },
    ]) {
      const configuration = new TLSClientConfiguration({ ...client, ...options })
      assert.ok(backend.explain(configuration).some(({ field }) => field.startsWith('ciphers')))
      assert.throws(
        () => backend.clientContext(configuration),
        (error) => error instanceof ConfigurationError && error.field.startsWith('ciphers'),
      )
    }
  })
})
