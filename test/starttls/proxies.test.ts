import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as net from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import {
  ConfigurationError,
  connect,
  createConnection,
  HandshakeTimeoutError,
  openTunnel,
  type ProxyOptions,
  StartTLSError,
  startTls,
  startTlsServer,
  type TLSSocket,
} from 'polytls'
import { undiciConnector } from 'polytls/undici'
import { destroyAfter, host, hostName, nodeServer, rawServer } from '../sockets/peers.ts'
import { readAll, readExactly, rejection } from '../sockets/streams.ts'
import { matching } from '../support/identities.ts'
import { httpProxy, socksProxy } from './own-proxies.ts'

const ours = await matching()

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

    test(`${kind}: a socket at once, which is secured later`, async (t) => {
      const { proxy, asked } = await make(t)
      const port = await nodeServer(t, (socket) => socket.pipe(socket))
      const socket = destroyAfter(t, createConnection({ host: hostName, port, proxy, ...ours.client }))
      assert.equal(socket.connecting, true)
      const told: string[] = []
      for (const event of ['connect', 'secureConnect']) socket.once(event, () => told.push(event))
      socket.end('hello')
      assert.equal((await readAll(socket)).bytes.toString(), 'hello')
      assert.deepEqual(told, ['connect', 'secureConnect'])
      assert.ok(socket.times)
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

  test('a socket that was given at once fails for what the proxy does, and lets go of it when it is closed', async (t) => {
    const { port } = await httpProxy(t)
    const through = (url: string, more: object = {}): TLSSocket =>
      destroyAfter(t, createConnection({ host, port: 1, proxy: { url, ...more }, ...ours.client }))
    const [refusal] = await once(through(`http://${host}:${port}`), 'error')
    assert.ok(refusal instanceof StartTLSError)
    const heard = new Promise<void>((resolve) => {
      rawServer(t, (socket) => void socket.resume().on('end', resolve)).then((silent) => {
        const socket = through(`http://${host}:${silent}`)
        socket.once('close', () => assert.equal(socket.facts.version, undefined))
        setImmediate(() => socket.destroy())
      })
    })
    await heard
    const stuck = await rawServer(t, () => {})
    const [late] = await once(
      createConnection({
        ...{ host, port: 1, proxy: { url: `http://${host}:${stuck}` }, handshakeTimeoutMilliseconds: 50 },
        ...ours.client,
      }),
      'error',
    )
    assert.ok(late instanceof HandshakeTimeoutError)
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
    const contrary = { host, port: 1, proxy: { url: 'http://proxy' }, transport: { family: 4 } } as const
    assert.equal(((await rejection(connect(contrary))) as ConfigurationError).field, 'transport')
    for (const [options, field] of [
      [contrary, 'transport'],
      [{ host, port: 1, proxy: { url: 'ftp://proxy' } }, 'proxy.url'],
      [{ host, port: 1, proxy: { url: 'http://proxy', tls: {} } }, 'proxy.tls'],
    ] as const) {
      assert.throws(
        () => createConnection({ ...options, ...ours.client }),
        (error) => error instanceof ConfigurationError && error.field === field,
      )
      const { host: _host, port: _port, ...way } = options
      assert.throws(
        () => undiciConnector({ ...way, ...ours.client }),
        (error) => error instanceof ConfigurationError && error.field === field,
      )
    }
    assert.throws(() => createConnection({ host: 'a b', port: 1, proxy: { url: 'http://proxy' } }), /serverName: 'a b'/)
  })
})
