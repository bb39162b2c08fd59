import assert from 'node:assert/strict'
import { it } from 'node:test'
import { RaggedEOFError, UsageError } from 'polytls'
import { forEachPair, forEachVersion } from '../support/backends.ts'
import { byteByByte, connectionBetween } from '../support/connection.ts'
import { matching } from '../support/identities.ts'

const text = (read: unknown): string => Buffer.from(read as Uint8Array).toString()

forEachPair('closing', (pairing) => {
  forEachVersion(pairing, (version, bounds) => {
    const established = async (fragmentation?: (available: number) => number) => {
      const { client, server } = await matching()
      return connectionBetween(pairing, {
        client: { ...client, ...bounds },
        server,
        ...(fragmentation && { fragmentation }),
      }).establish()
    }

    for (const first of ['client', 'server'] as const) {
      const second = first === 'client' ? 'server' : 'client'

      it(`${version}: the ${first} closes, the ${second} answers, both are done`, async () => {
        using connection = await established()
        assert.equal(connection[first].shutdown(), 'want-read')
        assert.ok(connection[first].outgoingBytesBuffered > 0)
        connection.flow()
        assert.equal(connection[second].read(100), 'closed')
        assert.equal(connection[second].shutdown(), 'done')
        connection.flow()
        assert.equal(connection[first].shutdown(), 'done')
        assert.equal(connection[first].read(100), 'closed')
        assert.equal(connection[second].readInto(new Uint8Array(10)), 'closed')
      })

      it(`${version}: after its own shutdown the ${first} goes on reading, and the ${second} writing`, async () => {
        using connection = await established()
        connection[first].write(Buffer.from('last words'))
        assert.equal(connection[first].shutdown(), 'want-read')
        connection.flow()
        assert.equal(text(connection[second].read(100)), 'last words')
        assert.equal(connection[second].read(100), 'closed')
        for (const message of ['one', 'two', 'three']) {
          assert.equal(connection[second].write(Buffer.from(message)), message.length)
          connection.flow()
          assert.equal(connection[first].shutdown(), 'want-read')
          assert.equal(text(connection[first].read(100)), message)
        }
        assert.equal(connection[second].shutdown(), 'done')
        connection.flow()
        assert.equal(connection[first].read(100), 'closed')
        assert.equal(connection[first].shutdown(), 'done')
      })
    }

    it(`${version}: close_notify is sent once, however often shutdown is called`, async () => {
      using connection = await established()
      assert.equal(connection.client.shutdown(), 'want-read')
      const once = connection.client.outgoingBytesBuffered
      assert.equal(connection.client.shutdown(), 'want-read')
      assert.equal(connection.client.outgoingBytesBuffered, once)
    })

    it(`${version}: both sides may close at the same time`, async () => {
      using connection = await established()
      assert.equal(connection.client.shutdown(), 'want-read')
      assert.equal(connection.server.shutdown(), 'want-read')
      connection.flow()
      assert.equal(connection.client.shutdown(), 'done')
      assert.equal(connection.server.shutdown(), 'done')
    })

    it(`${version}: nothing can be written after shutdown, and the channel is none the worse`, async () => {
      using connection = await established()
      connection.client.shutdown()
      const waiting = connection.client.outgoingBytesBuffered
      assert.throws(() => connection.client.write(Buffer.from('late')), UsageError)
      assert.equal(connection.client.outgoingBytesBuffered, waiting)
      connection.server.write(Buffer.from('still listening?'))
      connection.flow()
      assert.equal(text(connection.client.read(100)), 'still listening?')
    })

    it(`${version}: data that came before close_notify is read before closed is answered`, async () => {
      using connection = await established()
      connection.client.write(Buffer.from('a'))
      connection.client.write(Buffer.from('b'))
      connection.client.shutdown()
      connection.flow()
      let all = ''
      let read = connection.server.read(1)
      for (; typeof read !== 'string'; read = connection.server.read(1)) all += text(read)
      assert.deepEqual([all, read], ['ab', 'closed'])
      assert.equal(connection.server.read(1), 'closed')
    })

    it(`${version}: what stands behind close_notify is released, byte for byte, once`, async () => {
      for (const pieces of ['together', 'apart'] as const) {
        using connection = await established()
        const { client, server } = connection
        client.write(Buffer.from('data'))
        client.shutdown()
        const plain = Buffer.from('plain text that is not TLS any more')
        const ciphertext = client.processOutgoing()
        assert.equal(server.releaseIncoming().byteLength, 0)
        if (pieces === 'together') server.processIncoming(Buffer.concat([ciphertext, plain]))
        else {
          server.processIncoming(ciphertext)
          server.processIncoming(plain.subarray(0, 5))
          server.processIncoming(plain.subarray(5))
        }
        assert.equal(server.releaseIncoming().byteLength, 0, 'not before closed was answered')
        assert.equal(text(server.read(100)), 'data')
        assert.equal(server.read(100), 'closed')
        assert.equal(text(server.releaseIncoming()), plain.toString())
        assert.equal(server.releaseIncoming().byteLength, 0)
        assert.equal(server.incomingBytesBuffered, 0)
        // From here on the transport belongs to somebody else.
        assert.equal(server.processIncoming(plain), 0)
        assert.equal(server.shutdown(), 'done')
      }
    })

    it(`${version}: another channel's step in between does not lose what stands behind close_notify`, async () => {
      using connection = await established()
      using other = await established()
      connection.client.shutdown()
      connection.server.processIncoming(Buffer.concat([connection.client.processOutgoing(), Buffer.from('plain')]))
      assert.equal(connection.server.read(100), 'closed')
      assert.equal(other.transfer('client', Buffer.from('busy')).toString(), 'busy')
      assert.equal(other.transfer('server', Buffer.from('busy')).toString(), 'busy')
      assert.equal(text(connection.server.releaseIncoming()), 'plain')
    })

    it(`${version}: close_notify that comes byte by byte closes as well`, async () => {
      using connection = await established(byteByByte)
      connection.server.shutdown()
      connection.flow()
      assert.equal(connection.client.read(100), 'closed')
    })

    it(`${version}: an end of the transport after close_notify is an orderly end`, async () => {
      using connection = await established()
      connection.server.write(Buffer.from('all'))
      connection.server.shutdown()
      connection.flow()
      connection.client.endIncoming()
      assert.equal(text(connection.client.read(100)), 'all')
      assert.equal(connection.client.read(100), 'closed')
      assert.equal(connection.client.read(100), 'closed')
    })

    it(`${version}: an end of the transport without close_notify is an error, behind the data that came`, async () => {
      using connection = await established()
      connection.server.write(Buffer.from('some'))
      connection.flow()
      connection.client.endIncoming()
      assert.equal(text(connection.client.read(100)), 'some')
      assert.throws(() => connection.client.read(100), RaggedEOFError)
      assert.throws(() => connection.client.read(100), RaggedEOFError)
    })

    it(`${version}: an end of the transport within a record is an error`, async () => {
      using connection = await established()
      connection.server.write(Buffer.from('cut off'))
      const record = connection.server.processOutgoing()
      connection.client.processIncoming(record.subarray(0, -3))
      connection.client.endIncoming()
      assert.throws(() => connection.client.read(100), RaggedEOFError)
    })

    it(`${version}: after its own shutdown, an end without close_notify is an error all the same`, async () => {
      using connection = await established()
      assert.equal(connection.client.shutdown(), 'want-read')
      connection.client.endIncoming()
      assert.throws(() => connection.client.shutdown(), RaggedEOFError)
    })

    it(`${version}: nothing can come after the end`, async () => {
      using connection = await established()
      connection.client.endIncoming()
      assert.throws(() => connection.client.processIncoming(Uint8Array.of(1)), UsageError)
    })
  })
})
