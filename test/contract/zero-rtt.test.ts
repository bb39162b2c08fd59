import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  type AlertReceivedError,
  BackendError,
  type ClientOptions,
  MemoryReplayGuard,
  ProtocolError,
  type ReplayGuard,
  type ServerOptions,
  type Session,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  UsageError,
} from 'polytls'
import { forEachPair, has, only } from '../support/backends.ts'
import { Connection, type Contexts, contextsFor, step } from '../support/connection.ts'
import { matching } from '../support/identities.ts'
import {
  alteredSession,
  deliverByReusedMemory,
  establish,
  negotiate,
  resumingConnection,
} from '../support/resumption.ts'

forEachPair('0-RTT', (pairing) => {
  if (!has(pairing.clientBackend, 'early-data') || !has(pairing.serverBackend, 'early-data')) return

  const contexts = async (server: Partial<ServerOptions> = {}, client: ClientOptions = {}): Promise<Contexts> => {
    const fitting = await matching()
    return contextsFor(pairing, {
      client: { ...fitting.client, ...only('TLSv1.3'), ...client },
      server: { ...fitting.server, ...only('TLSv1.3'), maxEarlyDataBytes: 16_384, ...server },
    })
  }

  const sessionOf = async (pair: Contexts): Promise<Session> => {
    using first = await establish(resumingConnection(pair))
    const [session] = first.client.takeSessions()
    assert.ok(session)
    return session
  }

  /** Everything that a server has to say of early data after the handshake. */
  const readAll = (connection: Connection): string => {
    const chunks: Uint8Array[] = []
    for (;;) {
      const read = connection.server.readEarlyData(1000)
      if (typeof read === 'string') {
        assert.equal(read, 'closed')
        return String(Buffer.concat(chunks))
      }
      chunks.push(read)
    }
  }

  it('what the client says before the server has answered arrives apart from the rest, and the server may answer at once', async () => {
    const pair = await contexts()
    const session = await sessionOf(pair)
    assert.equal(session.maxEarlyDataBytes, 16_384)
    using connection = resumingConnection(pair, { session, earlyData: Buffer.from('GET /') })
    connection.client.handshake()
    connection.server.processIncoming(connection.client.processOutgoing())
    assert.equal(connection.server.handshake(), 'want-read')
    assert.equal(connection.server.facts.version, undefined)
    assert.equal(text(connection.server.readEarlyData(3)), 'GET')
    assert.equal(text(connection.server.readEarlyData(100)), ' /')
    assert.equal(connection.server.readEarlyData(100), 'want-read')
    assert.equal(connection.server.writeEarlyData(Buffer.from('200')), 3)
    await complete(connection)
    assert.equal(connection.client.facts.earlyData, 'accepted')
    assert.equal(connection.server.facts.earlyData, 'accepted')
    assert.equal(connection.server.readEarlyData(100), 'closed')
    assert.equal(text(connection.client.read(100)), '200')
    assert.equal(String(connection.transfer('client', Buffer.from('more'))), 'more')
    assert.equal(connection.server.writeEarlyData(Buffer.from('late')), 4)
    connection.flow()
    assert.equal(text(connection.client.read(100)), 'late')
  })

  it('what nobody reads during the handshake is kept', async () => {
    const pair = await contexts()
    const session = await sessionOf(pair)
    const earlyData = Buffer.alloc(16_384, 'e')
    using connection = await establish(resumingConnection(pair, { session, earlyData }))
    assert.equal(connection.server.facts.earlyData, 'accepted')
    assert.equal(readAll(connection), String(earlyData))
  })

  it('a replay is rejected, and so is the same hello at another server that shares the guard', async () => {
    const seen = new Set<string>()
    const shared: ReplayGuard = {
      admit: async (identifier) => {
        const key = Buffer.from(identifier).toString('hex')
        const isFirst = !seen.has(key)
        seen.add(key)
        return isFirst
      },
    }
    const ticketKeys = { current: () => [{ name: new Uint8Array(16), secret: new Uint8Array(32).fill(7) }] }
    for (const replayGuard of [undefined, shared]) {
      const options = replayGuard && { sessions: { kind: 'stateless', ticketKeys } as const, replayGuard }
      const pair = await contexts(options)
      const other = replayGuard === undefined ? pair : await contexts(options)
      const session = await sessionOf(pair)
      using connection = resumingConnection(pair, { session, earlyData: Buffer.from('once') })
      connection.client.handshake()
      const hello = connection.client.processOutgoing()
      for (const [context, outcome] of [
        [pair.server, 'once'],
        [pair.server, ''],
        [other.server, ''],
      ] as const) {
        using replay = new Connection(pair.client.createBuffer('server.test'), context.createBuffer())
        replay.server.processIncoming(hello)
        const { asked } = await negotiateServer(replay)
        const read = replay.server.readEarlyData(100)
        assert.equal(typeof read === 'string' ? '' : text(read), outcome)
        if (replayGuard !== undefined) assert.deepEqual(asked, ['admit-early-data'])
      }
    }
  })

  for (const [name, answer] of Object.entries({ 'at once': true, later: Promise.resolve(true) })) {
    it(`a guard of the application's may answer ${name}, and a no rejects`, async () => {
      let admits: boolean | Promise<boolean> = answer
      const asked: number[] = []
      const pair = await contexts({
        replayGuard: {
          admit: (identifier, expiresAtMilliseconds) => {
            asked.push(expiresAtMilliseconds)
            assert.ok(identifier.byteLength >= 16)
            return admits
          },
        },
      })
      const earlyData = Buffer.from('early')
      using yes = await establish(resumingConnection(pair, { session: await sessionOf(pair), earlyData }))
      assert.equal(yes.client.facts.earlyData, 'accepted')
      assert.equal(readAll(yes), 'early')
      assert.equal(asked.length, 1)
      // A hello whose age was ten seconds too high when it came is fresh once more for twenty, the last moment included.
      assert.ok((asked[0] as number) > Date.now() + 20_000)
      admits = typeof answer === 'boolean' ? false : Promise.resolve(false)
      using no = await establish(resumingConnection(pair, { session: await sessionOf(pair), earlyData }))
      assert.equal(no.client.facts.earlyData, 'rejected')
      assert.equal(no.server.facts.earlyData, 'rejected')
      assert.equal(no.client.facts.resumed, true)
      assert.equal(readAll(no), '')
    })
  }

  it('a guard that fails fails the connection, and the error names it', async () => {
    const failure = new Error('out of order')
    const pair = await contexts({ replayGuard: { admit: () => Promise.reject(failure) } })
    using connection = resumingConnection(pair, { session: await sessionOf(pair), earlyData: Buffer.from('early') })
    const { server } = await negotiate(connection)
    assert.ok(server instanceof BackendError && server.cause === failure, String(server))
    assert.match(server.message, /: replayGuard\.admit failed$/)
  })

  it('a guard may answer late although what comes meanwhile is read into the same memory', async () => {
    const pair = await contexts({ replayGuard: { admit: async () => true } })
    const earlyData = Buffer.alloc(10_000, 'early')
    using connection = resumingConnection(pair, { session: await sessionOf(pair), earlyData })
    connection.client.handshake()
    deliverByReusedMemory(connection.server, connection.client.processOutgoing())
    await establish(connection)
    assert.equal(connection.client.facts.earlyData, 'accepted')
    assert.equal(readAll(connection), String(earlyData))
  })

  it('both sides export the same of early data, before the handshake is done and after it', async () => {
    const pair = await contexts()
    using connection = resumingConnection(pair, { session: await sessionOf(pair), earlyData: Buffer.from('GET /') })
    const exported = (channel: TLSBuffer, ...of: Parameters<TLSBuffer['exportEarlyKeyingMaterial']>): string => {
      const bytes = channel.exportEarlyKeyingMaterial(...of)
      assert.equal(bytes.byteLength, of[1])
      return Buffer.from(bytes).toString('hex')
    }
    const { client, server } = connection
    for (const channel of [client, server]) {
      assert.throws(() => channel.exportEarlyKeyingMaterial('EXPORTER-test', 32), UsageError)
    }
    client.handshake()
    const early = exported(client, 'EXPORTER-test', 32)
    server.processIncoming(client.processOutgoing())
    assert.equal(server.handshake(), 'want-read')
    assert.equal(exported(server, 'EXPORTER-test', 32), early)
    await complete(connection)
    const all = new Set([early, Buffer.from(client.exportKeyingMaterial('EXPORTER-test', 32)).toString('hex')])
    const requests: readonly Parameters<TLSBuffer['exportEarlyKeyingMaterial']>[] = [
      ['EXPORTER-test', 32],
      ['EXPORTER-other', 32],
      ['EXPORTER-test', 32, Buffer.from('a context')],
      ['EXPORTER-test', 8160],
    ]
    for (const of of requests) {
      const material = exported(client, ...of)
      assert.equal(exported(server, ...of), material)
      all.add(material)
    }
    assert.equal(all.size, 5)
    // No context and an empty one are the same: RFC 9846, Section 7.5.
    assert.equal(exported(client, 'EXPORTER-test', 32, new Uint8Array(0)), early)
    for (const channel of [client, server]) {
      assert.throws(() => channel.exportEarlyKeyingMaterial('EXPORTER-test', 0), UsageError)
      assert.throws(() => channel.exportEarlyKeyingMaterial('', 32), TypeError)
      assert.throws(() => channel.exportEarlyKeyingMaterial('EXPORTER-test', 32, 'text' as never), TypeError)
    }
    assert.equal(String(connection.transfer('client', Buffer.from('more'))), 'more')
  })

  it('where early data was rejected, its sender alone can export of it, and where there was none, nobody', async () => {
    const pair = await contexts({ replayGuard: { admit: () => false } })
    const session = await sessionOf(pair)
    using rejected = await establish(resumingConnection(pair, { session, earlyData: Buffer.from('early') }))
    assert.equal(rejected.client.facts.earlyData, 'rejected')
    assert.equal(rejected.client.exportEarlyKeyingMaterial('EXPORTER-test', 32).byteLength, 32)
    assert.throws(() => rejected.server.exportEarlyKeyingMaterial('EXPORTER-test', 32), UsageError)
    using without = await establish(resumingConnection(pair, { session: await sessionOf(pair) }))
    for (const channel of [without.client, without.server]) {
      assert.throws(() => channel.exportEarlyKeyingMaterial('EXPORTER-test', 32), UsageError)
    }
  })

  it('a guard that fails fails the connection', async () => {
    const pair = await contexts({ replayGuard: { admit: () => Promise.reject(new Error('unreachable')) } })
    using connection = resumingConnection(pair, { session: await sessionOf(pair), earlyData: Buffer.from('x') })
    const { server } = await negotiate(connection)
    assert.ok(server instanceof Error && (server.cause as Error).message === 'unreachable', String(server))
  })

  it('a server that takes none, any more, rejects it and skips it; nothing is sent again', async () => {
    const ticketKeys = { current: () => [{ name: new Uint8Array(16), secret: new Uint8Array(32).fill(9) }] }
    const replayGuard = new MemoryReplayGuard({ now: Date.now })
    const shared = { sessions: { kind: 'stateless', ticketKeys }, replayGuard } as const
    const pair = await contexts(shared)
    const off = await contexts({ ...shared, maxEarlyDataBytes: 0 })
    const less = await contexts({ ...shared, maxEarlyDataBytes: 100 })
    for (const { server } of [off, less]) {
      const session = await sessionOf(pair)
      const earlyData = Buffer.alloc(10_000, 'e')
      using connection = await establish(resumingConnection({ client: pair.client, server }, { session, earlyData }))
      assert.equal(connection.client.facts.earlyData, 'rejected')
      assert.equal(connection.server.facts.earlyData, 'rejected')
      assert.equal(connection.client.facts.resumed, true)
      assert.equal(connection.server.readEarlyData(100), 'closed')
      assert.equal(String(connection.transfer('client', Buffer.from('after'))), 'after')
    }
  })

  it('a client that sends it with a ticket that allows none is rejected, and the handshake goes on', async () => {
    // Only this backend believes what the session says of itself.
    if (!pairing.clientBackend.name.startsWith('portable')) return
    const ticketKeys = { current: () => [{ name: new Uint8Array(16), secret: new Uint8Array(32).fill(11) }] }
    const shared = {
      sessions: { kind: 'stateless', ticketKeys },
      replayGuard: new MemoryReplayGuard({ now: Date.now }),
    } as const
    const before = await contexts({ ...shared, maxEarlyDataBytes: 0 })
    const { server } = await contexts(shared)
    const session = alteredSession(await sessionOf(before), { maxEarlyDataBytes: 16_384 })
    const earlyData = Buffer.alloc(10_000, 'e')
    using connection = await establish(resumingConnection({ client: before.client, server }, { session, earlyData }))
    assert.equal(connection.client.facts.earlyData, 'rejected')
    assert.equal(connection.server.facts.earlyData, 'rejected')
    assert.equal(connection.client.facts.resumed, true)
    assert.equal(readAll(connection), '')
    assert.equal(String(connection.transfer('client', Buffer.from('after'))), 'after')
  })

  for (const [name, { client = 0, server = 0 }, outcome] of [
    ['as old on both sides', { client: 60_000, server: 60_000 }, 'accepted'],
    ['older than the server finds', { client: 20_000 }, 'rejected'],
    // So looks a hello that is repeated later.
    ['younger than the server finds', { server: 20_000 }, 'rejected'],
  ] as const) {
    it(`by the clocks of the contexts, a ticket that is ${name}: early data is ${outcome}`, async () => {
      const start = Date.now()
      const passed = { client: 0, server: 0 }
      for (const sessions of [{ kind: 'stateless' }, { kind: 'stateful' }] as const) {
        Object.assign(passed, { client: 0, server: 0 })
        const fitting = await matching()
        const pair = contextsFor(pairing, {
          client: { ...fitting.client, ...only('TLSv1.3') },
          server: { ...fitting.server, sessions, maxEarlyDataBytes: 100 },
          clientEnvironment: { now: () => start + passed.client },
          serverEnvironment: { now: () => start + passed.server },
        })
        const session = await sessionOf(pair)
        Object.assign(passed, { client, server })
        using connection = await establish(resumingConnection(pair, { session, earlyData: Buffer.from('early') }))
        assert.equal(connection.client.facts.resumed, true, sessions.kind)
        assert.equal(connection.client.facts.earlyData, outcome, sessions.kind)
        assert.equal(connection.client.facts.sessionAgeMilliseconds, client)
        assert.equal(connection.server.facts.sessionAgeMilliseconds, server)
      }
    })
  }

  for (const aheadMilliseconds of [0, 1000, 10_000]) {
    it(`a hello counts once at most, however late it is repeated: its age is ${aheadMilliseconds} ms too high`, async () => {
      const began = Date.now()
      let now = began
      const clock = { now: () => now }
      const fitting = await matching()
      const pair = contextsFor(pairing, {
        client: { ...fitting.client, ...only('TLSv1.3') },
        server: { ...fitting.server, ...only('TLSv1.3'), maxEarlyDataBytes: 16_384 },
        clientEnvironment: clock,
        serverEnvironment: clock,
      })
      const session = await sessionOf(pair)
      const { receivedAtMilliseconds } = session
      const older = alteredSession(session, { receivedAtMilliseconds: receivedAtMilliseconds - aheadMilliseconds })
      using first = resumingConnection(pair, { session: older, earlyData: Buffer.from('once') })
      first.client.handshake()
      const hello = first.client.processOutgoing()
      const accepted: number[] = []
      for (const later of [0, 1, 5_000, 9_999, 10_000, 19_999, 20_000, 20_001, 30_000, 30_001, 60_000]) {
        now = began + later
        using replay = new Connection(pair.client.createBuffer('server.test'), pair.server.createBuffer())
        replay.server.processIncoming(hello)
        await negotiateServer(replay)
        if (typeof replay.server.readEarlyData(100) !== 'string') accepted.push(later)
      }
      assert.ok(accepted.length <= 1, `accepted after ${accepted} ms`)
    })
  }

  it('a client whose Finished is wrong behind early data fails the server with that reason and its alert', async () => {
    const pair = await contexts()
    using connection = resumingConnection(pair, { session: await sessionOf(pair), earlyData: Buffer.from('early') })
    const { client, server } = connection
    client.handshake()
    server.processIncoming(client.processOutgoing())
    assert.equal(server.handshake(), 'want-read')
    client.processIncoming(server.processOutgoing())
    assert.equal(client.handshake(), 'done')
    const flight = Buffer.from(client.processOutgoing())
    const last = flight.length - 1
    flight.writeUInt8((flight[last] as number) ^ 1, last)
    server.processIncoming(flight)
    const fault = step(() => server.handshake())
    assert.ok(fault instanceof ProtocolError, String(fault))
    assert.equal(fault.alert, 'bad_record_mac')
    client.processIncoming(server.processOutgoing())
    assert.equal((step(() => client.read(1)) as AlertReceivedError).alert, 'bad_record_mac')
  })

  it('it is rejected together with the session, and after a HelloRetryRequest', async () => {
    const pair = await contexts()
    const strangers = await contexts()
    const session = await sessionOf(pair)
    const earlyData = Buffer.from('early')
    using unknown = await establish(
      resumingConnection({ client: pair.client, server: strangers.server }, { session, earlyData }),
    )
    assert.equal(unknown.client.facts.resumed, false)
    assert.equal(unknown.client.facts.earlyData, 'rejected')
    assert.equal(readAll(unknown), '')

    const keys = [{ name: new Uint8Array(16), secret: new Uint8Array(32).fill(3) }]
    const sessions = { kind: 'stateless', ticketKeys: { current: () => keys } } as const
    const replayGuard = new MemoryReplayGuard({ now: Date.now })
    const before = await contexts({ sessions, replayGuard }, { groups: [0x001d, 0x0018] })
    const picky = await contexts({ sessions, replayGuard, groups: [0x0018] })
    const other = await sessionOf(before)
    using retried = await establish(
      // As much as goes into a record: the server has to pass over it without keys.
      resumingConnection(
        { client: before.client, server: picky.server },
        { session: other, earlyData: Buffer.alloc(16_384, 'early') },
      ),
    )
    assert.equal(retried.client.facts.resumed, true)
    assert.equal(retried.client.facts.group, 0x0018)
    assert.equal(retried.client.facts.earlyData, 'rejected')
    assert.equal(readAll(retried), '')
  })

  it('it is not sent without a session, where the session allows none or not so much, and where there is none to send', async () => {
    const pair = await contexts()
    const earlyData = Buffer.from('early')
    using first = await establish(resumingConnection(pair, { earlyData }))
    assert.equal(first.client.facts.earlyData, 'not-sent')
    assert.equal(first.server.facts.earlyData, undefined)
    const session = await sessionOf(pair)
    for (const [changes, data] of [
      [{ maxEarlyDataBytes: 0 }, earlyData],
      [{}, Buffer.alloc(16_385)],
    ] as const) {
      using connection = await establish(
        resumingConnection(pair, { session: alteredSession(session, changes), earlyData: data }),
      )
      assert.equal(connection.client.facts.earlyData, 'not-sent')
    }
    using none = await establish(
      resumingConnection(pair, { session: await sessionOf(pair), earlyData: new Uint8Array(0) }),
    )
    assert.equal(none.client.facts.earlyData, undefined)
    assert.equal(none.server.facts.earlyData, undefined)
    assert.equal(none.server.readEarlyData(10), 'closed')
    assert.equal(none.client.readEarlyData(10), 'closed')
  })

  it('a server without early data has nothing to answer early', async () => {
    const pair = await contexts()
    using connection = resumingConnection(pair)
    assert.throws(() => connection.server.writeEarlyData(Buffer.from('x')), UsageError)
    using client = resumingConnection(pair)
    assert.throws(() => client.client.writeEarlyData(Buffer.from('x')), UsageError)
  })

  it('both configurations say what they can', async () => {
    const { client, server } = await matching()
    assert.deepEqual(pairing.clientBackend.explain(new TLSClientConfiguration(client)), [])
    assert.deepEqual(pairing.serverBackend.explain(new TLSServerConfiguration({ ...server, maxEarlyDataBytes: 1 })), [])
  })
})

function text(read: Uint8Array | string): string {
  return typeof read === 'string' ? read : Buffer.from(read).toString()
}

async function complete(connection: Connection): Promise<void> {
  const endings = await negotiate(connection)
  assert.deepEqual([endings.client, endings.server], ['done', 'done'])
}

/** The server alone, which has got a hello from somebody else. */
async function negotiateServer(connection: Connection): Promise<{ readonly asked: readonly string[] }> {
  const { server } = connection
  const client = { handshake: () => 'want-read', processOutgoing: () => new Uint8Array(0), processIncoming: () => 0 }
  const alone = new Connection(client as never, server)
  const { server: ending, asked } = await negotiate(alone)
  assert.equal(ending, 'want-read')
  return { asked }
}
