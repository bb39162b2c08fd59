import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as http from 'node:http'
import * as https from 'node:https'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import {
  type ConfigurationError,
  connect,
  openTunnel,
  type ProxyOptions,
  StartTLSError,
  startTls,
  startTlsServer,
} from 'polytls'
import { destroyAfter, host, hostName, listen, nodeServer, rawServer } from '../sockets/peers.ts'
import { readAll, readExactly, rejection } from '../sockets/streams.ts'
import { authority, matching } from '../support/identities.ts'

const ours = await matching()

/** A proxy of Node's own HTTP; it knows one user. `around` is what the proxy sends along with its answer. */
async function httpProxy(
  t: TestContext,
  { secure = false, around = '' } = {},
): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const server = secure ? https.createServer({ ...(await proxyIdentity()), allowHalfOpen: true }) : http.createServer()
  server.on('connect', (request: http.IncomingMessage, client: Duplex) => {
    client.on('error', () => {})
    const proof = request.headers['proxy-authorization']
    asked.push(`${request.url} ${proof ?? 'nobody'}`)
    if (proof !== `Basic ${Buffer.from('alice:p@ss').toString('base64')}`) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="test"\r\n\r\n')
      return
    }
    const { hostname, port } = new URL(`http://${request.url}`)
    const upstream = destroyAfter(t, net.connect(Number(port), hostname === hostName ? host : hostname))
    upstream.on('connect', () => {
      client.write(`HTTP/1.1 200 Connection established\r\n\r\n${around}`)
      client.pipe(upstream).pipe(client)
    })
    upstream.on('error', () => client.destroy())
  })
  return { port: await listen(t, server), asked }
}

async function proxyIdentity(): Promise<{ cert: string; key: string }> {
  const { certificate, key } = await (await authority()).issue({ name: 'proxy', names: ['localhost'] })
  return { cert: certificate, key }
}

/** A proxy of SOCKS5, as far as the RFCs' CONNECT by name with a user name and a password. */
async function socksProxy(t: TestContext): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const port = await rawServer(t, async (client) => {
    const [, count = 0] = await readExactly(client, 2)
    await readExactly(client, count)
    client.write(Buffer.of(5, 2))
    const login = await readExactly(client, 2 + 5 + 1 + 4)
    client.write(Buffer.of(1, login.subarray(2).toString() === 'alice\x04p@ss' ? 0 : 1))
    const [, , , type, length = 0] = await readExactly(client, 5)
    const name = (await readExactly(client, length)).toString()
    const target = (await readExactly(client, 2)).readUInt16BE()
    asked.push(`${type} ${name}:${target}`)
    const upstream = destroyAfter(t, net.connect(target, host))
    await once(upstream, 'connect')
    client.write(Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0))
    client.pipe(upstream).pipe(client)
  })
  return { port, asked }
}

