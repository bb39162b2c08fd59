import assert from 'node:assert/strict'
import { it } from 'node:test'
import { incomingLimitBytes, outgoingLimitBytes } from 'polytls'
import { forEachPair, forEachVersion } from '../support/backends.ts'
import { connectionBetween } from '../support/connection.ts'
import { matching } from '../support/identities.ts'
import { seededBytes } from '../support/randomness.ts'

/** What a record may be longer than its plaintext. RFC 9846, Section 5.2. */
const recordOverheadBytes = 256 + 5

forEachPair('bounds', (pairing) => {
  forEachVersion(pairing, (version, bounds) => {
    const established = async () => {
      const { client, server } = await matching()
      // Tickets would wait with the data.
      const sessions = 'none'
      return connectionBetween(pairing, {
        client: { ...client, ...bounds },
        server: { ...server, sessions },
      }).establish()
    }

    it(`${version}: write takes less once the outgoing side is full, and goes on when there is room`, async () => {
      using connection = await established()
      const { client, server } = connection
      const data = seededBytes(6, 4 * outgoingLimitBytes)
      let sent = 0
      let answer: unknown
      for (;;) {
        answer = client.write(data.subarray(sent))
        if (typeof answer !== 'number') break
        assert.ok(answer > 0 && answer <= data.byteLength - sent)
        sent += answer
      }
      assert.equal(answer, 'want-write')
      assert.ok(sent > 0 && sent <= outgoingLimitBytes, `${sent} bytes were taken`)
      const held = client.outgoingBytesBuffered
      assert.ok(
        held >= outgoingLimitBytes && held <= outgoingLimitBytes + 16 * recordOverheadBytes,
        `${held} bytes wait`,
      )
      assert.equal(client.write(data.subarray(sent)), 'want-write')
      assert.equal(client.outgoingBytesBuffered, held)

      const received: Uint8Array[] = []
      for (
        let underway = new Uint8Array(0);
        received.reduce((sum, each) => sum + each.byteLength, 0) < data.byteLength;
      ) {
        if (underway.byteLength === 0) underway = new Uint8Array(client.processOutgoing(10_000))
        underway = underway.subarray(server.processIncoming(underway))
        if (sent < data.byteLength) sent += Number(client.write(data.subarray(sent))) || 0
        const read = server.read(50_000)
        if (typeof read !== 'string') received.push(read)
      }
      assert.ok(Buffer.concat(received).equals(data))
    })

    it(`${version}: a peer that floods is not taken beyond the limit, and nothing is lost`, async () => {
      using connection = await established()
      const { client, server } = connection
      const data = seededBytes(7, 4 * incomingLimitBytes)
      const ciphertext: Uint8Array[] = []
      for (let sent = 0; sent < data.byteLength; ) {
        const taken = server.write(data.subarray(sent))
        if (typeof taken === 'number') sent += taken
        ciphertext.push(server.processOutgoing())
      }
      let flood = Buffer.concat(ciphertext)
      const offered = flood.byteLength
      for (let taken = 1; taken > 0; ) {
        taken = client.processIncoming(flood)
        flood = flood.subarray(taken)
        assert.ok(client.incomingBytesBuffered <= incomingLimitBytes)
      }
      assert.equal(offered - flood.byteLength, incomingLimitBytes)
      assert.equal(client.incomingBytesBuffered, incomingLimitBytes)
      assert.equal(client.processIncoming(flood), 0)

      const received: Uint8Array[] = []
      for (;;) {
        const read = client.read(9000)
        if (typeof read !== 'string') received.push(read)
        else if (flood.byteLength === 0) break
        flood = flood.subarray(client.processIncoming(flood))
        assert.ok(client.incomingBytesBuffered <= incomingLimitBytes)
      }
      assert.ok(Buffer.concat(received).equals(data))
    })

    it(`${version}: a flood in one-byte pieces is bounded as well`, async () => {
      using connection = await established()
      const { client, server } = connection
      server.write(Buffer.alloc(10_000, 'x'))
      const record = server.processOutgoing()
      let taken = 0
      for (const byte of record) {
        taken += client.processIncoming(Uint8Array.of(byte))
        assert.ok(client.incomingBytesBuffered <= taken)
      }
      assert.equal(taken, record.byteLength)
      let read = 0
      for (let chunk = client.read(999); typeof chunk !== 'string'; chunk = client.read(999)) read += chunk.byteLength
      assert.equal(read, 10_000)
      assert.equal(client.incomingBytesBuffered, 0)
    })
  })

  it('bytes before the handshake are bounded as well', async () => {
    const { client, server } = await matching()
    using connection = connectionBetween(pairing, { client, server })
    const flood = Buffer.alloc(incomingLimitBytes + 1000, 0x16)
    assert.equal(connection.server.processIncoming(flood), incomingLimitBytes)
    assert.equal(connection.server.processIncoming(flood), 0)
    assert.throws(() => connection.server.handshake())
  })
})
