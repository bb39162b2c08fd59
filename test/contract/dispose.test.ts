import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type TLSBuffer, UsageError } from 'polytls'
import { forEachPair } from '../support/backends.ts'
import { connectionBetween, step } from '../support/connection.ts'
import { matching } from '../support/identities.ts'

forEachPair('disposal', (pairing) => {
  const assertRefusesEverything = (channel: TLSBuffer): void => {
    for (const call of [
      () => channel.handshake(),
      () => channel.read(1),
      () => channel.readInto(new Uint8Array(1)),
      () => channel.write(Uint8Array.of(1)),
      () => channel.shutdown(),
      () => channel.processIncoming(Uint8Array.of(1)),
      () => channel.resume({ accept: true }),
      () => channel.releaseIncoming(),
    ]) {
      const error = step<unknown>(call)
      assert.ok(error instanceof UsageError, String(error))
      assert.equal(error.code, 'ERR_TLS_DISPOSED')
    }
  }

  it('a channel that was disposed of refuses every step, at whatever stage it was', async () => {
    const { client, server } = await matching()
    const stages: readonly ((connection: ReturnType<typeof connectionBetween>) => unknown)[] = [
      () => {},
      ({ client: channel }) => channel.handshake(),
      (connection) => connection.establish(),
      async (connection) => {
        await connection.establish()
        connection.server.write(Buffer.from('never read'))
        connection.flow()
      },
      async (connection) => {
        await connection.establish()
        connection.client.shutdown()
        connection.server.shutdown()
        connection.flow()
        connection.client.shutdown()
      },
      ({ client: channel }) => {
        channel.handshake()
        channel.endIncoming()
        step(() => channel.handshake())
      },
    ]
    for (const reach of stages) {
      const connection = connectionBetween(pairing, { client, server })
      await reach(connection)
      connection[Symbol.dispose]()
      assertRefusesEverything(connection.client)
      assertRefusesEverything(connection.server)
      connection[Symbol.dispose]()
      assertRefusesEverything(connection.client)
    }
  })

  it('facts stay readable after disposal, also where nobody had asked for them before', async () => {
    const connection = await connectionBetween(pairing, await matching()).establish()
    connection[Symbol.dispose]()
    const ofServer = pairing.serverBackend.capabilities.versions
    const newest = pairing.clientBackend.capabilities.versions.filter((each) => ofServer.includes(each)).at(-1)
    for (const { facts } of [connection.client, connection.server]) {
      assert.equal(facts.version, newest)
      assert.ok(facts.cipherSuite !== undefined)
    }
    assert.equal(connection.client.facts.peerChain.length, 1)
    assert.equal(connection.client.facts.verified, true)
  })

  it('facts of a channel that was disposed of before it was done are none', async () => {
    const connection = connectionBetween(pairing, await matching())
    connection.client.handshake()
    connection[Symbol.dispose]()
    assert.equal(connection.client.facts.version, undefined)
    assert.equal(connection.server.facts.version, undefined)
  })

  it('a paused channel can be disposed of', async () => {
    const { client, server } = await matching()
    const connection = connectionBetween(pairing, {
      client: { ...client, verifyPeer: () => ({ accept: true }) },
      server,
    })
    assert.equal(connection.advance().client, 'paused')
    connection[Symbol.dispose]()
    assertRefusesEverything(connection.client)
  })

  it('using disposes, and other channels of the context go on', async () => {
    const { client, server } = await matching()
    let seen: TLSBuffer | undefined
    {
      using connection = await connectionBetween(pairing, { client, server }).establish()
      seen = connection.client
    }
    assertRefusesEverything(seen)
    using another = await connectionBetween(pairing, { client, server }).establish()
    assert.equal(another.transfer('client', Buffer.from('alive')).toString(), 'alive')
  })

  it('a channel keeps its context, whose backend and configuration it tells', async () => {
    const { client, server } = await matching()
    using connection = connectionBetween(pairing, { client, server })
    assert.equal(connection.client.context.backend, pairing.clientBackend)
    assert.equal(connection.server.context.backend, pairing.serverBackend)
    assert.equal(connection.client.context.configuration.trustStore, client.trustStore)
  })
})
