import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as net from 'node:net'
import { describe, test } from 'node:test'
import { ConfigurationError, openssl, RaggedEOFError, TLSVersion } from 'polytls'
import { createHTTP2Server } from 'polytls/http2'
import { undiciConnector } from 'polytls/undici'
import { Agent, Client, fetch, Pool, request } from 'undici'
import { leavesNothing } from '../peers/support/leftovers.ts'
import { hostName } from '../support/identities.ts'
import { host, isRefusal, listening, ours, proxy, site, strangers, testedBackends, transport } from './sites.ts'

for (const backend of testedBackends) {
  const setup = { ...ours.client, backend, transport }
  const connector = undiciConnector(setup)

  describe(`undici over ${backend.name}`, () => {
    test('requests share a connection, and the next one resumes its session', () =>
      leavesNothing(async () => {
        const seen: boolean[] = []
        await using there = await site(backend, (incoming, response) => {
          seen.push((incoming.socket as never as { isSessionReused(): boolean }).isSessionReused())
          incoming.pipe(response)
        })
        for (const reused of [false, true]) {
          const agent = new Agent({ connect: connector, pipelining: 1, connections: 1 })
          for (let i = 0; i < 3; i++) {
            const body = 'x'.repeat(100_000 * i)
            const response = await fetch(there.url, { method: 'POST', body, dispatcher: agent })
            assert.equal(await response.text(), body)
          }
          assert.equal(there.accepted.length, reused ? 2 : 1)
          await agent.close()
        }
        assert.deepEqual(seen, [false, false, false, true, true, true])
      }))

    test('a pool has as many connections as it may', () =>
      leavesNothing(async () => {
        await using there = await site(backend, (_, response) => response.end('here'))
        const pool = new Pool(there.url, { connect: connector, connections: 3 })
        const answers = await Promise.all(
          Array.from({ length: 12 }, async () => {
            const { body } = await pool.request({ path: '/', method: 'GET' })
            return body.text()
          }),
        )
        assert.deepEqual(new Set(answers), new Set(['here']))
        assert.equal(there.accepted.length, 3)
        await pool.close()
      }))

    test('HTTP/2 is spoken where both want it', () =>
      leavesNothing(async () => {
        await using there = await listening(
          createHTTP2Server({ ...ours.server, backend, http2: { allowHTTP1: true } }, (incoming, response) =>
            response.end(incoming.httpVersion),
          ),
        )
        for (const [allowH2, expected] of [
          [true, '2.0'],
          [false, '1.1'],
        ] as const) {
          const agent = new Agent({ connect: undiciConnector({ ...setup, allowH2 }) })
          const answers = await Promise.all(
            Array.from({ length: 5 }, async () => (await fetch(there.url, { dispatcher: agent })).text()),
          )
          assert.deepEqual(answers, Array(5).fill(expected))
          await agent.close()
        }
      }))

    test('a server that is not trusted is what the request fails with', () =>
      leavesNothing(async () => {
        await using there = await site(backend, () => assert.fail('a request came'))
        const agent = new Agent({ connect: undiciConnector({ ...setup, trustStore: await strangers() }) })
        await assert.rejects(request(there.url, { dispatcher: agent }), isRefusal)
        await assert.rejects(fetch(there.url, { dispatcher: agent }), ({ cause }: Error) => isRefusal(cause))
        const wrongName = new Agent({ connect: undiciConnector({ ...setup, serverName: 'other.test' }) })
        await assert.rejects(request(there.url, { dispatcher: wrongName }), { reason: 'wrong-host' })
        await agent.close()
        await wrongName.close()
      }))

    test('a request can be aborted, also while it connects, and time out', () =>
      leavesNothing(async () => {
        await using there = await site(backend, (_, response) => void response.writeHead(200).write('a beginning'))
        const agent = new Agent({ connect: connector, bodyTimeout: 200 })
        const abort = new AbortController()
        const { body } = await request(there.url, { dispatcher: agent, signal: abort.signal })
        await once(body, 'readable')
        abort.abort()
        await assert.rejects(body.text(), { name: 'AbortError' })
        const slow = await request(there.url, { dispatcher: agent })
        await assert.rejects(slow.body.text(), { code: 'UND_ERR_BODY_TIMEOUT' })
        await agent.destroy()

        const silent = net.createServer((socket) => socket.on('error', () => {}).resume())
        await using mute = await listening(silent)
        const impatient = new Agent({ connect: undiciConnector({ ...setup, connectTimeoutMilliseconds: 100 }) })
        await assert.rejects(request(mute.url, { dispatcher: impatient }), { code: 'ETIMEDOUT' })
        await impatient.close()
      }))

    test('a server that dies in an answer, or before it, is an error', () =>
      leavesNothing(async () => {
        await using there = await site(backend, ({ socket, url }, response) => {
          if (url === '/') response.writeHead(200, { 'content-length': 100 }).write('a beginning')
          setImmediate(() => socket.destroy())
        })
        const client = new Client(there.url, { connect: connector })
        await assert.rejects(async () => {
          const { body } = await client.request({ path: '/', method: 'GET' })
          await body.text()
        })
        await assert.rejects(client.request({ path: '/nothing', method: 'GET' }))
        await client.close()

        const rude = net.createServer((socket) => socket.once('data', () => socket.end()).on('error', () => {}))
        await using dying = await listening(rude)
        const agent = new Agent({ connect: connector })
        await assert.rejects(request(dying.url, { dispatcher: agent }), RaggedEOFError)
        await agent.close()
      }))

    test('it goes through a proxy by CONNECT', () =>
      leavesNothing(async () => {
        await using there = await site(backend, (_, response) => response.end('here'))
        await using between = await proxy()
        const url = `http://${host}:${between.port}`
        const { transport: _, ...rest } = setup
        // The name is for the proxy to look up; this one knows only the machine's own address.
        const through = undiciConnector({ ...rest, serverName: hostName, proxy: { url } })
        const agent = new Agent({ connect: through })
        const response = await fetch(`https://${host}:${there.port}`, { dispatcher: agent })
        assert.equal(await response.text(), 'here')
        assert.deepEqual(between.tunnels, [`${host}:${there.port}`])
        await agent.close()
      }))
  })
}

test('the way out of TLS is refused', async () => {
  const agent = new Agent({ connect: undiciConnector({ ...ours.client }) })
  await assert.rejects(request('http://server.test/', { dispatcher: agent }), ConfigurationError)
  await agent.close()
  const { TLSv1_2, TLSv1_3 } = TLSVersion
  const impossible = { lowestSupportedVersion: TLSv1_3, highestSupportedVersion: TLSv1_2, backend: openssl }
  assert.throws(() => undiciConnector(impossible), ConfigurationError)
})
