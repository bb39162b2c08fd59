import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, test } from 'node:test'
import { createConnection, type TLSSocket, TLSVersion } from 'polytls'
import { matching } from '../support/identities.ts'
import { memoryPair } from './memory-duplex.ts'
import { between, client, destroyAfter, host, hostName, nodeServer, securedPair, server, tcpPair } from './peers.ts'
import { closed, errorOf, readAll, readExactly, rejection, until, written } from './streams.ts'

const ours = await matching()
const halfOpen = { allowHalfOpen: true }

/** Waits for the peer to begin, and unwraps as well. */
async function follow(socket: TLSSocket): Promise<Duplex> {
  if (!socket.readableEnded) {
    socket.resume()
    await once(socket, 'end')
  }
  return socket.unwrap()
}

/** Runs with both sides of every kind of connection that can be unwrapped. */
const connections: Record<string, (t: Parameters<typeof tcpPair>[0]) => Promise<[TLSSocket, TLSSocket, Duplex?]>> = {
  'a connection of connect and createServer': async (t) => {
    let take: (socket: TLSSocket) => void = () => {}
    const accepted = new Promise<TLSSocket>((resolve) => {
      take = resolve
    })
    const { port } = await server(t, (socket) => take(socket), halfOpen)
    return [await client(t, port, halfOpen), destroyAfter(t, await accepted)]
  },
  'sockets of the program’s own': async (t) => {
    const pair = await tcpPair(t)
    return [...(await securedPair(t, pair, halfOpen, halfOpen)), pair[0]]
  },
  'a wire in memory': async (t) => {
    const pair = memoryPair()
    return [...(await securedPair(t, pair, halfOpen, halfOpen)), pair[0]]
  },
  'a wire in memory that delivers three bytes at a time': async (t) => {
    const pair = memoryPair({ chunkBytes: 3 })
    return [...(await securedPair(t, pair, halfOpen, halfOpen)), pair[0]]
  },
  'TLS 1.2': async (t) => {
    const pair = await tcpPair(t)
    const options = { ...halfOpen, highestSupportedVersion: TLSVersion.TLSv1_2 }
    return [...(await securedPair(t, pair, options, options)), pair[0]]
  },
}

for (const [what, make] of Object.entries(connections)) {
  describe(`unwrapping ${what}`, () => {
    test('gives the stream below back, for plain text in both directions', async (t) => {
      const [one, other, below] = await make(t)
      const [here, there] = await Promise.all([one.unwrap(), follow(other)])
      destroyAfter(t, here)
      destroyAfter(t, there)
      if (below !== undefined) assert.equal(here, below)
      here.write('plain request')
      assert.equal((await readExactly(there, 13)).toString(), 'plain request')
      there.end('plain answer')
      assert.deepEqual(await readAll(here), { bytes: Buffer.from('plain answer'), how: 'end' })
      assert.equal(one.facts.serverName, hostName)
      assert.equal(one.errored, null)
    })

    test('both begin at once', async (t) => {
      const [one, other] = await make(t)
      const [here, there] = await Promise.all([one.unwrap(), other.unwrap()])
      here.end('a')
      there.end('b')
      assert.deepEqual(
        (await Promise.all([readAll(here), readAll(there)])).map(({ bytes }) => String(bytes)),
        ['b', 'a'],
      )
    })

    test('what was written before is sent, and what the peer sent before is read from the socket', async (t) => {
      const [one, other] = await make(t)
      one.write('x'.repeat(300_000))
      other.write('y'.repeat(300_000))
      const [atOther, atOne] = [readAll(other), readAll(one)]
      const unwrapping = one.unwrap()
      const ended = await atOther
      assert.deepEqual([ended.bytes.length, ended.how], [300_000, 'end'])
      other.write('and one more')
      const [here, there] = await Promise.all([unwrapping, other.unwrap()])
      destroyAfter(t, here)
      destroyAfter(t, there)
      assert.equal((await atOne).bytes.length, 300_012)
      assert.equal((await atOne).how, 'end')
      await Promise.all([closed(one), closed(other)])
      assert.ok(!here.destroyed && !there.destroyed)
    })

    test('plain text right behind close_notify is not lost, whoever reads it and however', async (t) => {
      const readers: Record<string, (stream: Duplex) => Promise<string>> = {
        data: async (stream) => (await readAll(stream)).bytes.toString(),
        readable: async (stream) => (await readExactly(stream, 12)).toString(),
        'for await': async (stream) => {
          let text = ''
          for await (const chunk of stream) text += chunk
          return text
        },
        pipe: async (stream) => (await readAll(stream.pipe(new PassThrough()))).bytes.toString(),
        pipeline: async (stream) => {
          const target = new PassThrough()
          const [ended] = await Promise.all([readAll(target), pipeline(stream, target, { end: true })])
          return ended.bytes.toString()
        },
      }
      for (const [how, read] of Object.entries(readers)) {
        const [one, other] = await make(t)
        const unwrapping = one.unwrap().then((stream) => stream.end('plain behind'))
        // Only when it is all here does the other side look.
        const there = destroyAfter(t, await follow(other))
        assert.equal(await read(there), 'plain behind', how)
        there.end()
        await unwrapping
      }
    })

    test('TLS, plain text and TLS again', async (t) => {
      const [one, other] = await make(t)
      const [here, there] = await Promise.all([one.unwrap(), follow(other)])
      here.write('plain')
      assert.equal((await readExactly(there, 5)).toString(), 'plain')
      const [again, thereAgain] = await securedPair(t, [here, there])
      again.end('hidden')
      assert.deepEqual(await readAll(thereAgain), { bytes: Buffer.from('hidden'), how: 'end' })
      again.resume()
      await Promise.all([closed(again), closed(thereAgain)])
    })
  })
}

