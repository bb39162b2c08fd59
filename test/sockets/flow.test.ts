import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { Duplex, PassThrough, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, test } from 'node:test'
import type { TLSSocket } from 'polytls'
import { memoryPair } from './memory-duplex.ts'
import { client, nodeClient, nodeServer, securedPair, server, tcpPair } from './peers.ts'
import { closed, readAll, readExactly, settled, sha256, until } from './streams.ts'

const mebibyte = 1024 * 1024
/** More than channel, streams and pump may hold together. */
const boundBytes = 1.5 * mebibyte

/** Writes pieces of 32 KiB as long as the stream takes them; answers how much it has accepted so far, callbacks included. */
function pour(stream: Duplex, data: Uint8Array): { accepted(): number; readonly done: Promise<void> } {
  let accepted = 0
  const done = (async () => {
    for (let offset = 0; offset < data.byteLength; offset += 32 * 1024) {
      const piece = data.subarray(offset, offset + 32 * 1024)
      await new Promise<void>((resolve, reject) => {
        stream.write(piece, (error) => (error ? reject(error) : resolve()))
      })
      accepted += piece.byteLength
    }
    stream.end()
  })()
  return { accepted: () => accepted, done }
}

async function digest(stream: Readable): Promise<{ length: number; sha256: string }> {
  const { bytes, how } = await readAll(stream)
  assert.equal(how, 'end')
  return { length: bytes.byteLength, sha256: sha256(bytes) }
}

describe('backpressure', () => {
  const data = randomBytes(16 * mebibyte)
  const expected = { length: data.byteLength, sha256: sha256(data) }

  test('16 MiB each way at once, with node:tls as the server', async (t) => {
    let arrived: (value: unknown) => void = () => {}
    const atServer = new Promise((resolve) => {
      arrived = resolve
    })
    const port = await nodeServer(
      t,
      (socket) => {
        digest(socket).then(arrived)
        pour(socket, data)
      },
      { allowHalfOpen: true },
    )
    const socket = await client(t, port, { allowHalfOpen: true })
    pour(socket, data)
    assert.deepEqual(await digest(socket), expected)
    assert.deepEqual(await atServer, expected)
  })

  test('16 MiB each way at once, with node:tls as the client', async (t) => {
    let arrived: (value: unknown) => void = () => {}
    const atServer = new Promise((resolve) => {
      arrived = resolve
    })
    const { port } = await server(
      t,
      (socket) => {
        digest(socket).then(arrived)
        pour(socket, data)
      },
      { allowHalfOpen: true },
    )
    const socket = await nodeClient(t, port, { allowHalfOpen: true })
    pour(socket, data)
    assert.deepEqual(await digest(socket), expected)
    assert.deepEqual(await atServer, expected)
  })

  test('a reader that does not read stops the sender, and nothing is lost when it goes on', async (t) => {
    const [sender, reader] = await securedPair(t, await tcpPair(t))
    const { accepted, done } = pour(sender, data)
    reader.once('readable', () => {})
    await until(() => reader.readableLength > 0)
    await settled(accepted)
    assert.ok(reader.bytesRead < boundBytes, `${reader.bytesRead} bytes were taken from the transport`)
    assert.ok(reader.readableLength < boundBytes)
    assert.deepEqual(await digest(reader), expected)
    await done
  })

  for (const direction of ['client', 'server'] as const) {
    test(`what the ${direction} has in memory for a peer that does not read is bounded`, async (t) => {
      const pair = await securedPair(t, memoryPair())
      const [sender, reader] = direction === 'client' ? pair : pair.reverse()
      assert.ok(sender !== undefined && reader !== undefined)
      reader.pause()
      const { accepted, done } = pour(sender, data)
      await settled(accepted)
      assert.ok(accepted() < boundBytes, `${accepted()} bytes were accepted`)
      assert.ok(sender.writableLength > 0, 'no write waits')
      // In small pieces, with a pause now and then.
      const slow = new Transform({
        highWaterMark: 1000,
        transform: (chunk, _encoding, callback) => setImmediate(callback, null, chunk),
      })
      reader.pipe(slow)
      assert.deepEqual(await digest(slow), expected)
      await done
    })
  }

  test('one write of 16 MiB is taken piece by piece', async (t) => {
    const [sender, reader] = await securedPair(t, await tcpPair(t))
    let sent = false
    sender.write(data, () => {
      sent = true
    })
    await settled(() => sender.bytesWritten)
    assert.equal(sent, false)
    assert.ok(sender.bytesWritten < data.byteLength)
    sender.end()
    assert.deepEqual(await digest(reader), expected)
    assert.equal(sent, true)
  })

  test('many small writes arrive whole and in order', async (t) => {
    const port = await nodeServer(t, (socket) => socket.pipe(socket))
    const socket = await client(t, port)
    const lines = Array.from({ length: 5000 }, (_, index) => `${index}\n`)
    socket.cork()
    for (const line of lines.slice(0, 100)) socket.write(line)
    socket.uncork()
    for (const line of lines.slice(100)) socket.write(line)
    socket.end()
    assert.equal((await readAll(socket)).bytes.toString(), lines.join(''))
  })

  test('writing what is empty, text in an encoding and views of memory', async (t) => {
    const [sender, reader] = await securedPair(t, memoryPair())
    let called = 0
    sender.write('', () => called++)
    sender.write(new Uint8Array(0), () => called++)
    sender.write('68656c6c6f', 'hex')
    sender.write(new Uint8Array(Buffer.from('xx world yy')).subarray(2, 8))
    sender.end()
    assert.equal((await readAll(reader)).bytes.toString(), 'hello world')
    assert.equal(called, 2)
  })
})

