import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forEachPair, forEachVersion } from '../support/backends.ts'
import { byteByByte, connectionBetween, connectionOf, contextsFor } from '../support/connection.ts'
import { matching } from '../support/identities.ts'

forEachPair('handshake', (pairing) => {
  forEachVersion(pairing, (version, bounds) => {
    it(`${version} succeeds and carries data both ways`, async () => {
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, { client: { ...client, ...bounds }, server })
      await connection.establish()
      assert.equal(connection.transfer('client', Buffer.from('to the server')).toString(), 'to the server')
      assert.equal(connection.transfer('server', Buffer.from('to the client')).toString(), 'to the client')
    })

    it(`${version} succeeds when every byte comes alone, and so does data`, async () => {
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, {
        client: { ...client, ...bounds },
        server,
        fragmentation: byteByByte,
      })
      await connection.establish()
      assert.equal(connection.transfer('client', Buffer.from('to the server')).toString(), 'to the server')
      assert.equal(connection.transfer('server', Buffer.from('to the client')).toString(), 'to the client')
    })

    it(`${version}: a side that has said all that it can answers want-read until the peer speaks`, async () => {
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, { client: { ...client, ...bounds }, server })
      assert.equal(connection.server.handshake(), 'want-read')
      assert.equal(connection.server.outgoingBytesBuffered, 0)
      assert.equal(connection.client.handshake(), 'want-read')
      const waiting = connection.client.outgoingBytesBuffered
      assert.ok(waiting > 0)
      assert.equal(connection.client.handshake(), 'want-read')
      assert.equal(connection.client.outgoingBytesBuffered, waiting)
      await connection.establish()
    })

    it(`${version}: a handshake that is done stays done and says nothing more`, async () => {
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, { client: { ...client, ...bounds }, server })
      await connection.establish()
      for (const channel of [connection.client, connection.server]) {
        assert.equal(channel.handshake(), 'done')
        assert.equal(channel.outgoingBytesBuffered, 0)
        assert.equal(channel.pause, undefined)
      }
    })

    it(`${version}: ciphertext may be fetched in pieces of any size`, async () => {
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, { client: { ...client, ...bounds }, server })
      assert.equal(connection.client.handshake(), 'want-read')
      const whole = connection.client.outgoingBytesBuffered
      const pieces: Uint8Array[] = []
      while (connection.client.outgoingBytesBuffered > 0) {
        const piece = connection.client.processOutgoing(7)
        assert.ok(piece.byteLength >= 1 && piece.byteLength <= 7)
        pieces.push(piece)
      }
      assert.equal(Buffer.concat(pieces).byteLength, whole)
      assert.equal(connection.client.processOutgoing().byteLength, 0)
      assert.equal(connection.server.processIncoming(Buffer.concat(pieces)), whole)
      await connection.establish()
    })
  })

  it('many connections of one context run at the same time without disturbing one another', async () => {
    const { client, server } = await matching()
    const contexts = contextsFor(pairing, { client, server })
    const all = Array.from({ length: 20 }, () => connectionOf(contexts))
    // Interleaved: every connection makes its first step before any makes its second.
    for (const { client: channel } of all) assert.equal(channel.handshake(), 'want-read')
    for (const { client: from, server: to } of all) {
      const hello = from.processOutgoing()
      assert.equal(to.processIncoming(hello.subarray(0, 50)), 50)
      assert.equal(to.handshake(), 'want-read')
      to.processIncoming(hello.subarray(50))
    }
    for (const connection of all) await connection.establish()
    for (const [index, connection] of all.entries()) connection.client.write(Buffer.from(`message ${index}`))
    for (const connection of all) connection.flow()
    for (const [index, connection] of all.entries()) {
      assert.equal(Buffer.from(connection.server.read(100) as Uint8Array).toString(), `message ${index}`)
      connection[Symbol.dispose]()
    }
  })
})
