import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import {
  AlertReceivedError,
  BackendError,
  Certificate,
  CertificateError,
  type ClientOptions,
  MemorySessionCache,
  type PeerIdentity,
  PrivateKey,
  ProtocolError,
  RaggedEOFError,
  type ServerContext,
  type ServerOptions,
  Session,
  type SessionCache,
  type SessionStore,
  type TicketKey,
  UsageError,
} from 'polytls'
import { forEachPair, forEachVersion, has, type OneVersion, type Pairing } from '../support/backends.ts'
import { type Connection, type Contexts, contextsFor, step } from '../support/connection.ts'
import {
  anyKeyKind,
  authority,
  clientIdentity,
  derChain,
  derOf,
  type Identity,
  makeAuthority,
  matching,
  serverIdentity,
  signingChain,
  trusting,
} from '../support/identities.ts'
import {
  alteredSession,
  deliverByReusedMemory,
  establish,
  negotiate,
  resumingConnection,
  settle,
} from '../support/resumption.ts'

type Seen = { readonly once: boolean }[]

const stores: { readonly [name: string]: () => { readonly store: SessionStore | undefined; readonly seen: Seen } } = {
  'in memory by default': () => ({ store: undefined, seen: [] }),
  'a store of the application': () => storeWith((found) => found),
  'a store that answers later': () => storeWith(async (found) => found),
}

