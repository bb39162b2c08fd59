import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as net from 'node:net'
import { describe, test } from 'node:test'
import {
  AlertReceivedError,
  CertificateError,
  connect,
  createConnection,
  HandshakeTimeoutError,
  ProtocolError,
  RaggedEOFError,
  TLSVersion,
} from 'polytls'
import { matching } from '../support/identities.ts'
import { client, host, hostName, nodeServer, portOf, rawClient, rawServer } from './peers.ts'
import { closed, readAll, rejection } from './streams.ts'

const ours = await matching()
const to = (port: number) => ({ host, port, serverName: hostName, ...ours.client })

describe('connecting', () => {
  test('connect resolves with a secured socket that carries data both ways', async (t) => {
    const port = await nodeServer(t, (socket) => socket.pipe(socket))
    const socket = await client(t, port)
    assert.equal(socket.facts.verified, true)
    assert.equal(socket.facts.version, TLSVersion.TLSv1_3)
    socket.end('over there and back')
    assert.deepEqual(await readAll(socket), { bytes: Buffer.from('over there and back'), how: 'end' })
  })

  test('createConnection gives the socket at once; it tells of each phase, and sends what was written before the handshake', async (t) => {
    const port = await nodeServer(t, (socket) => socket.pipe(socket))
    const socket = createConnection(to(port))
    t.after(() => socket.destroy())
    const events: string[] = []
    for (const event of ['connect', 'ready', 'secureConnect', 'end', 'close'])
      socket.on(event, () => events.push(event))
    socket.write('one ')
    socket.write(Buffer.from('two '))
    socket.end('three')
    assert.equal(socket.times, undefined)
    assert.deepEqual(await readAll(socket), { bytes: Buffer.from('one two three'), how: 'end' })
    await closed(socket)
    assert.deepEqual(events, ['connect', 'ready', 'secureConnect', 'end', 'close'])
  })

  test('the times of the phases are those of this connection', async (t) => {
    const port = await nodeServer(t, () => {})
    const socket = await client(t, port, {
      verifyPeer: () => new Promise((resolve) => setTimeout(resolve, 30, { accept: true })),
    })
    const times = socket.times ?? { connect: 0, handshake: 0 }
    assert.ok(times.handshake >= 29)
    assert.ok(times.connect > 0 && times.connect < times.handshake)
  })

  test('the server name is the host by default, and checked', async (t) => {
    const port = await nodeServer(t, () => {})
    const error = await rejection(connect({ host, port, ...ours.client }))
    assert.ok(error instanceof CertificateError)
    assert.equal(error.reason, 'wrong-host')
  })

  test('an address that refuses does not keep it from the next one', async (t) => {
    const port = await nodeServer(t, (socket) => socket.end('hello'))
    const lookup: net.LookupFunction = (_name, _options, callback) => {
      callback(null, [
        { address: '::1', family: 6 },
        { address: host, family: 4 },
      ])
    }
    const socket = await connect({ ...to(port), host: hostName, transport: { lookup, autoSelectFamily: true } })
    t.after(() => socket.destroy())
    assert.equal(socket.remoteAddress, host)
    assert.equal((await readAll(socket)).bytes.toString(), 'hello')
  })

  test('options that cannot be are refused before anything goes over the network', async (t) => {
    let connections = 0
    const port = await rawServer(t, () => connections++)
    assert.ok((await rejection(connect({ ...to(port), serverName: 'not a name' }))).code === 'ERR_TLS_CONFIGURATION')
    assert.throws(() => createConnection({ ...to(port), innerProtocols: [''] }))
    await client(t, await nodeServer(t, () => {}))
    assert.equal(connections, 0)
  })
})

