import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import * as http from 'node:http'
import * as net from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import {
  AlertReceivedError,
  ConfigurationError,
  createServer,
  openssl,
  type ProxyOptions,
  portable,
  RaggedEOFError,
  StartTLSError,
  type TLSSocket,
  TLSVersion,
} from 'polytls'
import { amqpConnection, VersionDemandedError } from 'polytls/amqp'
import { WebSocket, WebSocketServer } from 'ws'
import { host, rawServer } from '../sockets/peers.ts'
import { httpProxy, socksProxy } from '../starttls/own-proxies.ts'
import { matching } from '../support/identities.ts'
import { client, echo, heard, hostName, newContainer } from './brokers.ts'

const ours = await matching()
const held = { highestSupportedVersion: TLSVersion.TLSv1_2 } as const
const withoutReconnecting = { amqp: { reconnect: false } } as const
// The proxies know this name, and look it up.
const toBroker = { ...ours.client, host: hostName } as const

interface Known {
  readonly proxy: ProxyOptions
  readonly asked: readonly string[]
}
const proxies = {
  HTTP: async (t: TestContext): Promise<Known> => {
    const { port, asked } = await httpProxy(t)
    return { proxy: { url: `http://alice:p%40ss@${host}:${port}` }, asked }
  },
  'HTTP over TLS': async (t: TestContext): Promise<Known> => {
    const { port, asked } = await httpProxy(t, { secure: true })
    return { proxy: { url: `https://alice:p%40ss@localhost:${port}`, tls: ours.client }, asked }
  },
  SOCKS5: async (t: TestContext): Promise<Known> => {
    const { port, asked } = await socksProxy(t)
    return { proxy: { url: `socks5://alice:p%40ss@${host}:${port}` }, asked }
  },
}

