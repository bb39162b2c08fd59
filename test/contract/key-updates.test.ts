import assert from 'node:assert/strict'
import { it } from 'node:test'
import { UsageError } from 'polytls'
import { forEachPair, has, only } from '../support/backends.ts'
import { connectionBetween } from '../support/connection.ts'
import { matching } from '../support/identities.ts'

forEachPair('key updates', (pairing) => {
  if (!has(pairing.clientBackend, 'key-update') || !has(pairing.serverBackend, 'key-update')) return

  for (const requestPeer of [false, true]) {
    it(`either side may change its keys, at any time${requestPeer ? ', and ask the other to' : ''}`, async () => {
      using connection = await connectionBetween(pairing, await matching()).establish()
      for (const side of ['client', 'server', 'client', 'client'] as const) {
        connection[side].updateKeys({ requestPeer })
        assert.ok(connection[side].outgoingBytesBuffered > 0)
        connection.flow()
        for (const from of ['client', 'server'] as const) {
          const data = Buffer.alloc(40_000, `${side} and ${from}`)
          assert.ok(connection.transfer(from, data).equals(data))
        }
      }
    })
  }

  it('there is none in TLS 1.2', async () => {
    const { client, server } = await matching()
    using connection = await connectionBetween(pairing, {
      client: { ...client, ...only('TLSv1.2') },
      server,
    }).establish()
    for (const side of ['client', 'server'] as const) assert.throws(() => connection[side].updateKeys(), UsageError)
  })
})
