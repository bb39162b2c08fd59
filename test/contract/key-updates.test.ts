import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ProtocolError, UsageError } from 'polytls'
import { outgoingLimitBytes } from '#polytls/channel/limits.js'
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

  it('a flood of requests is an end, or makes nobody hold more than he may', async () => {
    for (const from of ['client', 'server'] as const) {
      using connection = await connectionBetween(pairing, await matching()).establish()
      const to = from === 'client' ? connection.server : connection.client
      let ending: unknown
      for (let count = 0; count < 3000 && ending === undefined; count++) {
        connection[from].updateKeys({ requestPeer: true })
        try {
          to.processIncoming(connection[from].processOutgoing())
          to.read(1)
        } catch (error) {
          ending = error
        }
        // What it owes is not fetched.
        assert.ok(to.outgoingBytesBuffered <= 2 * outgoingLimitBytes + 1000, `${count} requests`)
      }
      assert.ok(ending === undefined || ending instanceof ProtocolError, String(ending))
    }
  })

  it('what is no option is refused, and changes nothing', async () => {
    using connection = await connectionBetween(pairing, await matching()).establish()
    for (const wrong of [null, 1, 'true', [], { requestPeer: 'yes' }, { requestPeer: 1 }])
      assert.throws(() => connection.client.updateKeys(wrong as never), TypeError)
    assert.equal(connection.client.outgoingBytesBuffered, 0)
    assert.equal(connection.transfer('client', Buffer.from('on')).toString(), 'on')
  })

  it('there is none in TLS 1.2', async () => {
    const { client, server } = await matching()
    using connection = await connectionBetween(pairing, {
      client: { ...client, ...only('TLSv1.2') },
      server,
    }).establish()
    for (const side of ['client', 'server'] as const) assert.throws(() => connection[side].updateKeys(), UsageError)
  })
})