describe('the border of unwrap', () => {
  /** A client of ours whose bytes the test itself passes on, so that it decides what arrives together. */
  async function byHand(t: Parameters<typeof tcpPair>[0]) {
    const [here, there] = memoryPair()
    const [one, other] = await securedPair(t, [here, there], halfOpen, halfOpen)
    const passed: Buffer[] = []
    const deliver = here.write.bind(here)
    here.write = ((chunk: Buffer, ...rest: []) => {
      passed.push(Buffer.from(chunk))
      for (const callback of rest as unknown[]) if (typeof callback === 'function') callback()
      return true
    }) as typeof here.write
    return { one, other, here, there, passed, deliver }
  }

  for (const [what, cut] of [
    ['in one segment', (whole: Buffer) => [whole]],
    ['in two, cut inside close_notify', (whole: Buffer) => [whole.subarray(0, -20), whole.subarray(-20)]],
    ['byte by byte', (whole: Buffer) => Array.from(whole, (_, index) => whole.subarray(index, index + 1))],
  ] as const) {
    test(`data, close_notify and plain text arrive ${what}`, async (t) => {
      const { one, other, passed, deliver } = await byHand(t)
      one.write('last secret')
      const unwrapping = one.unwrap()
      await until(() => passed.length > 1)
      for (const piece of cut(Buffer.concat([...passed, Buffer.from('first plain')]))) deliver(piece)
      assert.equal((await readAll(other)).bytes.toString(), 'last secret')
      const plain = await other.unwrap()
      assert.equal((await readExactly(plain, 11)).toString(), 'first plain')
      const back = await unwrapping
      plain.write('and back')
      assert.equal((await readExactly(back, 8)).toString(), 'and back')
    })
  }

  test('the end of the transport right behind the plain text does not hide it', async (t) => {
    for (const pair of [memoryPair(), await tcpPair(t)]) {
      const [one, other] = await securedPair(t, pair, halfOpen, halfOpen)
      other.resume()
      const ended = once(other, 'end')
      const hidden = one.unwrap()
      await ended
      // All is there before the other side even asks.
      pair[0].end('goodbye')
      await new Promise((resolve) => setTimeout(resolve, 20))
      const plain = await other.unwrap()
      assert.deepEqual(await readAll(plain), { bytes: Buffer.from('goodbye'), how: 'end' })
      plain.end()
      await hidden
    }
  })

  test('a megabyte of plain text behind close_notify', async (t) => {
    const [here, there] = await tcpPair(t)
    const [one, other] = await securedPair(t, [here, there], halfOpen, halfOpen)
    const unwrapping = one.unwrap().then((plain) => plain)
    await until(() => one.bytesWritten > 0)
    // The stream below is the program’s own: nobody keeps it from writing as soon as its own close_notify is out.
    setImmediate(() => here.end(Buffer.alloc(1024 * 1024, 'z')))
    const plain = await follow(other)
    assert.equal((await readAll(plain)).bytes.length, 1024 * 1024)
    await unwrapping
  })

  test('nothing of the socket stays on the stream', async (t) => {
    const [here, there] = await tcpPair(t)
    const before = here.eventNames().map((name) => [name, here.listenerCount(name)])
    const allowHalfOpen = here.allowHalfOpen
    const [one, other] = await securedPair(t, [here, there], halfOpen, halfOpen)
    await Promise.all([one.unwrap(), follow(other)])
    assert.deepEqual(
      here.eventNames().map((name) => [name, here.listenerCount(name)]),
      before,
    )
    assert.equal(here.allowHalfOpen, allowHalfOpen)
    one.destroy()
    await closed(one)
    assert.equal(here.destroyed, false)
  })

  test('an aborted signal ends the socket, and leaves the stream that was given back alone', async (t) => {
    const abort = new AbortController()
    const [one, other] = await securedPair(t, await tcpPair(t), { ...halfOpen, signal: abort.signal }, halfOpen)
    const [here] = await Promise.all([one.unwrap(), follow(other)])
    abort.abort()
    await closed(one.resume())
    assert.equal(one.errored, null)
    assert.equal(here.destroyed, false)
  })
})