for (const backend of [openssl, portable]) {
  describe(`AMQP over ${backend.name} through a proxy`, () => {
    for (const [kind, make] of Object.entries(proxies)) {
      test(`of ${kind}: a message comes back, and a connection that breaks is made anew the same way`, async (t) => {
        const { proxy, asked } = await make(t)
        const { port, server } = await echo(t, { ...ours.server, backend })
        const sockets: TLSSocket[] = []
        server.on('secureConnection', (socket) => sockets.push(socket))
        const { connection } = client(t, { ...toBroker, backend, port, proxy, amqp: { initial_reconnect_delay: 1 } })
        const receiver = connection.open_receiver('answers')
        const sender = connection.open_sender('questions')
        await heard(sender as never, 'sendable')
        sender.send({ body: 'through a proxy' })
        const { message } = await heard(receiver as never, 'message')
        assert.equal(message?.body, 'through a proxy')

        const [lost, again] = [heard(connection, 'disconnected'), once(connection, 'connection_open')]
        sockets[0]?.resetAndDestroy()
        assert.equal(((await lost) as unknown as { reconnecting: boolean }).reconnecting, true)
        await again
        assert.deepEqual(
          sockets.map(({ facts }) => [facts.serverName, facts.resumed]),
          [
            [hostName, false],
            [hostName, true],
          ],
        )
        assert.equal(asked.length, 2)
        for (const each of asked) assert.match(each, new RegExp(`${hostName}:${port}\\b`))
      })
    }

    test('a WebSocket goes through it', async (t) => {
      const { proxy, asked } = await proxies.SOCKS5(t)
      const broker = newContainer()
      const opened = once(broker, 'connection_open')
      const plain = http.createServer()
      const sockets = new WebSocketServer({ server: plain, handleProtocols: () => 'amqp' })
      sockets.on('connection', (socket) => broker.websocket_accept(socket as never, {} as never))
      const server = createServer({ ...ours.server, backend }, (socket) => plain.emit('connection', socket))
      server.listen(0, host)
      await once(server, 'listening')
      t.after(() => server.shutdown({ timeoutMilliseconds: 0 }))
      const { port } = server.address() as net.AddressInfo
      client(t, { ...toBroker, backend, port, proxy, webSocket: { implementation: WebSocket } })
      await opened
      assert.equal(asked.length, 1)
    })

    test('a broker behind it that demands TLS 1.3 is told of as ever', async (t) => {
      const { proxy } = await proxies.HTTP(t)
      const { port } = await echo(t, { ...ours.server, backend, lowestSupportedVersion: TLSVersion.TLSv1_3 })
      const { connection } = client(t, { ...toBroker, ...held, backend, port, proxy, ...withoutReconnecting })
      const { error } = await heard(connection, 'disconnected')
      assert.ok(error instanceof VersionDemandedError && error.isCertain, String(error))
    })

    test('what a proxy does is not blamed on the broker', async (t) => {
      const reset = await rawServer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()))
      const gone = net.createServer().listen(0, host)
      await once(gone, 'listening')
      const { port: dead } = gone.address() as net.AddressInfo
      gone.close()
      const { port: strict } = await httpProxy(t)
      const silent = await rawServer(t, () => {})
      // A proxy over TLS, with demands of its own.
      const modern = createServer({ ...ours.server, backend, lowestSupportedVersion: TLSVersion.TLSv1_3 })
      modern.on('tlsClientError', () => {})
      modern.listen(0, host)
      await once(modern, 'listening')
      t.after(() => modern.shutdown({ timeoutMilliseconds: 0 }))
      const { port: wary } = modern.address() as net.AddressInfo
      const cut = await rawServer(t, (socket) => socket.destroy())

      for (const [proxy, isExpected] of [
        [{ url: `http://${host}:${reset}` }, (error) => codeOf(error) === 'ECONNRESET'],
        [{ url: `http://${host}:${dead}` }, (error) => codeOf(error) === 'ECONNREFUSED'],
        [{ url: `http://${host}:${strict}` }, (error) => error instanceof StartTLSError],
        [
          { url: `socks5://${host}:${silent}`, dialogueTimeoutMilliseconds: 20 },
          (error) => codeOf(error) === 'ERR_TLS_STARTTLS_TIMEOUT',
        ],
        [
          { url: `https://localhost:${wary}`, tls: { ...ours.client, ...held } },
          (error) => error instanceof AlertReceivedError && error.alert === 'protocol_version',
        ],
        [
          { url: `https://localhost:${cut}`, tls: { ...ours.client, ...held } },
          (error) => error instanceof RaggedEOFError || codeOf(error) === 'ECONNRESET',
        ],
      ] as const satisfies readonly (readonly [ProxyOptions, (error: unknown) => boolean])[]) {
        const { connection } = client(t, { ...toBroker, ...held, backend, port: 1, proxy, ...withoutReconnecting })
        const { error } = await heard(connection, 'disconnected')
        assert.ok(isExpected(error) && !(error instanceof VersionDemandedError), `${proxy.url}: ${error}`)
      }
    })

    test('a program that gives up meanwhile leaves nothing open', async (t) => {
      const asked = new EventEmitter()
      const arrived = once(asked, 'data')
      const port = await rawServer(t, (socket) => socket.once('data', () => asked.emit('data', socket)))
      const proxy = { url: `http://${host}:${port}` }
      const { connection } = client(t, { ...toBroker, backend, port: 1, proxy, ...withoutReconnecting })
      const [waiting] = (await arrived) as [net.Socket]
      const { socket } = connection as unknown as { socket: TLSSocket }
      // The proxy's own direction stays open: it hears the end of ours.
      const gone = Promise.all([once(waiting.resume(), 'end'), once(socket, 'close')])
      socket.destroy()
      await gone
    })
  })
}

test('a proxy that cannot be is refused at once', () => {
  const through = (proxy: unknown, more: object = {}) =>
    amqpConnection({ host: 'broker.test', container: newContainer(), proxy, ...ours.client, ...more } as never)
  const refuses = (call: () => unknown, field: string): void =>
    assert.throws(call, (error) => error instanceof ConfigurationError && error.field === field)
  refuses(() => through({ url: 'ftp://proxy.test' }), 'proxy.url')
  refuses(() => through({ url: 'http://proxy.test', tls: {} }), 'proxy.tls')
  refuses(() => through({ url: 'http://proxy.test' }, { transport: { family: 4 } }), 'transport')
})

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
