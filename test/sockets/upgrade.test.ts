import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Duplex, PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import * as tls from 'node:tls'
import { RaggedEOFError, upgrade } from 'polytls'
import { matching } from '../support/identities.ts'
import { type MemoryPairOptions, memoryPair } from './memory-duplex.ts'
import {
  client,
  destroyAfter,
  host,
  hostName,
  nodeClientOptions,
  nodeServer,
  nodeServerOptions,
  portOf,
  rawServer,
  securedPair,
  tcpPair,
} from './peers.ts'
import { closed, errorOf, readAll, readExactly, rejection } from './streams.ts'

const ours = await matching()
const asClient = { serverName: hostName, ...ours.client }
const asServer = { isServer: true, ...ours.server } as const

describe('upgrading', () => {
  test('both sides of a TCP connection that was used in plain text before', async (t) => {
    const [here, there] = await tcpPair(t)
    here.write('STARTTLS\r\n')
    assert.equal((await readExactly(there, 10)).toString(), 'STARTTLS\r\n')
    there.write('go ahead\r\n')
    assert.equal((await readExactly(here, 10)).toString(), 'go ahead\r\n')
    const [client, server] = await securedPair(t, [here, there])
    assert.equal(client.facts.serverName, hostName)
    assert.equal(server.facts.serverName, hostName)
    client.end('secret')
    assert.deepEqual(await readAll(server), { bytes: Buffer.from('secret'), how: 'end' })
    client.resume()
    await Promise.all([closed(client), closed(server)])
    assert.ok(here.destroyed && there.destroyed)
  })

  test('the first bytes of TLS are there already, behind plain text that the program has read', async (t) => {
    const [here, there] = await tcpPair(t)
    const secured = tls.connect({ ...(await nodeClientOptions()), socket: here })
    t.after(() => secured.destroy())
    // All of the ClientHello waits in the stream's own buffer before TLS takes over.
    await once(there, 'readable')
    assert.ok(there.readableLength > 100)
    const server = destroyAfter(t, await upgrade(there, asServer))
    server.end('welcome')
    assert.equal((await readAll(secured)).bytes.toString(), 'welcome')
  })

  test('a stream that was paused, one that flowed and one that was iterated', async (t) => {
    const uses: ((stream: Duplex) => Promise<void>)[] = [
      async (stream) => {
        stream.pause()
      },
      async (stream) => {
        const plain = once(stream, 'data')
        assert.equal((await plain)[0].toString(), 'plain')
        stream.removeAllListeners('data').pause()
      },
      async (stream) => {
        for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
          assert.equal(String(chunk), 'plain')
          break
        }
      },
    ]
    for (const [index, use] of uses.entries()) {
      const [here, there] = await tcpPair(t)
      if (index > 0) there.write('plain')
      await use(here)
      const [client, server] = await securedPair(t, [here, there])
      server.end('hidden')
      assert.equal((await readAll(client)).bytes.toString(), 'hidden')
    }
  })

  const wires: Record<string, MemoryPairOptions> = {
    'a wire in memory': {},
    'a wire that delivers seven bytes at a time': { chunkBytes: 7 },
    'a wire that delivers byte by byte, slowly': { chunkBytes: 1, slow: true },
    'a wire that takes one byte before it is full': { highWaterMark: 1, slow: true },
  }
  for (const [wire, options] of Object.entries(wires)) {
    test(`works over ${wire}`, async (t) => {
      const [here, there] = memoryPair(options)
      const [client, server] = await securedPair(t, [here, there])
      server.pipe(server)
      client.end('x'.repeat(500))
      assert.equal((await readAll(client)).bytes.toString(), 'x'.repeat(500))
      await Promise.all([closed(client), closed(server)])
      assert.ok(here.destroyed && there.destroyed)
    })
  }

  test('node:tls on the other end of a stream that is no socket, in both roles', async (t) => {
    const [here, there] = memoryPair({ chunkBytes: 100 })
    const theirs = new tls.TLSSocket(there, { isServer: true, ...(await nodeServerOptions()) })
    theirs.pipe(theirs)
    const client = destroyAfter(t, await upgrade(here, asClient))
    client.end('hello')
    assert.equal((await readAll(client)).bytes.toString(), 'hello')

    const [one, other] = memoryPair()
    const theirClient = tls.connect({ ...(await nodeClientOptions()), socket: one })
    const server = destroyAfter(t, await upgrade(other, asServer))
    theirClient.end('hi')
    assert.equal((await readAll(server)).bytes.toString(), 'hi')
    theirClient.destroy()
  })

  test('a socket that is still connecting', async (t) => {
    const port = await nodeServer(t, (socket) => socket.end('hello'))
    const transport = net.connect(port, host)
    const socket = await upgrade(transport, asClient)
    assert.equal((await readAll(socket)).bytes.toString(), 'hello')
  })

  test('a socket that fails, or is destroyed, while it is still connecting', async (t) => {
    const gone = net.createServer().listen(0, host)
    await once(gone, 'listening')
    const port = portOf(gone)
    gone.close()
    assert.equal((await rejection(upgrade(net.connect(port, host), asClient))).code, 'ECONNREFUSED')

    const given = net.connect(await rawServer(t, () => {}), host)
    const upgraded = rejection(upgrade(given, asClient))
    given.destroy()
    assert.ok((await upgraded) instanceof RaggedEOFError)
  })

  test('TLS inside TLS', async (t) => {
    const port = await nodeServer(t, (outer) => {
      upgrade(outer, asServer).then((inner) => destroyAfter(t, inner).end('deep inside'))
    })
    const inner = destroyAfter(t, await upgrade(await client(t, port), asClient))
    assert.equal((await readAll(inner)).bytes.toString(), 'deep inside')
  })

  test('a Unix socket', async (t) => {
    const path = join(tmpdir(), `polytls-${process.pid}-upgrade.sock`)
    const listening = net.createServer((socket) => {
      upgrade(socket, asServer).then((server) => destroyAfter(t, server).end('local'))
    })
    t.after(() => listening.close())
    await once(listening.listen(path), 'listening')
    const socket = await upgrade(net.connect(path), asClient)
    assert.equal((await readAll(socket)).bytes.toString(), 'local')
    assert.equal(socket.remoteAddress, undefined)
  })

  test('what is no stream, or has ended, or gives text, is refused and left as it is', async () => {
    for (const wrong of [undefined, {}, 'stream']) {
      assert.ok((await rejection(upgrade(wrong as never, asClient))) instanceof TypeError)
    }
    const destroyed = new PassThrough()
    destroyed.destroy()
    const ended = new PassThrough()
    ended.end()
    const [half, other] = memoryPair()
    other.end()
    await readAll(half)
    const [text] = memoryPair()
    text.setEncoding('utf8')
    const objects = new PassThrough({ readableObjectMode: true })
    for (const stream of [destroyed, ended, half, text, objects]) {
      const before = { destroyed: stream.destroyed, listeners: stream.listenerCount('data') }
      assert.equal((await rejection(upgrade(stream, asClient))).code, 'ERR_TLS_USAGE')
      assert.deepEqual({ destroyed: stream.destroyed, listeners: stream.listenerCount('data') }, before)
    }
  })

  test('when the handshake fails, the stream is closed', async (t) => {
    const [here, there] = await tcpPair(t)
    there.once('data', () => there.write('500 no TLS here\r\n'))
    assert.equal((await rejection(upgrade(here, asClient))).code, 'ERR_TLS_NOT_TLS')
    assert.equal(here.destroyed, true)
  })

  test('an aborted signal closes the stream', async (t) => {
    const [here] = await tcpPair(t)
    assert.equal((await rejection(upgrade(here, { ...asClient, signal: AbortSignal.abort() }))).name, 'AbortError')
    assert.equal(here.destroyed, true)
  })

  test('when the stream fails, its error is that of the socket', async (t) => {
    const [here, there] = memoryPair()
    const [client, server] = await securedPair(t, [here, there])
    const failed = Promise.all([errorOf(client), errorOf(server)])
    here.destroy(new Error('the cable was cut'))
    const [nearby, faraway] = await failed
    assert.equal(nearby.message, 'the cable was cut')
    // The other side is told of no reason, only that something is missing.
    assert.equal(faraway.code, 'ERR_TLS_RAGGED_EOF')
  })

  test('data that a stream delivers in spite of being paused is not lost', async (t) => {
    const [here, there] = memoryPair()
    const [client, server] = await securedPair(t, [here, there])
    // As streams from before Node 0.10 do it.
    here.pause = () => here
    const sent = Buffer.alloc(1024 * 1024, 'abcdefg')
    server.end(sent)
    assert.ok((await readAll(client)).bytes.equals(sent))
  })

  test('a program error in a listener is the program’s, not the connection’s', async (t) => {
    const [here, there] = await tcpPair(t)
    const [client, server] = await securedPair(t, [here, there])
    const thrown = new Promise<Error>((resolve) => {
      const previous = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.once('uncaughtException', (error) => {
        for (const listener of previous) process.on('uncaughtException', listener)
        resolve(error)
      })
    })
    client.once('data', () => {
      throw new Error('a mistake of the program')
    })
    server.write('x')
    assert.equal((await thrown).message, 'a mistake of the program')
    client.on('data', (chunk) => client.write(chunk))
    server.write('still there')
    assert.equal((await readExactly(server, 11)).toString(), 'still there')
  })
})