describe('unwrap where it cannot be', () => {
  test('before the handshake, after the end, twice, and after destroy', async (t) => {
    const port = await nodeServer(t, (socket) => socket.on('error', () => {}).resume())
    const early = createConnection({ host, port, serverName: hostName, ...ours.client })
    assert.equal((await rejection(early.unwrap())).code, 'ERR_TLS_USAGE')
    early.destroy()

    const ended = await client(t, port)
    ended.end()
    assert.equal((await rejection(ended.unwrap())).code, 'ERR_TLS_USAGE')

    const destroyed = await client(t, port)
    destroyed.destroy()
    assert.equal((await rejection(destroyed.unwrap())).code, 'ERR_TLS_USAGE')

    const [one, other] = await securedPair(t, memoryPair(), halfOpen, halfOpen)
    const first = one.unwrap()
    assert.equal((await rejection(one.unwrap())).code, 'ERR_TLS_USAGE')
    await follow(other)
    assert.equal(typeof (await first).write, 'function')
    assert.equal((await rejection(one.unwrap())).code, 'ERR_TLS_USAGE')
  })

  test('writing after unwrap is an error, not plain text', async (t) => {
    const [one, other] = await securedPair(t, memoryPair(), halfOpen, halfOpen)
    other.on('error', () => {})
    const unwrapping = rejection(one.unwrap())
    const failed = errorOf(one)
    assert.equal(((await written(one, 'secret?')) as NodeJS.ErrnoException).code, 'ERR_STREAM_WRITE_AFTER_END')
    assert.equal(((await failed) as NodeJS.ErrnoException).code, 'ERR_STREAM_WRITE_AFTER_END')
    await unwrapping
  })

  test('the peer dies before it answers', async (t) => {
    for (const how of ['cut', 'reset'] as const) {
      const wire = await between(t, (await server(t, (socket) => socket.pause(), halfOpen)).port)
      const socket = await client(t, wire.port)
      const failed = errorOf(socket)
      const unwrapping = rejection(socket.unwrap())
      await until(() => socket.writableNeedDrain === false && socket.bytesWritten > 0)
      wire[how]()
      const code = how === 'cut' ? 'ERR_TLS_RAGGED_EOF' : 'ECONNRESET'
      assert.equal((await unwrapping).code, code)
      assert.equal((await failed).code, code)
    }
  })

  test('the socket is destroyed before the peer answers', async (t) => {
    const [one] = await securedPair(t, memoryPair(), halfOpen, halfOpen)
    const unwrapping = rejection(one.unwrap())
    one.destroy()
    assert.equal((await unwrapping).code, 'ERR_TLS_USAGE')

    const [other, still] = await securedPair(t, memoryPair(), halfOpen, halfOpen)
    still.on('error', () => {})
    const failing = rejection(other.unwrap())
    other.on('error', () => {})
    other.destroy(new Error('enough'))
    assert.equal((await failing).message, 'enough')
  })

  test('a peer that answers by closing, as node:tls does, gives a stream that has ended', async (t) => {
    const port = await nodeServer(t, (socket) => socket.resume())
    const socket = await client(t, port)
    const plain = destroyAfter(t, await socket.unwrap())
    assert.ok(plain instanceof net.Socket)
    assert.deepEqual(await readAll(plain), { bytes: Buffer.alloc(0), how: 'end' })
  })
})
