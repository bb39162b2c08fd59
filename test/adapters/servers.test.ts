import assert from 'node:assert/strict'
import { once } from 'node:events'
import type * as http from 'node:http'
import * as https from 'node:https'
import * as net from 'node:net'
import { describe, test } from 'node:test'
import * as tls from 'node:tls'
import { type FastifyInstance, fastify } from 'fastify'
import { connect, type Session, TLSClientConfiguration, type TLSSocket, UsageError } from 'polytls'
import { createHTTP2Server } from 'polytls/http2'
import { createHTTPSServer } from 'polytls/https'
import { secureServer } from 'polytls/servers'
import { Agent, type buildConnector, request } from 'undici'
import { leavesNothing } from '../peers/support/leftovers.ts'
import { nodeClientOptions } from '../sockets/peers.ts'
import { authority, hostName, signingChain, trusting } from '../support/identities.ts'
import { host, listening, ours, responded, site, strangers, testedBackends } from './sites.ts'

const nodeOptions = await nodeClientOptions()

for (const backend of testedBackends) {
  describe(`servers over ${backend.name}`, () => {
    test('a server of node:http answers the HTTPS of Node, and tells who the client is', () =>
      leavesNothing(async () => {
        const trustStore = trusting(await authority())
        const options = { ...ours.server, backend, trustStore, clientAuthentication: 'requested' as const }
        const server = createHTTPSServer(options, ({ socket }, response) => {
          const { encrypted, facts, authorized, remoteAddress } = socket as unknown as TLSSocket
          response.end(
            JSON.stringify([encrypted, facts.version, facts.innerProtocol ?? null, authorized, remoteAddress]),
          )
        })
        await using there = await listening(server)
        const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ALPNProtocols: ['http/1.1'], ...nodeOptions })
        for (let i = 0; i < 3; i++) {
          const answer = await responded(https.get({ host, port: there.port, agent }))
          assert.deepEqual(JSON.parse(answer), [true, 'TLSv1.3', 'http/1.1', false, host])
        }
        assert.equal(there.accepted.length, 1)
        agent.destroy()
      }))

    test('a client that refuses us, or speaks no TLS, is told of and disturbs nobody', () =>
      leavesNothing(async () => {
        await using there = await site(backend, (_, response) => response.end('here'))
        const refused = once(there.server, 'tlsClientError')
        await assert.rejects(
          connect({ host, port: there.port, serverName: hostName, trustStore: await strangers(), backend }),
        )
        const [error] = await refused
        assert.equal((error as { alert?: string }).alert, 'unknown_ca')
        const plain = once(there.server, 'tlsClientError')
        const socket = net.connect(there.port, host).on('error', () => {})
        socket.resume().end('GET / HTTP/1.1\r\n\r\n')
        await plain
        await new Promise((resolve) => (socket.closed ? resolve(undefined) : socket.once('close', resolve)))
        const agent = new https.Agent(nodeOptions)
        assert.equal(await responded(https.get({ host, port: there.port, agent })), 'here')
      }))

    test('a server takes another certificate while it runs; open connections go on with theirs', () =>
      leavesNothing(async () => {
        const fresh = await (await authority()).issue({ name: 'renewed', names: [hostName] })
        const change = { certificateChain: [signingChain(fresh)] }
        for (const make of [
          () => createHTTPSServer({ ...ours.server, backend }, (_, response) => response.end('here')),
          () =>
            secureServer(
              https.createServer((_, response) => response.end('here')),
              { ...ours.server, backend },
            ),
        ]) {
          const server = make()
          await using there = await listening(server)
          const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ...nodeOptions })
          const nameOf = async (agent: https.Agent): Promise<string | undefined> => {
            const asking = https.get({ host, port: there.port, agent })
            const answer = responded(asking)
            const [socket] = await once(asking, 'socket')
            await answer
            return (socket as tls.TLSSocket).getPeerCertificate().subject.CN as string
          }
          const before = await nameOf(agent)
          assert.notEqual(before, 'renewed')
          server.setContext(backend.serverContext(server.context.configuration.with(change)))
          assert.equal(await nameOf(agent), before)
          const later = (): https.Agent => new https.Agent({ keepAlive: true, maxSockets: 1, ...nodeOptions })
          const others = [later(), later()] as const
          assert.equal(await nameOf(others[0]), 'renewed')
          assert.throws(() => server.setContext({} as never), TypeError)
          const { client } = ours
          const context = backend.clientContext(new TLSClientConfiguration(client))
          assert.throws(() => server.setContext(context as never), TypeError)
          assert.equal(await nameOf(others[1]), 'renewed')
          for (const each of [agent, ...others]) each.destroy()
        }
      }))

    test('what a server of Node says about its own TLS is refused where ours is below it, and so is TLS twice', async () => {
      const server = secureServer(https.createServer(), { ...ours.server, backend })
      assert.throws(
        () => server.setSecureContext({}),
        (error) => {
          assert.ok(error instanceof UsageError)
          assert.match(error.hint ?? '', /setContext/)
          return true
        },
      )
      assert.throws(() => server.addContext('server.test', {}), UsageError)
      assert.throws(() => secureServer(server, { ...ours.server, backend }), UsageError)
      assert.throws(() => secureServer({} as never, { ...ours.server, backend }), TypeError)
    })

    test('a server closes what is idle, and lets what is under way finish', () =>
      leavesNothing(async () => {
        const there = await site(backend, ({ url }, response) => {
          if (url === '/slow') response.write('a beginning, ')
          else response.end('here')
        })
        const finish = once(there.server, 'request')
        const agent = new https.Agent({ keepAlive: true, ...nodeOptions })
        const slow = responded(https.get({ host, port: there.port, agent, path: '/slow' }))
        const [, response] = (await finish) as [http.IncomingMessage, http.ServerResponse]
        await responded(https.get({ host, port: there.port, agent, path: '/' }))
        const end = there[Symbol.asyncDispose]()
        response.end('and an end')
        assert.equal(await slow, 'a beginning, and an end')
        agent.destroy()
        await end
      }))

    test('requests that take too long end', () =>
      leavesNothing(async () => {
        const timeouts = { headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 50 }
        const server = createHTTPSServer({ ...ours.server, backend, http: timeouts })
        await using there = await listening(server)
        const client = tls.connect({ host, port: there.port, ...nodeOptions })
        client.write('GET / HTTP/1.1\r\n')
        const [chunk] = await once(client, 'data')
        assert.match(String(chunk), /^HTTP\/1.1 408 /)
        if (!client.closed) await once(client.resume(), 'close')
      }))

    test('fastify serves over it, in HTTP/1.1 and in HTTP/2', () =>
      leavesNothing(async () => {
        const options = { ...ours.server, backend }
        const apps = {
          '1.1': fastify({ serverFactory: (handler) => createHTTPSServer(options, handler) }),
          '2.0': fastify({
            http2: true,
            serverFactory: (handler) => createHTTP2Server(options, handler as never) as never,
          }),
        }
        for (const [version, app] of Object.entries(apps) as unknown as [string, FastifyInstance][]) {
          app.get('/', ({ protocol, ip, raw }) => ({ protocol, ip, version: raw.httpVersion }))
          app.post('/', ({ body }) => body)
          const url = await app.listen({ port: 0, host })
          const agent = new Agent({ allowH2: version === '2.0', connect: nodeOptions as buildConnector.BuildOptions })
          const origin = url.replace(/^http:/, 'https:')
          const about = await request(origin, { dispatcher: agent })
          assert.deepEqual(await about.body.json(), { protocol: 'https', ip: host, version })
          const json = { text: 'x'.repeat(50_000) }
          const echoed = await request(origin, {
            dispatcher: agent,
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(json),
          })
          assert.deepEqual(await echoed.body.json(), json)
          await agent.close()
          await app.close()
        }
      }))

    test('a server of node:https or of node:net that is there already is put on it', () =>
      leavesNothing(async () => {
        const late = https.createServer({}, (_, response) => response.end('here'))
        await using there = await listening(secureServer(late, { ...ours.server, backend }))
        const agent = new https.Agent(nodeOptions)
        assert.equal(await responded(https.get({ host, port: there.port, agent })), 'here')

        const echo = net.createServer((socket) => void socket.pipe(socket))
        await using other = await listening(secureServer(echo, { ...ours.server, backend }))
        const client = tls.connect({ host, port: other.port, ...nodeOptions })
        client.end('hello')
        const [chunk] = await once(client, 'data')
        assert.equal(String(chunk), 'hello')
        if (!client.closed) await once(client, 'close')
      }))

    test('a request in early data is served when it can be no replay, and can be answered with 425', () =>
      leavesNothing(async () => {
        const early: number[] = []
        const options = { ...ours.server, backend, maxEarlyDataBytes: 4096 }
        const server = createHTTPSServer(options, (incoming, response) => {
          const { earlyData, secureConnecting } = incoming.socket as unknown as TLSSocket
          early.push(earlyData.byteLength)
          assert.equal(secureConnecting, false)
          incoming.resume()
          if (earlyData.byteLength > 0 && incoming.method !== 'GET') response.writeHead(425)
          response.end()
        })
        await using there = await listening(server)
        const context = backend.clientContext(new TLSClientConfiguration(ours.client))
        const to = { host, port: there.port, serverName: hostName, context }
        const first = await connect(to)
        const [session] = (await once(first, 'session')) as [Session]
        assert.ok(session.maxEarlyDataBytes)
        first.end()
        await once(first.resume(), 'close')
        for (const [method, status] of [
          ['GET', 200],
          ['POST', 425],
        ] as const) {
          const body = 'half of it here, the rest there'
          const text = `${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`
          const earlyData = Buffer.from(text.slice(0, -10))
          const socket = await connect({ ...to, earlyData })
          assert.equal(socket.facts.earlyData, 'accepted')
          socket.write(text.slice(-10))
          const [answer] = await once(socket, 'data')
          assert.match(String(answer), new RegExp(`^HTTP/1.1 ${status} `))
          if (!socket.closed) await once(socket.resume(), 'close')
          assert.equal(early.at(-1), earlyData.byteLength)
        }
      }))
  })
}