describe('connecting through a proxy', () => {
  const proxies = {
    'of HTTP': async (t: TestContext): Promise<{ proxy: ProxyOptions; asked: string[] }> => {
      const { port, asked } = await httpProxy(t)
      return { proxy: { url: `http://alice:p%40ss@${host}:${port}` }, asked }
    },
    'of HTTP over TLS': async (t: TestContext): Promise<{ proxy: ProxyOptions; asked: string[] }> => {
      const { port, asked } = await httpProxy(t, { secure: true })
      return { proxy: { url: `https://alice:p%40ss@localhost:${port}`, tls: ours.client }, asked }
    },
    'of SOCKS5': async (t: TestContext): Promise<{ proxy: ProxyOptions; asked: string[] }> => {
      const { port, asked } = await socksProxy(t)
      return { proxy: { url: new URL(`socks5://alice:p%40ss@${host}:${port}/`) }, asked }
    },
  }
  for (const [kind, make] of Object.entries(proxies)) {
    test(`${kind}: TLS to the server inside, whose name the proxy looks up`, async (t) => {
      const { proxy, asked } = await make(t)
      const port = await nodeServer(t, (socket) => socket.pipe(socket))
      const socket = await connect({ host: hostName, port, proxy, ...ours.client })
      destroyAfter(t, socket).end('hello')
      assert.equal((await readAll(socket)).bytes.toString(), 'hello')
      assert.equal(socket.facts.serverName, hostName)
      assert.match(asked.join(), new RegExp(`${hostName}:${port}`))
    })

    test(`${kind}: a protocol that begins in plain text`, async (t) => {
      const { proxy } = await make(t)
      const port = await rawServer(t, (socket) => {
        startTlsServer(socket, 'smtp', { ...ours.server, dialogue: { serverName: 'mail.test' } }).then((started) => {
          destroyAfter(t, started.socket).end('hello')
        })
      })
      const stream = await openTunnel({ host: hostName, port, proxy })
      const client = await startTls(stream, 'smtp', { ...ours.client, serverName: hostName })
      assert.equal(client.learned.greeting, 'mail.test ESMTP')
      assert.equal((await readAll(destroyAfter(t, client.socket))).bytes.toString(), 'hello')
    })
  }

  test('what a proxy sends along with its answer is for a protocol of plain text, and an error for TLS', async (t) => {
    const { port } = await httpProxy(t, { around: '220 mail.test\r\n' })
    const proxy = { url: `http://alice:p%40ss@${host}:${port}` }
    const silent = await rawServer(t, () => {})
    const stream = await openTunnel({ host, port: silent, proxy })
    assert.equal((await readExactly(destroyAfter(t, stream), 15)).toString(), '220 mail.test\r\n')
    const refused = await rejection(connect({ host, port: silent, proxy, ...ours.client }))
    assert.equal(refused.code, 'ERR_TLS_STARTTLS_INJECTION')
  })

  test('a proxy that refuses, is not there, or is not the one that was meant', async (t) => {
    const { port } = await httpProxy(t)
    const through = (url: string, more: object = {}): Promise<unknown> =>
      connect({ host, port: 1, proxy: { url, ...more }, ...ours.client })
    const refusal = await rejection(through(`http://${host}:${port}`))
    assert.ok(refusal instanceof StartTLSError)
    assert.match(refusal.hint ?? '', /give credentials.*Basic/)
    const wrong = await rejection(through(`http://alice:wrong@${host}:${port}`))
    assert.match((wrong as StartTLSError).hint ?? '', /not accepted/)

    const gone = net.createServer().listen(0, host)
    await once(gone, 'listening')
    const { port: dead } = gone.address() as net.AddressInfo
    gone.close()
    assert.equal((await rejection(through(`http://${host}:${dead}`))).code, 'ECONNREFUSED')

    const secure = await httpProxy(t, { secure: true })
    const url = `https://alice:p%40ss@127.0.0.1:${secure.port}`
    assert.equal((await rejection(through(url, { tls: ours.client }))).code, 'ERR_TLS_CERTIFICATE')
    assert.deepEqual(secure.asked, [], 'it never learned the password')

    const silent = await rawServer(t, () => {})
    const late = await rejection(through(`socks5://${host}:${silent}`, { dialogueTimeoutMilliseconds: 20 }))
    assert.equal(late.code, 'ERR_TLS_STARTTLS_TIMEOUT')
    const aborted = connect({ host, port: 1, proxy: { url: `http://${host}:${port}` }, signal: AbortSignal.abort() })
    assert.equal((await rejection(aborted)).name, 'AbortError')
  })

  test('a URL that cannot be is refused, and not repeated', async () => {
    for (const url of [
      'alice:secret@proxy',
      'ftp://secret@proxy',
      'http://alice:secret@proxy/path',
      'http://alice:secret%zz@proxy',
      'http://proxy?secret',
      'http://',
    ]) {
      const error = (await rejection(openTunnel({ host, port: 1, proxy: { url } }))) as ConfigurationError
      assert.equal(error.field, 'proxy.url', url)
      assert.doesNotMatch(error.message, /secret/)
    }
    const tls = await rejection(openTunnel({ host, port: 1, proxy: { url: 'http://proxy', tls: {} } }))
    assert.equal((tls as ConfigurationError).field, 'proxy.tls')
    const both = connect({ host, port: 1, proxy: { url: 'http://proxy' }, transport: { family: 4 } })
    assert.equal(((await rejection(both)) as ConfigurationError).field, 'transport')
  })
})