forEachPair('resumption', (pairing) => {
  if (!has(pairing.clientBackend, 'sessions') || !has(pairing.serverBackend, 'sessions')) return

  forEachVersion(pairing, (version, bounds) => {
    const contexts = (options: Partial<Options> = {}): Promise<Contexts> => contextsWith(pairing, bounds, options)

    it(`${version}: a second connection resumes, and tells of the server what the first did`, async () => {
      const pair = await contexts({ both: { innerProtocols: ['inner'] } })
      using first = await establish(resumingConnection(pair))
      assert.equal(first.client.facts.resumed, false)
      assert.equal(first.client.facts.sessionAgeMilliseconds, undefined)
      using second = await establish(resumingConnection(pair))
      for (const side of ['client', 'server'] as const) {
        assert.equal(second[side].facts.resumed, true, side)
        assert.ok((second[side].facts.sessionAgeMilliseconds ?? -1) >= 0, side)
        assert.equal(second[side].facts.version, version)
        assert.equal(second[side].facts.innerProtocol, 'inner')
        assert.deepEqual(second[side].facts.peerChain, first[side].facts.peerChain)
        assert.equal(second[side].facts.verified, first[side].facts.verified)
      }
      assert.equal(second.client.facts.verified, true)
      assert.deepEqual(second.client.facts.peerChain, derChain(await serverIdentity()))
      assert.equal(String(second.transfer('client', Buffer.from('hello'))), 'hello')
      assert.equal(String(second.transfer('server', Buffer.from('hello yourself'))), 'hello yourself')
      using third = await establish(resumingConnection(pair))
      assert.equal(third.client.facts.resumed, true)
    })

    if (has(pairing.clientBackend, 'channel-bindings')) {
      it(`${version}: a resumed connection has the binding of the server that the first one met`, async () => {
        const pair = await contexts()
        using first = await establish(resumingConnection(pair))
        using second = await establish(resumingConnection(pair))
        assert.equal(second.client.facts.resumed, true)
        const [leaf] = derChain(await serverIdentity())
        // The tests' certificates are signed with SHA-256.
        const hash = createHash('sha256')
          .update(leaf as Uint8Array)
          .digest()
        const sides = has(pairing.serverBackend, 'channel-bindings')
          ? (['client', 'server'] as const)
          : (['client'] as const)
        for (const connection of [first, second])
          for (const side of sides)
            assert.deepEqual(Buffer.from(connection[side].channelBinding('tls-server-end-point')), hash, side)
      })
    }

    it(`${version}: sessions can be taken from the connection, written down, and given to another context`, async () => {
      const pair = await contexts({ client: { sessions: 'none' } })
      const keeping = await contexts({ server: pair })
      using first = await establish(resumingConnection(keeping))
      const [session] = first.client.takeSessions()
      assert.ok(session instanceof Session)
      assert.deepEqual(first.client.takeSessions(), [])
      assert.equal(session.version, version)
      assert.ok(session.lifetimeSeconds > 7_000 && session.lifetimeSeconds <= 7_200, String(session.lifetimeSeconds))
      const copy = Session.deserialize(session.serialize())
      const elsewhere = await contexts({ server: keeping })
      using second = await establish(resumingConnection(elsewhere, { session: copy }))
      assert.equal(second.client.facts.resumed, true)
      assert.equal(second.client.facts.verified, true)
      assert.deepEqual(second.client.facts.peerChain, first.client.facts.peerChain)
    })

    it(`${version}: where sessions are off, on either side, every handshake is a full one`, async () => {
      for (const off of [{ client: { sessions: 'none' } }, { server: { sessions: 'none' } }] as const) {
        const pair = await contexts(off)
        for (let count = 0; count < 2; count++) {
          using connection = await establish(resumingConnection(pair))
          assert.equal(connection.client.facts.resumed, false)
          assert.deepEqual(connection.client.takeSessions(), [])
        }
      }
      const keeping = await contexts()
      using first = await establish(resumingConnection(keeping))
      const [session] = first.client.takeSessions()
      const off = await contexts({ client: { sessions: 'none' }, server: keeping })
      using second = await establish(resumingConnection(off, { session }))
      assert.equal(second.client.facts.resumed, false)
    })

    it(`${version}: a session is not offered for another service, another host or another configuration`, async () => {
      const cache = new MemorySessionCache()
      const pair = await contexts({ client: { sessions: cache } })
      const names = ['server.test', 'other.test']
      const broad = await (await authority()).issue({ name: 'Broad', names })
      const server = await contexts({ server: { certificateChain: [signingChain(broad)] } })
      using first = await establish(resumingConnection({ ...pair, server: server.server }, { service: 'a' }))
      assert.equal(first.client.facts.resumed, false)
      const [session] = first.client.takeSessions()
      for (const other of [{ service: 'b' }, {}, { service: 'a', serverName: 'other.test' }]) {
        using connection = await establish(
          resumingConnection({ ...pair, server: server.server }, { ...other, session }),
        )
        assert.equal(connection.client.facts.resumed, false, JSON.stringify(other))
      }
      for (const change of [
        { innerProtocols: ['x'] },
        { certificateChain: signingChain(await clientIdentity()) },
        { verifyPeer: () => ({ accept: true }) as const },
      ]) {
        const changed = await contexts({ client: { sessions: cache, ...change }, server })
        using connection = await establish(resumingConnection(changed, { service: 'a', session }))
        assert.equal(connection.client.facts.resumed, false, Object.keys(change).join())
      }
      using again = await establish(resumingConnection({ ...pair, server: server.server }, { service: 'a' }))
      assert.equal(again.client.facts.resumed, true)
    })

    it(`${version}: a session from elsewhere is verified again, and not offered where it does not pass`, async () => {
      const pair = await contexts()
      using first = await establish(resumingConnection(pair))
      const [session] = first.client.takeSessions()
      assert.ok(session)
      const stranger = await (await makeAuthority({ name: 'Another' })).issue({ name: 'x', names: ['server.test'] })
      for (const peerChain of [derChain(stranger), []]) {
        const altered = alteredSession(session, { peerChain })
        using connection = await establish(resumingConnection(pair, { session: altered }))
        assert.equal(connection.client.facts.resumed, false)
        assert.deepEqual(connection.client.facts.peerChain, derChain(await serverIdentity()))
      }
      using good = await establish(resumingConnection(pair, { session: alteredSession(session, { verified: false }) }))
      assert.equal(good.client.facts.resumed, true)
      assert.equal(good.client.facts.verified, true)
    })

    it(`${version}: a session that is expired, from the future, of another backend, or broken, is no fault`, async () => {
      const pair = await contexts()
      using first = await establish(resumingConnection(pair))
      const [session] = first.client.takeSessions()
      assert.ok(session)
      const now = Date.now()
      for (const changes of [
        { expiresAtMilliseconds: now - 1 },
        { receivedAtMilliseconds: now + 60_000 },
        { backend: 'another' },
        { binding: 'another' },
        { state: randomBytes(200) },
        { state: new Uint8Array(0) },
      ]) {
        using connection = await establish(resumingConnection(pair, { session: alteredSession(session, changes) }))
        assert.equal(connection.client.facts.resumed, false, Object.keys(changes).join())
      }
    })

    it(`${version}: tickets of other keys, of another name, or too old for the server, lead to a full handshake`, async () => {
      let now = Date.now()
      const environment = { now: () => now }
      const broad = await (await authority()).issue({ name: 'Broad', names: ['server.test', 'other.test'] })
      const certificateChain = [signingChain(broad)]
      const pair = await contexts({
        server: { certificateChain, sessions: { kind: 'stateless', lifetimeSeconds: 100 } },
        environment,
      })
      using first = await establish(resumingConnection(pair))
      const sessions = [...first.client.takeSessions()]
      const session = sessions[0]
      assert.ok(session)
      assert.ok(session.lifetimeSeconds <= 100)

      const other = await contexts()
      using atOther = await establish(resumingConnection({ client: pair.client, server: other.server }, { session }))
      assert.equal(atOther.client.facts.resumed, false)

      // What the client would not do by itself.
      using aim = await establish(resumingConnection(pair, { serverName: 'other.test' }))
      const [forOther] = aim.client.takeSessions()
      assert.ok(forOther)
      using misled = await establish(
        resumingConnection(pair, { session: alteredSession(forOther, { binding: session.binding }) }),
      )
      assert.equal(misled.client.facts.resumed, false)

      now += 101_000
      const forever = alteredSession(session, { expiresAtMilliseconds: now + 1_000_000 })
      using late = await establish(resumingConnection(pair, { session: forever }))
      assert.equal(late.client.facts.resumed, false)
    })

    it(`${version}: resuming again and again ends seven days after the full handshake, for either side`, async () => {
      const day = 86_400_000
      const start = Date.now()
      let now = start
      const sessions = { kind: 'stateless', lifetimeSeconds: 604_800 } as const
      const pair = await contexts({ server: { sessions }, environment: { now: () => now } })
      using first = await establish(resumingConnection(pair))
      let [session] = first.client.takeSessions()
      assert.ok(session)
      assert.equal(session.authenticatedUntilMilliseconds, start + 7 * day)
      for (const days of [3, 6]) {
        now = start + days * day
        using connection = await establish(resumingConnection(pair, { session }))
        assert.equal(connection.client.facts.resumed, true, `after ${days} days`)
        for (const renewed of connection.client.takeSessions()) {
          assert.ok(renewed.expiresAtMilliseconds <= start + 7 * day)
          assert.equal(renewed.authenticatedUntilMilliseconds, start + 7 * day)
          // A ticket of TLS 1.2 can be used again, and a renewed one may leave its lifetime open.
          if (version === 'TLSv1.3') session = renewed
        }
      }
      now = start + 7 * day
      using late = await establish(resumingConnection(pair, { session }))
      assert.equal(late.client.facts.resumed, false)
      // What the client would not do by itself.
      const forever = alteredSession(session, {
        receivedAtMilliseconds: now,
        expiresAtMilliseconds: now + day,
        authenticatedUntilMilliseconds: now + day,
      })
      using refused = await establish(resumingConnection(pair, { session: forever }))
      assert.equal(refused.client.facts.resumed, false)
    })

    it(`${version}: servers that share keys know each other's tickets, and a key that is gone opens none`, async () => {
      const key = (): TicketKey => ({ name: randomBytes(16), secret: randomBytes(32) })
      const keys = [key()]
      const sessions = { kind: 'stateless', ticketKeys: { current: () => keys } } as const
      const [one, two] = [await contexts({ server: { sessions } }), await contexts({ server: { sessions } })]
      const connect = async (): Promise<boolean> => {
        using connection = await establish(resumingConnection({ client: one.client, server: two.server }))
        return connection.client.facts.resumed
      }
      using first = await establish(resumingConnection(one))
      assert.equal(first.client.facts.resumed, false)
      assert.equal(await connect(), true)
      keys.unshift(key())
      assert.equal(await connect(), true, 'an older key opens')
      keys.pop()
      assert.equal(await connect(), true, 'a new ticket came with that')
      keys.splice(0, 1, key())
      assert.equal(await connect(), false)
      assert.equal(await connect(), true)
      keys.splice(0, 1, { name: keys[0]?.name as Uint8Array, secret: randomBytes(32) })
      assert.equal(await connect(), false, 'a ticket that does not open is none')
    })

    it(`${version}: a key that is written over where it lies opens nothing any more`, async () => {
      const key = { name: randomBytes(16), secret: randomBytes(32) }
      const sessions = { kind: 'stateless', ticketKeys: { current: () => [key] } } as const
      const [one, two] = [await contexts({ server: { sessions } }), await contexts({ server: { sessions } })]
      const connect = async (server: ServerContext): Promise<boolean> => {
        using connection = await establish(resumingConnection({ client: one.client, server }))
        return connection.client.facts.resumed
      }
      assert.equal(await connect(one.server), false)
      for (const part of [key.secret, key.name]) {
        part.set(randomBytes(part.length))
        assert.equal(await connect(one.server), false)
        assert.equal(await connect(one.server), true)
        assert.equal(await connect(two.server), true, 'a server that has never seen the key before')
      }
    })

    it(`${version}: keys that cannot be had, or are none, fail the connection, and nothing else`, async () => {
      const failure = new Error('no keys today')
      const broken = (): never => {
        throw failure
      }
      for (const current of [broken, () => [], () => [{ name: randomBytes(15), secret: randomBytes(32) }]]) {
        const pair = await contexts({ server: { sessions: { kind: 'stateless', ticketKeys: { current } } } })
        using connection = resumingConnection(pair)
        const { server } = await negotiate(connection)
        assert.ok(server instanceof Error, String(server))
        if (current === broken) {
          assert.match(server.message, /sessions\.ticketKeys\.current failed/)
          assert.equal(server.cause, failure)
        }
      }
    })

    for (const [name, storeOf] of Object.entries(stores)) {
      it(`${version}: a server may keep sessions itself: ${name}`, async () => {
        const { store, seen } = storeOf()
        const pair = await contexts({ server: { sessions: { kind: 'stateful', ...(store && { store }) } } })
        using first = await establish(resumingConnection(pair))
        assert.equal(first.client.facts.resumed, false)
        const [session] = first.client.takeSessions()
        using second = await establish(resumingConnection(pair, { session }))
        assert.equal(second.client.facts.resumed, true)
        assert.equal(second.server.facts.resumed, true)
        assert.deepEqual(second.client.facts.peerChain, first.client.facts.peerChain)
        using again = await establish(resumingConnection(pair, { session }))
        assert.equal(again.client.facts.resumed, version === 'TLSv1.2')
        for (const { once } of seen) assert.equal(once, version === 'TLSv1.3')
      })
    }

    it(`${version}: a store that fails fails the connection, and the error names it`, async () => {
      const failure = new Error('out of order')
      const store: SessionStore = { put: () => {}, get: () => Promise.reject(failure) }
      const pair = await contexts({ server: { sessions: { kind: 'stateful', store } } })
      using first = await establish(resumingConnection(pair))
      using second = resumingConnection(pair, { session: first.client.takeSessions()[0] })
      const { server } = await negotiate(second)
      assert.ok(server instanceof BackendError && server.cause === failure, String(server))
      assert.match(server.message, /: sessions\.store\.get failed$/)
    })

    it(`${version}: a hello comes in several reads into the same memory, and what a store has given is its own to write over`, async () => {
      const kept = new Map<string, Buffer>()
      const given: Buffer[] = []
      const store: SessionStore = {
        put: (id, session) => {
          kept.set(Buffer.from(id).toString('hex'), Buffer.from(session))
        },
        get: async (id) => {
          const found = kept.get(Buffer.from(id).toString('hex'))
          const copy = found && Buffer.from(found)
          if (copy !== undefined) given.push(copy)
          return copy
        },
      }
      const pair = await contexts({
        client: { certificateChain: signingChain(await clientIdentity()) },
        server: {
          sessions: { kind: 'stateful', store },
          clientAuthentication: 'required',
          trustStore: trusting(await authority()),
        },
      })
      using first = await establish(resumingConnection(pair))
      using second = resumingConnection(pair)
      second.client.handshake()
      deliverByReusedMemory(second.server, second.client.processOutgoing())
      await establish(second)
      assert.equal(second.server.facts.resumed, true)
      assert.equal(given.length, 1)
      for (const each of given) each.fill(0)
      assert.deepEqual(second.server.facts.peerChain, first.server.facts.peerChain)
    })

    it(`${version}: a cache of the application's is asked before the handshake, and given what comes`, async () => {
      const kept = new Map<string, Session[]>()
      const sessions: SessionCache = {
        take: async (key) => kept.get(key)?.pop(),
        put: (key, session) => {
          kept.set(key, [...(kept.get(key) ?? []), session])
        },
      }
      const pair = await contexts({ client: { sessions } })
      using first = resumingConnection(pair)
      const { asked } = await negotiate(first)
      assert.deepEqual(asked, ['take-session'])
      settle(first)
      assert.equal(kept.size, 1)
      using second = await establish(resumingConnection(pair))
      assert.equal(second.client.facts.resumed, true)
    })

    it(`${version}: a cache that fails fails the connection, and the error names it`, async () => {
      const failure = new Error('out of order')
      const sessions: SessionCache = { take: () => Promise.reject(failure), put: () => {} }
      using connection = resumingConnection(await contexts({ client: { sessions } }))
      const { client } = await negotiate(connection)
      assert.ok(client instanceof BackendError && client.cause === failure, String(client))
      assert.match(client.message, /: sessions\.take failed$/)
    })

    it(`${version}: ${version === 'TLSv1.2' ? 'a session whose connection fails is not offered again' : 'a session that failed is gone anyway'}`, async () => {
      const cache = new MemorySessionCache()
      const removed: Session[] = []
      const sessions: SessionCache = {
        take: (key) => cache.take(key),
        put: (key, session) => cache.put(key, session),
        remove: (key, session) => {
          assert.equal(key, session.binding)
          removed.push(session)
          cache.remove(key, session)
          throw new Error('what remove throws is dropped')
        },
      }
      for (const kept of [sessions, cache]) {
        const pair = await contexts({ client: { sessions: kept } })
        using first = await establish(resumingConnection(pair))
        // The transport ends, which an attacker can have it do as often as he likes.
        first.client.endIncoming()
        assert.ok(step(() => first.client.read(1)) instanceof RaggedEOFError)
        using second = await establish(resumingConnection(pair))
        assert.equal(second.client.facts.resumed, true)
        assert.deepEqual(removed, [])
        using third = resumingConnection(pair)
        assert.equal(third.client.handshake(), kept === cache ? 'want-read' : 'paused')
        const { pause } = third.client
        if (pause?.kind === 'take-session') third.client.resume(cache.take(pause.key))
        third.client.handshake()
        // RFC 9846, Section 6.2: a fatal handshake_failure.
        third.client.processIncoming(Uint8Array.of(21, 3, 3, 0, 2, 2, 40))
        assert.ok(step(() => third.client.handshake()) instanceof AlertReceivedError)
        using fourth = await establish(resumingConnection(pair))
        assert.equal(fourth.client.facts.resumed, version === 'TLSv1.3')
        // The same where it fails in use: a record that cannot be opened.
        fourth.client.processIncoming(Uint8Array.of(23, 3, 3, 0, 40, ...randomBytes(40)))
        assert.ok(step(() => fourth.client.read(1)) instanceof ProtocolError)
        using fifth = await establish(resumingConnection(pair))
        assert.equal(fifth.client.facts.resumed, version === 'TLSv1.3')
        if (kept === sessions) assert.equal(removed.length, version === 'TLSv1.2' ? 2 : 0)
        removed.length = 0
        cache.clear()
      }
    })

    it(`${version}: a cache that cannot keep a session fails the connection, which says so from then on`, async () => {
      const failure = new Error('full')
      const put = (): never => {
        throw failure
      }
      const pair = await contexts({ client: { sessions: { take: () => undefined, put } } })
      using connection = resumingConnection(pair)
      const { client, server } = await negotiate(connection)
      assert.equal(server, 'done')
      connection.server.write(Buffer.from('hello'))
      connection.flow()
      const read = client instanceof Error ? client : step(() => connection.client.read(100))
      // Where data came in the same step, it comes first.
      if (read instanceof Uint8Array) assert.equal(String(Buffer.from(read)), 'hello')
      const failed = read instanceof Error ? read : step(() => connection.client.read(100))
      assert.ok(failed instanceof BackendError, String(failed))
      assert.match(failed.message, /sessions\.put failed/)
      assert.equal(failed.cause, failure)
      assert.equal(
        step(() => connection.client.handshake()),
        failed,
      )
    })

    it(`${version}: a server's session whose connection fails is ${version === 'TLSv1.2' ? 'gone' : 'gone anyway'}, and stays where somebody else fails with its number`, async () => {
      const removed: Uint8Array[] = []
      const { store: kept } = storeWith((found) => found)
      const store: SessionStore = {
        ...kept,
        remove: (id) => {
          removed.push(id)
          kept.remove(id)
          throw new Error('what remove throws is dropped')
        },
      }
      const breakInUse = (connection: Connection): void => {
        connection.server.processIncoming(Uint8Array.of(23, 3, 3, 0, 40, ...randomBytes(40)))
        assert.ok(step(() => connection.server.read(1)) instanceof ProtocolError)
      }
      for (const given of [{ store }, {}]) {
        const pair = await contexts({ server: { sessions: { kind: 'stateful', ...given } } })
        using first = await establish(resumingConnection(pair))
        const [session] = first.client.takeSessions()
        first.server.endIncoming()
        assert.ok(step(() => first.server.read(1)) instanceof RaggedEOFError)
        if (version === 'TLSv1.2') {
          using stranger = resumingConnection(pair, { session })
          stranger.client.handshake()
          stranger.server.processIncoming(stranger.client.processOutgoing())
          stranger.server.handshake()
          if (stranger.server.pause?.kind === 'get-session')
            stranger.server.resume(await kept.get(stranger.server.pause.id, { once: false }))
          assert.equal(stranger.server.handshake(), 'want-read')
          stranger.server.processIncoming(Uint8Array.of(21, 3, 3, 0, 2, 2, 40))
          assert.ok(step(() => stranger.server.handshake()) instanceof AlertReceivedError)
        }
        assert.deepEqual(removed, [])
        using second = await establish(resumingConnection(pair, { session }))
        assert.equal(second.server.facts.resumed, true)
        breakInUse(second)
        using third = await establish(resumingConnection(pair, { session }))
        assert.equal(third.server.facts.resumed, false)
        const [fresh] = third.client.takeSessions()
        breakInUse(third)
        using fourth = await establish(resumingConnection(pair, { session: fresh }))
        assert.equal(fourth.server.facts.resumed, version === 'TLSv1.3')
        const count = version === 'TLSv1.2' && 'store' in given ? 2 : 0
        assert.equal(removed.length, count)
        removed.length = 0
      }
    })

    it(`${version}: a store that cannot keep a session fails the connection, and says so`, async () => {
      const failure = new Error('full')
      const put = (): never => {
        throw failure
      }
      const pair = await contexts({ server: { sessions: { kind: 'stateful', store: { put, get: () => undefined } } } })
      using connection = resumingConnection(pair)
      const { server } = await negotiate(connection)
      assert.ok(server instanceof BackendError, String(server))
      assert.match(server.message, /sessions\.store\.put failed/)
      assert.equal(server.cause, failure)
    })

    it(`${version}: the client's veto is asked again, and may refuse then`, async () => {
      const asked: PeerIdentity[] = []
      let accepts = true
      const verifyPeer = (peer: PeerIdentity) => {
        asked.push(peer)
        return accepts ? ({ accept: true } as const) : ({ accept: false, reason: 'revoked since' } as const)
      }
      const pair = await contexts({ client: { verifyPeer } })
      using first = await establish(resumingConnection(pair))
      using second = await establish(resumingConnection(pair))
      assert.equal(second.client.facts.resumed, true)
      assert.deepEqual(
        asked.map(({ resumed = false }) => resumed),
        [false, true],
      )
      assert.deepEqual(asked[1]?.chain, first.client.facts.peerChain)
      accepts = false
      using third = resumingConnection(pair)
      const { client } = await negotiate(third)
      assert.ok(client instanceof CertificateError && client.reason === 'vetoed', String(client))
      assert.throws(() => third.client.write(Buffer.from('x')), CertificateError)
    })

    it(`${version}: a client that showed its certificate has it in the connection that it resumes`, async () => {
      const asked: PeerIdentity[] = []
      let accepts = true
      const pair = await contexts({
        client: { certificateChain: signingChain(await clientIdentity()) },
        server: {
          clientAuthentication: 'required',
          trustStore: trusting(await authority()),
          verifyPeer: (peer) => {
            asked.push(peer)
            return accepts ? { accept: true } : { accept: false, reason: 'gone' }
          },
        },
      })
      using first = await establish(resumingConnection(pair))
      using second = await establish(resumingConnection(pair))
      assert.equal(second.server.facts.resumed, true)
      assert.equal(second.server.facts.verified, true)
      assert.deepEqual(second.server.facts.peerChain, derChain(await clientIdentity()))
      assert.deepEqual(second.server.facts.peerChain, first.server.facts.peerChain)
      assert.deepEqual(
        asked.map(({ chain, resumed = false }) => [chain.length, resumed]),
        [
          [first.server.facts.peerChain.length, false],
          [first.server.facts.peerChain.length, true],
        ],
      )
      accepts = false
      using third = resumingConnection(pair)
      const { server } = await negotiate(third)
      assert.ok(server instanceof CertificateError, String(server))
    })

    it(`${version}: a client whose file holds another certificate than before does not appear as it was`, async (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'polytls-'))
      t.after(() => rmSync(directory, { recursive: true }))
      const [leaf, key] = [join(directory, 'certificate.pem'), join(directory, 'key.pem')]
      const others = await (await authority()).issue({ name: 'Another Client', keyKind: anyKeyKind })
      const sessions = new MemorySessionCache()
      const appearAs = async (identity: Identity): Promise<Contexts> => {
        writeFileSync(leaf, identity.certificate)
        writeFileSync(key, identity.key)
        return contexts({
          client: {
            sessions,
            certificateChain: { leaf: Certificate.fromFile(leaf), key: PrivateKey.fromFile(key) },
          },
          server: { clientAuthentication: 'required', trustStore: trusting(await authority()) },
        })
      }
      const before = await appearAs(await clientIdentity())
      using first = await establish(resumingConnection(before))
      assert.deepEqual(first.server.facts.peerCertificate, derOf((await clientIdentity()).certificate))
      const { client } = await appearAs(others)
      using second = await establish(resumingConnection({ ...before, client }))
      assert.deepEqual(second.server.facts.peerCertificate, derOf(others.certificate))
      const again = await appearAs(await clientIdentity())
      using third = await establish(resumingConnection({ ...before, client: again.client }))
      assert.equal(third.server.facts.resumed, true)
      assert.deepEqual(third.server.facts.peerChain, first.server.facts.peerChain)
    })

    it(`${version}: a server that asks for certificates does not resume what began without one`, async () => {
      const keys = [{ name: randomBytes(16), secret: randomBytes(32) }]
      const sessions = { kind: 'stateless', ticketKeys: { current: () => keys } } as const
      const certificateChain = signingChain(await clientIdentity())
      const open = await contexts({ client: { certificateChain }, server: { sessions } })
      const strict = await contexts({
        server: { sessions, clientAuthentication: 'required', trustStore: trusting(await authority()) },
      })
      using first = await establish(resumingConnection(open))
      assert.equal(first.server.facts.peerChain.length, 0)
      using second = await establish(resumingConnection({ client: open.client, server: strict.server }))
      assert.equal(second.server.facts.resumed, false)
      assert.equal(second.server.facts.verified, true)
      using other = await establish(resumingConnection({ client: open.client, server: strict.server }))
      assert.equal(other.server.facts.resumed, true)
    })

    it(`${version}: a server of one name knows what it is asked for, whether it resumes or not`, async () => {
      const pair = await contexts()
      for (const resumed of [false, true]) {
        using connection = await establish(resumingConnection(pair))
        assert.equal(connection.server.facts.resumed, resumed)
        assert.equal(connection.server.facts.serverName, 'server.test')
      }
    })

    it(`${version}: names with certificates of their own are resumed each for itself`, async () => {
      const other = await (await authority()).issue({ name: 'Other', names: ['other.test'] })
      const { server } = await matching()
      const pair = await contexts({ server: { certificateChain: [...server.certificateChain, signingChain(other)] } })
      for (const resumed of [false, true]) {
        for (const [serverName, identity] of [
          ['server.test', await serverIdentity()],
          ['other.test', other],
        ] as const) {
          using connection = await establish(resumingConnection(pair, { serverName }))
          assert.equal(connection.client.facts.resumed, resumed)
          assert.equal(connection.server.facts.serverName, serverName)
          assert.deepEqual(connection.client.facts.peerChain, derChain(identity))
        }
      }
    })
  })

  const onlyTLS13 = { lowestSupportedVersion: 'TLSv1.3', highestSupportedVersion: 'TLSv1.3' } as const

  it('a resumed handshake is followed by one ticket, for the one that was used, or by none where that is none', async () => {
    for (const kind of ['stateless', 'stateful'] as const) {
      const first = await contextsWith(pairing, onlyTLS13, { server: { sessions: { kind, ticketsPerConnection: 5 } } })
      using full = await establish(resumingConnection(first))
      assert.equal(full.client.takeSessions().length, 5, kind)
      using resumed = await establish(resumingConnection(first))
      assert.equal(resumed.client.facts.resumed, true)
      assert.equal(resumed.client.takeSessions().length, 1, kind)
      resumed.server.sendTicket()
      settle(resumed)
      assert.equal(resumed.client.takeSessions().length, 1, kind)
    }
  })

  it('a server sends as many tickets as it was told, none where that is none, and more on demand', async () => {
    for (const ticketsPerConnection of [0, 1, 5]) {
      for (const kind of ['stateless', 'stateful'] as const) {
        const pair = await contextsWith(pairing, onlyTLS13, { server: { sessions: { kind, ticketsPerConnection } } })
        using connection = await establish(resumingConnection(pair))
        assert.equal(connection.client.takeSessions().length, ticketsPerConnection, kind)
        connection.server.sendTicket()
        settle(connection)
        const [session, ...more] = connection.client.takeSessions()
        assert.ok(session)
        assert.equal(more.length, 0)
        using resumed = await establish(resumingConnection(pair, { session }))
        assert.equal(resumed.client.facts.resumed, true)
      }
    }
  })

  it('how many tickets a server sends is a matter of TLS 1.3: one of TLS 1.2 lets clients resume all the same', async () => {
    const only = { lowestSupportedVersion: 'TLSv1.2', highestSupportedVersion: 'TLSv1.2' } as const
    for (const kind of ['stateless', 'stateful'] as const) {
      const pair = await contextsWith(pairing, only, { server: { sessions: { kind, ticketsPerConnection: 0 } } })
      for (const isResumed of [false, true]) {
        using connection = await establish(resumingConnection(pair))
        assert.equal(connection.client.facts.resumed, isResumed, kind)
      }
    }
  })

  it('whom a veto refuses gets no ticket', async () => {
    const pair = await contextsWith(pairing, onlyTLS13, {
      server: {
        clientAuthentication: 'requested',
        trustStore: trusting(await authority()),
        verifyPeer: () => ({ accept: false, reason: 'no' }),
      },
    })
    using connection = resumingConnection(pair)
    const { client, server } = await negotiate(connection)
    assert.equal(client, 'done')
    assert.ok(server instanceof CertificateError)
    connection.flow()
    try {
      connection.client.read(1)
    } catch {
      // Being told is one way to learn of it.
    }
    assert.deepEqual(connection.client.takeSessions(), [])
  })

  it('a ticket is used once by TLS 1.3, and there is one for each new connection', async () => {
    const pair = await contextsWith(pairing, onlyTLS13, {})
    using first = await establish(resumingConnection(pair))
    assert.equal(first.client.takeSessions().length, 2)
    for (let count = 0; count < 5; count++) {
      using next = await establish(resumingConnection(pair))
      assert.equal(next.client.facts.resumed, true)
      assert.ok(next.client.takeSessions().length >= 1)
    }
  })

  it('a flood of tickets is bounded', async () => {
    const cache = new MemorySessionCache({ maxSessions: 10 })
    const pair = await contextsWith(pairing, onlyTLS13, { client: { sessions: cache } })
    using connection = await establish(resumingConnection(pair))
    for (let count = 0; count < 500; count++) {
      connection.server.sendTicket()
      settle(connection)
    }
    assert.ok(cache.size <= 10)
    assert.ok(connection.client.takeSessions().length <= 64)
    assert.equal(String(connection.transfer('server', Buffer.from('still here'))), 'still here')
  })

  it('resumption always has a key exchange of its own in TLS 1.3', async () => {
    const pair = await contextsWith(pairing, onlyTLS13, {})
    using first = await establish(resumingConnection(pair))
    using second = await establish(resumingConnection(pair))
    assert.equal(second.client.facts.resumed, true)
    assert.equal(second.client.facts.group, first.client.facts.group)
    assert.ok(second.client.facts.group)
  })

  it('sendTicket is refused on a client, in TLS 1.2, and where sessions are off', async () => {
    const pair = await contextsWith(pairing, onlyTLS13, {})
    using connection = await establish(resumingConnection(pair))
    assert.throws(() => connection.client.sendTicket(), UsageError)
    using off = await establish(
      resumingConnection(await contextsWith(pairing, onlyTLS13, { server: { sessions: 'none' } })),
    )
    assert.throws(() => off.server.sendTicket(), UsageError)
    const tls12 = { lowestSupportedVersion: 'TLSv1.2', highestSupportedVersion: 'TLSv1.2' } as const
    using old = await establish(resumingConnection(await contextsWith(pairing, tls12, {})))
    assert.throws(() => old.server.sendTicket(), UsageError)
  })

  it('a server that has said close_notify sends no ticket behind it', async () => {
    using connection = await establish(resumingConnection(await contextsWith(pairing, onlyTLS13, {})))
    connection.server.shutdown()
    const { outgoingBytesBuffered } = connection.server
    assert.throws(() => connection.server.sendTicket(), UsageError)
    assert.equal(connection.server.outgoingBytesBuffered, outgoingBytesBuffered)
  })
})