describe('what goes wrong on the way', () => {
  test('a port where nobody listens', async () => {
    const gone = net.createServer().listen(0, host)
    await once(gone, 'listening')
    const port = portOf(gone)
    gone.close()
    await once(gone, 'close')
    assert.equal((await rejection(connect(to(port)))).code, 'ECONNREFUSED')
  })

  test('a name that does not resolve', async () => {
    const lookup: net.LookupFunction = (name, _options, callback) => {
      callback(Object.assign(new Error(`no such host ${name}`), { code: 'ENOTFOUND' }), [])
    }
    assert.equal((await rejection(connect({ ...to(443), host: hostName, transport: { lookup } }))).code, 'ENOTFOUND')
  })

  test('a peer that resets the connection instead of answering', async (t) => {
    const port = await rawServer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()))
    assert.equal((await rejection(connect(to(port)))).code, 'ECONNRESET')
  })

  test('a peer that hangs up without a word', async (t) => {
    const port = await rawServer(t, (socket) => socket.once('data', () => socket.end()))
    const error = await rejection(connect(to(port)))
    assert.ok(error instanceof RaggedEOFError)
    assert.match(error.message, /during the handshake/)
  })

  for (const [what, bytes] of [
    ['plain HTTP', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'],
    ['the greeting of a mail server', '220 mail.test ESMTP\r\n'],
    ['bytes without sense', Buffer.alloc(100, 0xa5)],
  ] as const) {
    test(`a peer that answers with ${what}`, async (t) => {
      const port = await rawServer(t, (socket) => socket.once('data', () => socket.write(bytes)))
      const error = await rejection(connect(to(port)))
      assert.ok(error instanceof ProtocolError)
      assert.equal(error.code, 'ERR_TLS_NOT_TLS')
    })
  }

  test('a peer that shares no version', async (t) => {
    const port = await nodeServer(t, () => {}, { maxVersion: 'TLSv1.2' })
    const error = await rejection(connect({ ...to(port), lowestSupportedVersion: TLSVersion.TLSv1_3 }))
    assert.ok(error instanceof AlertReceivedError)
    assert.equal(error.alert, 'protocol_version')
  })

  test('a silent peer: the handshake has its time, then everything is closed', async (t) => {
    let there: net.Socket | undefined
    const port = await rawServer(t, (socket) => {
      there = socket
    })
    const error = await rejection(connect({ ...to(port), handshakeTimeoutMilliseconds: 40 }))
    assert.ok(error instanceof HandshakeTimeoutError)
    assert.equal(error.code, 'ERR_TLS_HANDSHAKE_TIMEOUT')
    assert.ok(there !== undefined)
    assert.equal((await readAll(there)).how, 'end')
  })

  test('a veto that never answers is subject to the same time', async (t) => {
    const port = await nodeServer(t, () => {})
    const verifyPeer = () => new Promise<never>(() => {})
    const error = await rejection(connect({ ...to(port), verifyPeer, handshakeTimeoutMilliseconds: 60 }))
    assert.ok(error instanceof HandshakeTimeoutError)
  })

  test('the time of the handshake is over with the handshake', async (t) => {
    const port = await nodeServer(t, (socket) => setTimeout(() => socket.end('late'), 150))
    const socket = await client(t, port, { handshakeTimeoutMilliseconds: 100 })
    assert.deepEqual(await readAll(socket), { bytes: Buffer.from('late'), how: 'end' })
  })
})

describe('AbortSignal', () => {
  test('aborted before: no connection is made', async (t) => {
    let connections = 0
    const port = await rawServer(t, (socket) => {
      connections++
      socket.on('data', () => socket.end(String(connections)))
    })
    const reason = new Error('changed my mind')
    assert.equal(await rejection(connect({ ...to(port), signal: AbortSignal.abort(reason) })), reason)
    // Another one behind it: a connection of the first would have been accepted before.
    const second = await rawClient(t, port)
    second.write('how many?')
    assert.equal((await readAll(second)).bytes.toString(), '1')
  })

  test('aborted while the connection is made', async () => {
    const abort = new AbortController()
    const lookup: net.LookupFunction = () => abort.abort()
    const error = await rejection(connect({ ...to(443), host: hostName, transport: { lookup }, signal: abort.signal }))
    assert.equal(error.name, 'AbortError')
  })

  test('aborted during the handshake', async (t) => {
    const abort = new AbortController()
    let there: net.Socket | undefined
    const port = await rawServer(t, (socket) => {
      there = socket
      socket.once('data', () => abort.abort())
    })
    assert.equal((await rejection(connect({ ...to(port), signal: abort.signal }))).name, 'AbortError')
    assert.ok(there !== undefined)
    assert.equal((await readAll(there)).how, 'end')
  })

  test('aborted while the application decides', async (t) => {
    const abort = new AbortController()
    const port = await nodeServer(t, () => {})
    const verifyPeer = () => {
      abort.abort()
      return new Promise<never>(() => {})
    }
    assert.equal((await rejection(connect({ ...to(port), verifyPeer, signal: abort.signal }))).name, 'AbortError')
  })

  test('aborted afterwards: the socket is destroyed', async (t) => {
    const abort = new AbortController()
    const port = await nodeServer(t, () => {})
    const socket = await client(t, port, { signal: abort.signal })
    abort.abort()
    assert.equal((await closed(socket))?.name, 'AbortError')
  })

  test('a reason that is no error becomes the cause of one', async (t) => {
    const abort = new AbortController()
    const port = await nodeServer(t, () => {})
    const socket = await client(t, port, { signal: abort.signal })
    abort.abort('enough')
    assert.equal((await closed(socket))?.cause, 'enough')
  })

  test('aborted when everything is over: nothing happens, and nothing listens to the signal any more', async (t) => {
    const abort = new AbortController()
    let listeners = 0
    const { signal } = abort
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }
    const port = await nodeServer(t, (socket) => socket.end())
    const socket = await client(t, port, { signal })
    assert.equal(listeners, 1)
    socket.resume()
    assert.equal(await closed(socket), null)
    assert.equal(listeners, 0)
    abort.abort()
  })
})