describe('a socket is a stream', () => {
  test('pipeline, through the socket and back', async (t) => {
    const port = await nodeServer(t, (socket) => socket.pipe(socket))
    const data = randomBytes(mebibyte)
    const target = new PassThrough()
    const received = digest(target)
    await pipeline(PassThrough.from([data.subarray(0, 70_000), data.subarray(70_000)]), await client(t, port), target)
    assert.deepEqual(await received, { length: mebibyte, sha256: sha256(data) })
  })

  test('pipeline destroys it when another stream fails, and says so when it fails itself', async (t) => {
    let there: Duplex | undefined
    const port = await nodeServer(t, (socket) => {
      there = socket
      socket.on('error', () => {})
      socket.write('x')
    })
    const one = await client(t, port)
    const failing = new Transform({ transform: (_chunk, _encoding, callback) => callback(new Error('full')) })
    await assert.rejects(pipeline(one, failing), { message: 'full' })
    assert.equal(one.destroyed, true)

    const other = await client(t, port)
    await once(other, 'readable')
    const piped = pipeline(other, new PassThrough().resume())
    there?.destroy()
    await assert.rejects(piped, { code: 'ERR_TLS_RAGGED_EOF' })
  })

  test('for await', async (t) => {
    const data = randomBytes(300_000)
    const port = await nodeServer(t, (socket) => socket.end(data))
    const socket = await client(t, port)
    const chunks: Buffer[] = []
    for await (const chunk of socket) {
      chunks.push(chunk)
      await new Promise(setImmediate)
    }
    assert.ok(Buffer.concat(chunks).equals(data))
    await closed(socket)
  })

  test('leaving a for await destroys it', async (t) => {
    const port = await nodeServer(t, (socket) => socket.on('error', () => {}).write('x'.repeat(100_000)))
    const socket = await client(t, port)
    for await (const chunk of socket) {
      assert.ok(chunk.length > 0)
      break
    }
    assert.equal(socket.destroyed, true)
  })

  test('pause and resume, read and unshift', async (t) => {
    const [sender, reader] = await securedPair(t, memoryPair())
    sender.write('abcdef')
    assert.equal((await readExactly(reader, 3)).toString(), 'abc')
    reader.unshift('ab')
    assert.equal((await readExactly(reader, 5)).toString(), 'abdef')
    const seen: string[] = []
    reader.on('data', (chunk) => {
      seen.push(String(chunk))
      reader.pause()
    })
    sender.write('1')
    await until(() => seen.length === 1)
    sender.end('2')
    await until(() => reader.readableLength === 1)
    assert.deepEqual(seen, ['1'])
    reader.resume()
    await until(() => seen.length === 2)
    assert.deepEqual(seen, ['1', '2'])
  })

  test('as web streams', async (t) => {
    const port = await nodeServer(t, (socket) => socket.pipe(socket))
    const { readable, writable } = Duplex.toWeb(await client(t, port))
    const data = randomBytes(200_000)
    const writer = writable.getWriter()
    const sending = writer.write(data).then(() => writer.close())
    const chunks: Uint8Array[] = []
    for await (const chunk of readable) chunks.push(chunk)
    await sending
    assert.ok(Buffer.concat(chunks).equals(data))
  })

  test('await using closes gracefully: what was written arrives, the peer sees a proper end, everything is closed', async (t) => {
    let ending: ReturnType<typeof readAll> | undefined
    const port = await nodeServer(t, (socket) => {
      ending = readAll(socket)
    })
    const socket = await client(t, port)
    socket.write('last words')
    await socket[Symbol.asyncDispose]()
    assert.equal(socket.closed, true)
    assert.deepEqual(await ending, { bytes: Buffer.from('last words'), how: 'end' })
    await socket[Symbol.asyncDispose]()
  })

  test('await using does not care for what still comes, nor for errors', async (t) => {
    const port = await nodeServer(t, (socket) => {
      socket.on('error', () => {})
      socket.write('x'.repeat(500_000), () => socket.destroy())
    })
    const socket: TLSSocket = await client(t, port)
    await socket[Symbol.asyncDispose]()
    assert.equal(socket.closed, true)
  })

  test('await using cuts off a peer that does not close its side', async (t) => {
    const [one, other] = await securedPair(t, memoryPair(), {}, { allowHalfOpen: true })
    other.resume()
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const disposed = one[Symbol.asyncDispose]()
    await once(other, 'end')
    assert.equal(one.destroyed, false)
    t.mock.timers.tick(5_000)
    await disposed
    assert.equal(one.closed, true)
  })
})
