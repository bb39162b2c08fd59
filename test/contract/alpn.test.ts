import assert from 'node:assert/strict'
import { it } from 'node:test'
import { AlertReceivedError, NegotiationError } from 'polytls'
import { forEachPair, forEachVersion } from '../support/backends.ts'
import { connectionBetween } from '../support/connection.ts'
import { matching } from '../support/identities.ts'

forEachPair('ALPN', (pairing) => {
  forEachVersion(pairing, (version, bounds) => {
    const negotiated = async (clientProtocols?: readonly string[], serverProtocols?: readonly string[]) => {
      const { client, server } = await matching()
      return connectionBetween(pairing, {
        client: { ...client, ...bounds, ...(clientProtocols && { innerProtocols: clientProtocols }) },
        server: { ...server, ...(serverProtocols && { innerProtocols: serverProtocols }) },
      })
    }

    for (const { what, client, server, expected } of [
      { what: 'the server chooses by its own preference', client: ['a', 'b', 'c'], server: ['c', 'b'], expected: 'c' },
      { what: 'one in common is enough', client: ['x', 'h2'], server: ['h2', 'http/1.1'], expected: 'h2' },
      { what: 'a client that offers none gets none', client: undefined, server: ['h2'], expected: undefined },
      { what: 'a server that knows of none leaves it', client: ['h2'], server: undefined, expected: undefined },
      { what: 'a name is not its prefix', client: ['h2c', 'h2'], server: ['h2'], expected: 'h2' },
      { what: 'names are any text', client: ['Ünï/1', '中'], server: ['中'], expected: '中' },
      { what: 'names may be long', client: ['n'.repeat(255)], server: ['n'.repeat(255)], expected: 'n'.repeat(255) },
    ]) {
      it(`${version}: ${what}`, async () => {
        using connection = await (await negotiated(client, server)).establish()
        assert.equal(connection.client.facts.innerProtocol, expected)
        assert.equal(connection.server.facts.innerProtocol, expected)
      })
    }

    it(`${version}: nothing in common is refused by the server, and the client hears why`, async () => {
      using connection = await negotiated(['a'], ['b'])
      const endings = await connection.negotiate()
      assert.ok(endings.server instanceof NegotiationError, String(endings.server))
      assert.equal(endings.server.subject, 'inner-protocol')
      assert.equal(endings.server.alert, 'no_application_protocol')
      assert.ok(endings.client instanceof AlertReceivedError, String(endings.client))
      assert.equal(endings.client.alert, 'no_application_protocol')
    })
  })
})
