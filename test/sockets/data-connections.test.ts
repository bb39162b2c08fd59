import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import {
  type Backend,
  type ClientContext,
  connect,
  DataConnections,
  type NegotiatedVersion,
  openssl,
  type ServerContext,
  type ServerOptions,
  type Session,
  TLSClientConfiguration,
  TLSServerConfiguration,
  type TLSSocket,
  UpgradableSocket,
  UsageError,
  upgrade,
} from 'polytls'
import { MemorySessionStore } from '#polytls/channel/memory-session-store.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { forEachBackend, has, only } from '../support/backends.ts'
import { matching, signingChain } from '../support/identities.ts'
import { destroyAfter, host, hostName, rawClient, server, tcpPair } from './peers.ts'
import { readAll } from './streams.ts'

const ours = await matching()

interface Contexts {
  readonly client: ClientContext
  readonly server: ServerContext
}

function contextsOf(backend: Backend, version: NegotiatedVersion, own: Partial<ServerOptions> = {}): Contexts {
  return {
    client: backend.clientContext(new TLSClientConfiguration({ ...ours.client, ...only(version) })),
    server: backend.serverContext(new TLSServerConfiguration({ ...ours.server, ...own })),
  }
}

/** A connection, whose server says one word, behind which its tickets have come. */
async function control(t: TestContext, { client, server }: Contexts, service?: string): Promise<TLSSocket> {
  const [here, there] = await tcpPair(t)
  const [ours, theirs] = await Promise.all([
    upgrade(here, { context: client, serverName: hostName, service }),
    upgrade(there, { isServer: true, context: server }),
  ])
  destroyAfter(t, theirs).write('ready')
  destroyAfter(t, ours)
  return ours
}

/** A control connection and what belongs to it, when the word and all before it have been read. */
async function login(t: TestContext, contexts: Contexts, service?: string): Promise<DataConnections> {
  const socket = await control(t, contexts, service)
  const data = new DataConnections(socket)
  await once(socket, 'data')
  return data
}

/** One transfer to the client; answers whether the connection went on from another one. */
async function transfer(t: TestContext, data: DataConnections, { server }: Contexts): Promise<boolean> {
  const [here, there] = await tcpPair(t)
  const [ours, theirs] = await Promise.all([data.upgrade(here), upgrade(there, { isServer: true, context: server })])
  destroyAfter(t, theirs).end('a file')
  assert.equal(String((await readAll(destroyAfter(t, ours))).bytes), 'a file')
  assert.equal(ours.facts.resumed, theirs.facts.resumed)
  assert.equal(ours.facts.verified, true)
  return ours.facts.resumed
}

