import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Alert, AlertReceivedError, ProtocolError, RaggedEOFError, type TLSBuffer, TLSError, UsageError } from 'polytls'
import { forEachPair, forEachVersion, steadyKey } from '../support/backends.ts'
import { connectionBetween, step } from '../support/connection.ts'
import { matching } from '../support/identities.ts'

forEachPair('failure', (pairing) => {
  const fresh = async (bounds: object = {}) => {
    const { client, server } = await matching()
    return connectionBetween(pairing, { client: { ...client, ...bounds }, server })
  }

  /** Every step throws the very error that the channel failed with. */
  const assertStaysFailed = (channel: TLSBuffer, error: unknown): void => {
    for (const call of [
      () => channel.handshake(),
      () => channel.read(1),
      () => channel.readInto(new Uint8Array(1)),
      () => channel.write(Uint8Array.of(1)),
      () => channel.shutdown(),
      () => channel.processIncoming(Uint8Array.of(1)),
      () => channel.handshake(),
    ]) {
      assert.equal(step<unknown>(call), error)
    }
  }

  it('a client that gets plain text instead of TLS says so', async () => {
    for (const [words, said] of [
      ['HTTP/1.1 400 Bad Request\r\n\r\n', /HTTP/],
      ['220 mail.test ESMTP ready\r\n', /220/],
      ['* OK IMAP4rev1 ready\r\n', /OK/],
    ] as const) {
      using connection = await fresh()
      connection.client.handshake()
      connection.client.processIncoming(Buffer.from(words))
      const error = step(() => connection.client.handshake())
      assert.ok(error instanceof ProtocolError)
      assert.equal(error.code, 'ERR_TLS_NOT_TLS')
      assert.match(error.message, said)
      assertStaysFailed(connection.client, error)
    }
  })

  it('a server that gets plain text instead of TLS says so', async () => {
    for (const words of [
      'GET / HTTP/1.1\r\nHost: server.test\r\n\r\n',
      'EHLO client.test\r\n',
      'hello, hello, hello',
    ]) {
      using connection = await fresh()
      connection.server.processIncoming(Buffer.from(words))
      const error = step(() => connection.server.handshake())
      assert.ok(error instanceof ProtocolError, String(error))
      assert.equal(error.code, 'ERR_TLS_NOT_TLS')
      assertStaysFailed(connection.server, error)
    }
  })

  it('garbage is a ProtocolError on either side', async () => {
    for (const side of ['client', 'server'] as const) {
      for (const garbage of [
        Buffer.alloc(100, 0),
        Buffer.alloc(100, 0xff),
        // A handshake record with no message that exists.
        Buffer.from([22, 3, 3, 0, 4, 99, 0, 0, 0]),
        // Application data before any key.
        Buffer.from([23, 3, 3, 0, 4, 1, 2, 3, 4]),
        // A record longer than any may be. RFC 9846, Section 5.1.
        Buffer.from([22, 3, 3, 0xff, 0xff, ...Buffer.alloc(64)]),
      ]) {
        using connection = await fresh()
        if (side === 'client') connection.client.handshake()
        connection[side].processIncoming(garbage)
        const error = step(() => connection[side].handshake())
        assert.ok(error instanceof ProtocolError, `${side}, ${garbage.toString('hex', 0, 9)}: ${error}`)
        assertStaysFailed(connection[side], error)
      }
    }
  })

  it('an alert in the middle of the handshake is an AlertReceivedError with what it usually means', async () => {
    for (const side of ['client', 'server'] as const) {
      using connection = await fresh()
      connection.client.handshake()
      if (side === 'server') {
        connection.server.processIncoming(connection.client.processOutgoing())
        assert.equal(connection.server.handshake(), 'want-read')
      }
      connection[side].processIncoming(Buffer.from([21, 3, 3, 0, 2, 2, Alert.handshake_failure]))
      const error = step(() => connection[side].handshake())
      assert.ok(error instanceof AlertReceivedError, `${side}: ${error}`)
      assert.equal(error.alert, 'handshake_failure')
      assert.match(error.hint ?? '', /cipher suites/)
      assertStaysFailed(connection[side], error)
    }
  })

  it('a transport that ends before the first byte is a RaggedEOFError', async () => {
    for (const side of ['client', 'server'] as const) {
      using connection = await fresh()
      connection[side].handshake()
      connection[side].endIncoming()
      const error = step(() => connection[side].handshake())
      assert.ok(error instanceof RaggedEOFError)
      assert.match(error.message, /handshake/)
      assertStaysFailed(connection[side], error)
    }
  })

  forEachVersion(pairing, (version, bounds) => {
    for (const side of ['client', 'server'] as const) {
      it(`${version}: a transport that ends anywhere in the handshake is a RaggedEOFError of the ${side}`, async () => {
        // Every handshake has to be of one length, and signatures by ECDSA are not.
        const { client, server } = await matching(steadyKey(pairing.serverBackend).kind)
        const whole = connectionBetween(pairing, { client: { ...client, ...bounds }, server })
        const length = await handshakeLength(whole, side)
        assert.ok(length > 200)
        // At every byte of the first record header, at the last bytes, and at steps between.
        const stages = [1, 2, 3, 4, 5, 6, length - 1, length - 2, length - 20]
        for (let stage = 7; stage < length; stage += 131) stages.push(stage)
        for (const stage of stages) {
          using connection = connectionBetween(pairing, { client: { ...client, ...bounds }, server })
          const error = cutAfter(connection, side, stage)
          assert.ok(error instanceof RaggedEOFError, `after ${stage} of ${length} bytes: ${error}`)
          assertStaysFailed(connection[side], error)
        }
      })
    }

    it(`${version}: a record that was altered on the way fails the reader with bad_record_mac, which the writer hears`, async () => {
      using connection = await fresh(bounds)
      await connection.establish()
      connection.client.write(Buffer.from('pristine'))
      const record = Buffer.from(connection.client.processOutgoing())
      record[record.length - 1] = (record[record.length - 1] as number) ^ 1
      connection.server.processIncoming(record)
      const error = step(() => connection.server.read(100))
      assert.ok(error instanceof ProtocolError, String(error))
      assert.equal(error.alert, 'bad_record_mac')
      assertStaysFailed(connection.server, error)
      connection.flow()
      const heard = step(() => connection.client.read(100))
      assert.ok(heard instanceof AlertReceivedError, String(heard))
      assert.equal(heard.alert, 'bad_record_mac')
      assertStaysFailed(connection.client, heard)
    })

    it(`${version}: what came whole before a record that was altered is still read`, async () => {
      using connection = await fresh(bounds)
      await connection.establish()
      connection.client.write(Buffer.from('good'))
      const good = connection.client.processOutgoing()
      connection.client.write(Buffer.from('evil'))
      const evil = Buffer.from(connection.client.processOutgoing())
      evil[evil.length - 1] = (evil[evil.length - 1] as number) ^ 1
      connection.server.processIncoming(Buffer.concat([good, evil]))
      assert.equal(Buffer.from(connection.server.read(100) as Uint8Array).toString(), 'good')
      const error = step(() => connection.server.read(100))
      assert.ok(error instanceof ProtocolError, String(error))
      assert.equal(error.alert, 'bad_record_mac')
      assertStaysFailed(connection.server, error)
      connection.flow()
      const heard = step(() => connection.client.read(100))
      assert.ok(heard instanceof AlertReceivedError, String(heard))
      assert.equal(heard.alert, 'bad_record_mac')
    })

    it(`${version}: a record that is replayed fails the reader`, async () => {
      using connection = await fresh(bounds)
      await connection.establish()
      connection.client.write(Buffer.from('once'))
      const record = Buffer.from(connection.client.processOutgoing())
      connection.server.processIncoming(record)
      assert.equal(Buffer.from(connection.server.read(100) as Uint8Array).toString(), 'once')
      connection.server.processIncoming(record)
      const error = step(() => connection.server.read(100))
      assert.ok(error instanceof ProtocolError, String(error))
      assert.equal(error.alert, 'bad_record_mac')
    })
  })

  it('calls that the state does not allow are UsageErrors and harm nothing', async () => {
    using connection = await fresh()
    const premature = (channel: TLSBuffer): void => {
      for (const call of [
        () => channel.read(1),
        () => channel.readInto(new Uint8Array(1)),
        () => channel.write(Uint8Array.of(1)),
        () => channel.shutdown(),
        () => channel.resume({ accept: true }),
      ]) {
        const error = step<unknown>(call)
        assert.ok(error instanceof UsageError, String(error))
        assert.equal(error.code, 'ERR_TLS_USAGE')
      }
    }
    premature(connection.client)
    connection.client.handshake()
    premature(connection.client)
    premature(connection.server)
    await connection.establish()
    for (const channel of [connection.client, connection.server]) {
      assert.throws(() => channel.resume({ accept: true }), UsageError)
    }
    assert.equal(connection.transfer('client', Buffer.from('unharmed')).toString(), 'unharmed')
  })

  it('errors are TLSErrors with a code and a name, and carry a stack', async () => {
    using connection = await fresh()
    connection.client.handshake()
    connection.client.endIncoming()
    const error = step(() => connection.client.handshake())
    assert.ok(error instanceof TLSError)
    assert.equal(error.name, 'RaggedEOFError')
    assert.equal(error.code, 'ERR_TLS_RAGGED_EOF')
    assert.match(error.stack ?? '', /RaggedEOFError: .+\n\s+at /)
  })

  /** How many bytes of ciphertext a side takes until its handshake is done. */
  async function handshakeLength(connection: Awaited<ReturnType<typeof fresh>>, side: 'client' | 'server') {
    let length = 0
    const channel = connection[side]
    const other = connection[side === 'client' ? 'server' : 'client']
    while (channel.handshake() !== 'done') {
      const toOther = channel.processOutgoing()
      if (toOther.byteLength > 0) other.processIncoming(toOther)
      other.handshake()
      for (const byte of other.processOutgoing()) {
        if (channel.handshake() === 'done') break
        channel.processIncoming(Uint8Array.of(byte))
        length++
      }
    }
    connection[Symbol.dispose]()
    return length
  }

  /** Ends the transport of one side after so many bytes of the handshake; answers what its next step throws. */
  function cutAfter(connection: Awaited<ReturnType<typeof fresh>>, side: 'client' | 'server', bytes: number): unknown {
    const channel = connection[side]
    const other = connection[side === 'client' ? 'server' : 'client']
    let left = bytes
    while (left > 0) {
      assert.equal(channel.handshake(), 'want-read')
      const toOther = channel.processOutgoing()
      if (toOther.byteLength > 0) other.processIncoming(toOther)
      other.handshake()
      const toChannel = other.processOutgoing()
      left -= channel.processIncoming(toChannel.subarray(0, left))
    }
    channel.endIncoming()
    return step(() => channel.handshake())
  }
})
