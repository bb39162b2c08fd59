import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { forEachPair, forEachVersion } from '../support/backends.ts'
import { connectionBetween } from '../support/connection.ts'
import { matching } from '../support/identities.ts'
import { seeded, seededBytes } from '../support/randomness.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

forEachPair('data', (pairing) => {
  forEachVersion(pairing, (version, bounds) => {
    const established = async (fragmentation?: (available: number) => number) => {
      const { client, server } = await matching()
      return connectionBetween(pairing, {
        client: { ...client, ...bounds },
        server,
        ...(fragmentation && { fragmentation }),
      }).establish()
    }

    it(`${version}: 1 MiB arrives whole in both directions, in pieces of random size`, async () => {
      const random = seeded(version === 'TLSv1.3' ? 13 : 12)
      // Sizes from one byte to more than two records, small ones as often as large ones.
      using connection = await established(() => Math.floor(2 ** (random() * 15.5)))
      for (const [seed, from] of (['client', 'server'] as const).entries()) {
        const data = seededBytes(seed, 1024 * 1024)
        assert.equal(sha256(connection.transfer(from, data)), sha256(data))
      }
    })

    it(`${version}: both directions carry data at the same time`, async () => {
      using connection = await established()
      const [up, down] = [seededBytes(3, 100_000), seededBytes(4, 100_000)]
      let [sentUp, sentDown] = [0, 0]
      const [atServer, atClient]: [Uint8Array[], Uint8Array[]] = [[], []]
      const length = (chunks: Uint8Array[]): number => chunks.reduce((sum, each) => sum + each.byteLength, 0)
      for (let round = 0; round < 10_000 && length(atServer) + length(atClient) < 200_000; round++) {
        if (sentUp < up.length) sentUp += Number(connection.client.write(up.subarray(sentUp, sentUp + 5000))) || 0
        if (sentDown < down.length)
          sentDown += Number(connection.server.write(down.subarray(sentDown, sentDown + 3000))) || 0
        connection.flow()
        const [read, otherRead] = [connection.server.read(4000), connection.client.read(7000)]
        if (typeof read !== 'string') atServer.push(read)
        if (typeof otherRead !== 'string') atClient.push(otherRead)
      }
      assert.equal(sha256(Buffer.concat(atServer)), sha256(up))
      assert.equal(sha256(Buffer.concat(atClient)), sha256(down))
    })

    it(`${version}: a write of nothing takes nothing and sends nothing`, async () => {
      using connection = await established()
      assert.equal(connection.client.write(new Uint8Array(0)), 0)
      assert.equal(connection.client.outgoingBytesBuffered, 0)
      assert.equal(connection.transfer('client', Buffer.from('x')).toString(), 'x')
    })

    it(`${version}: a read is partial where the caller wants less than has come`, async () => {
      using connection = await established()
      assert.equal(connection.client.write(Buffer.from('0123456789')), 10)
      connection.flow()
      const { server } = connection
      assert.equal(Buffer.from(server.read(3) as Uint8Array).toString(), '012')
      const memory = Buffer.alloc(8, '-')
      assert.equal(server.readInto(memory.subarray(2, 6)), 4)
      assert.equal(memory.toString(), '--3456--')
      assert.equal(Buffer.from(server.read(100) as Uint8Array).toString(), '789')
      assert.equal(server.read(100), 'want-read')
      assert.equal(server.readInto(memory), 'want-read')
    })

    it(`${version}: reading into no room takes nothing`, async () => {
      using connection = await established()
      connection.client.write(Buffer.from('data'))
      connection.flow()
      assert.equal(connection.server.readInto(new Uint8Array(0)), 0)
      assert.equal(Buffer.from(connection.server.read(100) as Uint8Array).toString(), 'data')
    })

    it(`${version}: an incomplete record is not read, a complete one is at once`, async () => {
      using connection = await established()
      const { client, server } = connection
      client.write(Buffer.from('whole'))
      const record = client.processOutgoing()
      assert.equal(server.processIncoming(record.subarray(0, -1)), record.byteLength - 1)
      assert.equal(server.read(100), 'want-read')
      assert.equal(server.processIncoming(record.subarray(-1)), 1)
      assert.equal(Buffer.from(server.read(100) as Uint8Array).toString(), 'whole')
    })

    it(`${version}: a read larger than a record answers what has come`, async () => {
      using connection = await established()
      const data = seededBytes(5, 40_000)
      let sent = 0
      while (sent < data.length) sent += connection.client.write(data.subarray(sent)) as number
      connection.flow()
      const pieces: Uint8Array[] = []
      for (
        let read = connection.server.read(1_000_000);
        typeof read !== 'string';
        read = connection.server.read(1_000_000)
      )
        pieces.push(read)
      assert.deepEqual(Buffer.concat(pieces), data)
    })

    it(`${version}: what was read belongs to the caller`, async () => {
      using connection = await established()
      connection.client.write(Buffer.from('first'))
      connection.flow()
      const first = connection.server.read(100) as Uint8Array
      const copy = Buffer.from(first)
      connection.client.write(Buffer.from('OTHER'))
      connection.flow()
      const second = connection.server.read(100) as Uint8Array
      assert.deepEqual(Buffer.from(first), copy)
      second.fill(0)
      assert.deepEqual(Buffer.from(first), copy)
    })

    it(`${version}: memory given to write and processIncoming may be used again at once`, async () => {
      using connection = await established()
      const { client, server } = connection
      const plain = Buffer.from('the message')
      client.write(plain)
      plain.fill(0)
      const cipher = Buffer.from(client.processOutgoing())
      server.processIncoming(cipher)
      cipher.fill(0)
      assert.equal(Buffer.from(server.read(100) as Uint8Array).toString(), 'the message')
    })

    it(`${version}: ciphertext is fetched into the caller's memory as much as fits, in order`, async () => {
      using connection = await established()
      const { client, server } = connection
      client.write(Buffer.from('the first message'))
      const waiting = client.outgoingBytesBuffered
      const memory = Buffer.alloc(waiting + 10, 0xee)
      assert.equal(client.processOutgoingInto(new Uint8Array(0)), 0)
      assert.equal(client.processOutgoingInto(memory.subarray(0, 7)), 7)
      assert.equal(client.outgoingBytesBuffered, waiting - 7)
      // A step of another channel in between changes nothing.
      assert.equal(server.read(1), 'want-read')
      assert.equal(client.processOutgoingInto(memory.subarray(7)), waiting - 7)
      assert.equal(client.outgoingBytesBuffered, 0)
      assert.equal(client.processOutgoingInto(memory), 0)
      assert.deepEqual(
        [...memory.subarray(waiting)],
        Array.from({ length: 10 }, () => 0xee),
      )
      server.processIncoming(memory.subarray(0, waiting))
      assert.equal(Buffer.from(server.read(100) as Uint8Array).toString(), 'the first message')
    })

    it(`${version}: data that comes with the last words of the handshake is not lost`, async () => {
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, { client: { ...client, ...bounds }, server })
      // The client speaks as soon as it may, before the server has seen the end of the handshake.
      while (connection.client.handshake() !== 'done') {
        connection.server.processIncoming(connection.client.processOutgoing())
        connection.server.handshake()
        connection.client.processIncoming(connection.server.processOutgoing())
      }
      assert.equal(connection.client.write(Buffer.from('early bird')), 10)
      connection.server.processIncoming(connection.client.processOutgoing())
      assert.equal(connection.server.handshake(), 'done')
      assert.equal(Buffer.from(connection.server.read(100) as Uint8Array).toString(), 'early bird')
    })

    it(`${version}: wrong arguments are a TypeError and harm nothing`, async () => {
      using connection = await established()
      const { client } = connection
      for (const wrong of [0, -1, 1.5, Number.NaN, '5', undefined]) {
        assert.throws(() => client.read(wrong as number), TypeError, `read(${wrong})`)
      }
      for (const wrong of ['text', 5, undefined, null, [1], new ArrayBuffer(4)]) {
        assert.throws(() => client.write(wrong as never), TypeError, `write(${wrong})`)
        assert.throws(() => client.readInto(wrong as never), TypeError, `readInto(${wrong})`)
        assert.throws(() => client.processIncoming(wrong as never), TypeError, `processIncoming(${wrong})`)
      }
      for (const wrong of [0, -1, Number.NaN]) {
        assert.throws(() => client.processOutgoing(wrong), TypeError, `processOutgoing(${wrong})`)
      }
      assert.equal(connection.transfer('client', Buffer.from('still here')).toString(), 'still here')
    })
  })
})