forEachBackend('data connections', (backend) => {
  if (!has(backend, 'sessions')) return

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version}: each goes on from the session before, also more often than there are tickets`, async (t) => {
      const contexts = contextsOf(backend, version)
      const data = await login(t, contexts, 'ftp')
      for (let i = 0; i < 30; i++) assert.equal(await transfer(t, data, contexts), true, `transfer ${i}`)
    })

    test(`${version}: those that are broken off at once take no session from the others`, async (t) => {
      const contexts = contextsOf(backend, version)
      const data = await login(t, contexts)
      for (let i = 0; i < 6; i++) {
        const [here, there] = await tcpPair(t)
        const broken = data.upgrade(here)
        const theirs = await upgrade(there, { isServer: true, context: contexts.server })
        destroyAfter(t, theirs).on('error', () => {})
        const socket = await broken
        assert.equal(socket.facts.resumed, true)
        socket.destroy()
      }
      assert.equal(await transfer(t, data, contexts), true)
    })
  }

  test('they are not given what came on another control connection', async (t) => {
    const contexts = contextsOf(backend, 'TLSv1.3')
    // As servers do that keep their keys to one control connection each.
    const others = { client: contexts.client, server: contextsOf(backend, 'TLSv1.3').server }
    const data = await login(t, contexts)
    const otherData = await login(t, others)
    for (let i = 0; i < 4; i++) {
      assert.equal(await transfer(t, data, contexts), true)
      assert.equal(await transfer(t, otherData, others), true)
    }
  })

  test('a server that takes every ticket once gets a full handshake where none is left', async (t) => {
    const store = new MemorySessionStore({ now: Date.now })
    const contexts = contextsOf(backend, 'TLSv1.3', { sessions: { kind: 'stateful', store } })
    const none = { kind: 'stateful', store, ticketsPerConnection: 0 } as const
    const stingy = { ...contexts, server: contextsOf(backend, 'TLSv1.3', { sessions: none }).server }
    const data = await login(t, contexts)
    const resumed: boolean[] = []
    for (let i = 0; i < 4; i++) resumed.push(await transfer(t, data, stingy))
    assert.deepEqual(resumed, [true, true, false, false])
  })

  test('they expect whom the control connection expects', async (t) => {
    const contexts = contextsOf(backend, 'TLSv1.3', { sessions: 'none' })
    const data = await login(t, contexts)
    assert.equal(await transfer(t, data, contexts), false)
    const [here, there] = await tcpPair(t)
    const stranger = signingChain(await makeSelfSigned({ name: hostName, names: [hostName] }))
    const wrong = backend.serverContext(new TLSServerConfiguration({ certificateChain: [stranger] }))
    const refused = upgrade(there, { isServer: true, context: wrong })
    refused.catch(() => {})
    await assert.rejects(data.upgrade(here), { code: 'ERR_TLS_CERTIFICATE' })
  })
})

describe('data connections', () => {
  test('they are for the port that `connect` went to, too', async (t) => {
    const { port } = await server(t, (socket) => socket.end('a file'))
    const context = openssl.clientContext(new TLSClientConfiguration(ours.client))
    const first = destroyAfter(t, await connect({ host, port, serverName: hostName, context }))
    const data = new DataConnections(first)
    await readAll(first)
    const second = destroyAfter(t, await data.upgrade(await rawClient(t, port)))
    assert.equal(second.facts.resumed, true)
    await readAll(second)
  })

  test('they leave the sessions to whoever else listens', async (t) => {
    const contexts = contextsOf(openssl, 'TLSv1.3')
    const socket = await control(t, contexts)
    const data = new DataConnections(socket)
    const heard: Session[] = []
    socket.on('session', (session) => heard.push(session))
    await once(socket, 'data')
    assert.ok(heard.length > 0)
    assert.equal(await transfer(t, data, contexts), true)
  })

  test('they go on when the control connection has returned to plain text', async (t) => {
    const contexts = contextsOf(openssl, 'TLSv1.3')
    const [here, there] = await tcpPair(t)
    const [ours, theirs] = await Promise.all([
      upgrade(here, { context: contexts.client, serverName: hostName, allowHalfOpen: true }),
      upgrade(there, { isServer: true, context: contexts.server, allowHalfOpen: true }),
    ])
    const data = new DataConnections(ours)
    theirs.resume()
    await Promise.all([ours.resume().unwrap(), theirs.unwrap()])
    for (let i = 0; i < 4; i++) assert.equal(await transfer(t, data, contexts), true)
  })

  test('a signal ends one of them', async (t) => {
    const contexts = contextsOf(openssl, 'TLSv1.3')
    const data = await login(t, contexts)
    const [here] = await tcpPair(t)
    const controller = new AbortController()
    const waiting = data.upgrade(here, { signal: controller.signal })
    controller.abort()
    await assert.rejects(waiting, { name: 'AbortError' })
    assert.equal(await transfer(t, data, contexts), true)
  })

  test('they belong to a client of this package, and to nothing else', async (t) => {
    const [here, there] = await tcpPair(t)
    const contexts = contextsOf(openssl, 'TLSv1.3')
    const [client, theirs] = await Promise.all([
      upgrade(here, { context: contexts.client, serverName: hostName }),
      upgrade(there, { isServer: true, context: contexts.server }),
    ])
    destroyAfter(t, client)
    const [plain] = await tcpPair(t)
    for (const wrong of [destroyAfter(t, theirs), plain, new UpgradableSocket(plain), undefined, {}]) {
      assert.throws(() => new DataConnections(wrong as TLSSocket), UsageError)
    }
    const data = new DataConnections(client)
    const [dead] = await tcpPair(t)
    dead.destroy()
    await assert.rejects(data.upgrade(dead), UsageError)
    await assert.rejects(data.upgrade(undefined as never), TypeError)
  })
})
