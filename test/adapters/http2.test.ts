import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import { describe, test } from 'node:test'
import { type Backend, NegotiationError, type TLSSocket } from 'polytls'
import { createHTTP2Server, http2Connection } from 'polytls/http2'
import { HTTPSAgent } from 'polytls/https'
import { leavesNothing } from '../peers/support/leftovers.ts'
import { nodeClientOptions } from '../sockets/peers.ts'
import { hostName } from '../support/identities.ts'
import {
  host,
  isRefusal,
  listening,
  ours,
  proxy,
  responded,
  type Site,
  site,
  strangers,
  testedBackends,
  transport,
} from './sites.ts'

for (const backend of testedBackends) {
  const setup = { ...ours.client, backend, transport }
  const createConnection = http2Connection(setup)

  describe(`node:http2 over ${backend.name}`, () => {
    test('a session carries many streams, large bodies among them', () =>
      leavesNothing(async () => {
        await using there = await echoing(backend)
        const session = http2.connect(there.url, { createConnection })
        const bodies = Array.from({ length: 10 }, (_, index) => 'x'.repeat(index * 50_000))
        const answers = await Promise.all(bodies.map((body) => exchange(session, body)))
        assert.deepEqual(
          answers.map(({ length }) => length),
          bodies.map(({ length }) => length),
        )
        assert.equal(there.accepted.length, 1)
        await closed(session)
      }))

    test('a server that is not trusted is the error of the session', () =>
      leavesNothing(async () => {
        await using there = await echoing(backend)
        const trustStore = await strangers()
        const session = http2.connect(there.url, { createConnection: http2Connection({ ...setup, trustStore }) })
        const [error] = await once(session, 'error')
        isRefusal(error)
        await gone(session)
      }))

    test('one that does not speak HTTP/2 is an error', () =>
      leavesNothing(async () => {
        await using there = await site(backend, () => assert.fail('a request came'))
        const onlyOld = { ...setup, innerProtocols: ['h2', 'http/1.1'] }
        for (const create of [createConnection, http2Connection(onlyOld)]) {
          const session = http2.connect(there.url, { createConnection: create })
          const [error] = await once(session, 'error')
          assert.ok(error instanceof NegotiationError || error.alert === 'no_application_protocol', String(error))
          await gone(session)
        }
      }))

    test('streams can be aborted, the session can time out, and its peer can die', () =>
      leavesNothing(async () => {
        const server = createHTTP2Server({ ...ours.server, backend })
        server.on('stream', (stream) => stream.on('error', () => {}).respond())
        await using there = await listening(server)
        const session = http2.connect(there.url, { createConnection })
        const abort = new AbortController()
        const stream = session.request({ ':path': '/' }, { signal: abort.signal })
        await once(stream, 'response')
        abort.abort()
        const [error] = await once(stream, 'error')
        assert.equal(error.name, 'AbortError')
        session.setTimeout(50)
        await once(session, 'timeout')
        session.setTimeout(0)
        const sessions: http2.ServerHttp2Session[] = []
        server.on('session', (each) => sessions.push(each))
        const other = http2.connect(there.url, { createConnection })
        const pending = other.request({ ':path': '/' })
        await once(pending, 'response')
        other.on('error', () => {})
        const lost = new Promise((resolve) => pending.on('error', resolve).on('close', resolve))
        const end = gone(other)
        sessions[0]?.destroy()
        await lost
        await end
        await closed(session)
      }))

    test('it goes through a proxy by CONNECT', () =>
      leavesNothing(async () => {
        await using there = await echoing(backend)
        await using between = await proxy()
        const { transport: _, ...rest } = setup
        const through = { ...rest, serverName: hostName, proxy: { url: `http://${host}:${between.port}` } }
        const session = http2.connect(`https://${host}:${there.port}`, { createConnection: http2Connection(through) })
        assert.equal(await exchange(session, 'through'), 'through')
        assert.equal(between.tunnels.length, 1)
        await closed(session)
        const trustStore = await strangers()
        const wary = http2.connect(`https://${host}:${there.port}`, {
          createConnection: http2Connection({ ...through, trustStore }),
        })
        const [error] = await once(wary, 'error')
        isRefusal(error)
        await gone(wary)
      }))

    test('a server answers the HTTP/2 of Node, and HTTP/1.1 where it may', () =>
      leavesNothing(async () => {
        const seen: unknown[] = []
        const options = { ...ours.server, backend, http2: { allowHTTP1: true } }
        const server = createHTTP2Server(options, ({ httpVersion, socket }, response) => {
          const { encrypted, facts, remoteAddress, getProtocol } = socket as unknown as TLSSocket
          seen.push([httpVersion, encrypted, facts.innerProtocol, remoteAddress, getProtocol.call(socket)])
          response.end('here')
        })
        await using there = await listening(server)
        const session = http2.connect(`https://${host}:${there.port}`, await nodeClientOptions())
        assert.equal(await exchange(session, ''), 'here')
        await closed(session)
        const agent = new HTTPSAgent(setup)
        assert.equal(await responded(https.get(there.url, { agent })), 'here')
        assert.deepEqual(seen, [
          ['2.0', true, 'h2', host, 'TLSv1.3'],
          ['1.1', true, 'http/1.1', host, 'TLSv1.3'],
        ])
      }))
  })
}

function echoing(backend: Backend): Promise<Site<http2.Http2SecureServer>> {
  return listening(createHTTP2Server({ ...ours.server, backend }, (request, response) => void request.pipe(response)))
}

async function exchange(session: http2.ClientHttp2Session, body: string): Promise<string> {
  const stream = session.request({ ':method': 'POST', ':path': '/' })
  stream.end(body)
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

async function closed(session: http2.ClientHttp2Session): Promise<void> {
  const end = gone(session)
  session.close()
  await end
}

async function gone(session: http2.ClientHttp2Session): Promise<void> {
  if (!session.destroyed) await new Promise((resolve) => session.once('close', resolve))
}