interface Options {
  readonly client: ClientOptions
  /** Options, or contexts whose server serves here as well. */
  readonly server: Partial<ServerOptions> | Contexts
  readonly both: { readonly innerProtocols?: readonly string[] }
  readonly environment: { readonly now: () => number }
}

async function contextsWith(
  pairing: Pairing,
  bounds: OneVersion,
  { client = {}, server = {}, both = {}, environment }: Partial<Options>,
): Promise<Contexts> {
  const fitting = await matching()
  const isThere = 'server' in server
  const made = contextsFor(pairing, {
    client: { ...fitting.client, ...bounds, ...both, ...client },
    server: { ...fitting.server, ...bounds, ...both, ...(isThere ? {} : (server as Partial<ServerOptions>)) },
    ...(environment && { clientEnvironment: environment, serverEnvironment: environment }),
  })
  return isThere ? { client: made.client, server: (server as Contexts).server } : made
}

function storeWith(give: <T>(found: T) => T | Promise<T>): {
  readonly store: Required<SessionStore>
  readonly seen: Seen
} {
  const entries = new Map<string, Uint8Array>()
  const seen: Seen = []
  const keyOf = (id: Uint8Array): string => Buffer.from(id).toString('hex')
  return {
    seen,
    store: {
      put: (id, session) => {
        entries.set(keyOf(id), session)
      },
      get: (id, use) => {
        const found = entries.get(keyOf(id))
        seen.push(use)
        if (use.once) entries.delete(keyOf(id))
        return give(found)
      },
      remove: (id) => {
        entries.delete(keyOf(id))
      },
    },
  }
}
