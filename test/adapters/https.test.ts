import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as http from 'node:http'
import * as https from 'node:https'
import { describe, test } from 'node:test'
import { ConfigurationError, TLSSocket } from 'polytls'
import { HTTPSAgent } from 'polytls/https'
import { WebSocket, WebSocketServer } from 'ws'
import { leavesNothing } from '../peers/support/leftovers.ts'
import { authority, hostName } from '../support/identities.ts'
import {
  host,
  isRefusal,
  listening,
  ours,
  proxy,
  responded,
  site,
  strangers,
  testedBackends,
  transport,
} from './sites.ts'

for (const backend of testedBackends) {
  const setup = { ...ours.client, backend, transport }

  describe(`node:https over ${backend.name}`, () => {
    test('an agent keeps connections alive, and pools them', () =>
      leavesNothing(async () => {
        await using there = await site(backend, (incoming, response) => incoming.pipe(response))
        const agent = new HTTPSAgent(setup, { keepAlive: true, maxSockets: 2 })
        for (let round = 0; round < 2; round++) {
          const answers = await Promise.all(
            Array.from({ length: 6 }, (_, index) => answer(there.url, agent, `question ${index}`)),
          )
          assert.deepEqual(
            answers,
            Array.from({ length: 6 }, (_, index) => `question ${index}`),
          )
        }
        assert.equal(there.accepted.length, 2)
        const [idle] = Object.values(agent.freeSockets).flat()
        assert.ok((idle as unknown) instanceof TLSSocket)
        agent.destroy()
      }))

    test('without keep-alive nothing stays open', () =>
      leavesNothing(async () => {
        await using there = await site(backend, (incoming, response) => incoming.pipe(response))
        const agent = new HTTPSAgent(setup)
        assert.equal(await answer(there.url, agent, 'once'), 'once')
        assert.equal(await answer(there.url, agent, 'twice'), 'twice')
        assert.equal(there.accepted.length, 2)
      }))

    test('a server that is not trusted is the error of the request', () =>
      leavesNothing(async () => {
        await using there = await site(backend, () => assert.fail('a request came'))
        const agent = new HTTPSAgent({ ...setup, trustStore: await strangers() })
        await assert.rejects(answer(there.url, agent, ''), isRefusal)
      }))

    test('the name of a request is heeded, and its options of node:tls are refused', () =>
      leavesNothing(async () => {
        await using there = await site(backend, (_, response) => response.end('here'))
        const agent = new HTTPSAgent(setup)
        const { port } = there
        const other = { host, port, agent, servername: 'other.test' }
        await assert.rejects(responded(https.get(other)), { reason: 'wrong-host' })
        assert.equal(await responded(https.get({ host, port, agent, servername: hostName })), 'here')
        const { certificate: ca } = await authority()
        for (const [name, value] of Object.entries({ ca, rejectUnauthorized: false, minVersion: 'TLSv1.3' })) {
          await assert.rejects(responded(https.get(there.url, { agent, [name]: value })), (error) => {
            assert.ok(error instanceof ConfigurationError && error.field === `request.${name}`, String(error))
            return true
          })
        }
      }))

    test('requests can be aborted and time out', () =>
      leavesNothing(async () => {
        await using there = await site(backend, () => {})
        const agent = new HTTPSAgent(setup, { keepAlive: true })
        const abort = new AbortController()
        const aborted = responded(https.get(there.url, { agent, signal: abort.signal }))
        await once(there.server, 'request')
        abort.abort()
        await assert.rejects(aborted, { name: 'AbortError' })
        const slow = https.get(there.url, { agent, timeout: 100 })
        slow.on('timeout', () => slow.destroy(new Error('too slow')))
        await assert.rejects(responded(slow), { message: 'too slow' })
        agent.destroy()
      }))

    test('a connection that dies is not used again', () =>
      leavesNothing(async () => {
        await using there = await site(backend, ({ url, socket }, response) => {
          if (url === '/die') socket.destroy()
          else response.end('here')
        })
        const agent = new HTTPSAgent(setup, { keepAlive: true })
        assert.equal(await answer(there.url, agent, ''), 'here')
        await assert.rejects(answer(`${there.url}/die`, agent, ''))
        assert.equal(await answer(there.url, agent, ''), 'here')
        // The server closes what is idle; the agent notices.
        const [idle] = Object.values(agent.freeSockets).flat()
        const gone = new Promise((resolve) => idle?.once('close', resolve))
        there.server.closeIdleConnections()
        await gone
        assert.equal(await answer(there.url, agent, ''), 'here')
        agent.destroy()
      }))

    test('it goes through a proxy by CONNECT', () =>
      leavesNothing(async () => {
        await using there = await site(backend, (incoming, response) => incoming.pipe(response))
        await using between = await proxy()
        const { transport: _, ...rest } = setup
        const through = { ...rest, serverName: hostName, proxy: { url: `http://${host}:${between.port}` } }
        const agent = new HTTPSAgent(through, { keepAlive: true })
        for (const text of ['one', 'two']) {
          assert.equal(await answer(`https://${host}:${there.port}`, agent, text), text)
        }
        assert.equal(between.tunnels.length, 1)
        const wary = new HTTPSAgent({ ...through, trustStore: await strangers() })
        await assert.rejects(answer(`https://${host}:${there.port}`, wary, ''), isRefusal)
        agent.destroy()
      }))

    test('a WebSocket is opened with it, and accepted by a server', () =>
      leavesNothing(async () => {
        const own = await site(backend, (_, response) => response.end())
        const sockets = new WebSocketServer({ server: own.server })
        sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(String(text))))
        const url = `wss://${hostName}:${own.port}/`
        const client = new WebSocket(url, { agent: new HTTPSAgent(setup) })
        await once(client, 'open')
        const text = 'x'.repeat(300_000)
        client.send(text)
        const [heard] = await once(client, 'message')
        assert.equal(String(heard), text)
        const [left] = [once(client, 'close'), client.close(1000)]
        assert.equal((await left)[0], 1000)

        const wary = new WebSocket(url, { agent: new HTTPSAgent({ ...setup, trustStore: await strangers() }) })
        const [error] = await once(wary, 'error')
        isRefusal(error)

        const broken = new WebSocket(url, { agent: new HTTPSAgent(setup) })
        await once(broken, 'open')
        broken.on('error', () => {})
        const lost = once(broken, 'close')
        own.accepted.at(-1)?.destroy()
        for (const socket of sockets.clients) socket.terminate()
        assert.equal((await lost)[0], 1006)
        sockets.close()
        await own[Symbol.asyncDispose]()
      }))
  })
}

test('a listener is a server of node:http with all its rights', () =>
  leavesNothing(async () => {
    const [backend] = testedBackends
    if (backend === undefined) return
    await using there = await site(backend, (_, response) => response.end('here'))
    assert.ok(there.server instanceof http.Server)
    const agent = new HTTPSAgent({ ...ours.client, transport }, { keepAlive: true })
    await answer(there.url, agent, '')
    await listening(http.createServer()).then((plain) => plain[Symbol.asyncDispose]())
    agent.destroy()
  }))

function answer(url: string, agent: https.Agent, body: string): Promise<string> {
  const request = https.request(url, { agent, method: 'POST' })
  request.end(body)
  return responded(request)
}
