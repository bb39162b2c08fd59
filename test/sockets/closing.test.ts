import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import type { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import * as tls from 'node:tls'
import {
  AlertReceivedError,
  CertificateError,
  connect,
  RaggedEOFError,
  type TLSSocket,
  TLSVersion,
  upgrade,
} from 'polytls'
import { authority, clientIdentity, matching, trusting } from '../support/identities.ts'
import { memoryPair } from './memory-duplex.ts'
import {
  between,
  client,
  host,
  hostName,
  listen,
  nodeClient,
  nodeServer,
  nodeServerOptions,
  rawClient,
  securedPair,
  server,
  tcpPair,
} from './peers.ts'
import { closed, errorOf, readAll, readExactly, rejection, settled, until, written } from './streams.ts'

const ours = await matching()
const only12 = { highestSupportedVersion: TLSVersion.TLSv1_2 }

describe('ending one direction', () => {
  test('end lets the peer go on: a client that asks and ends, a server of node:tls that answers', async (t) => {
    const port = await nodeServer(
      t,
      (socket) => {
        readAll(socket).then(({ bytes }) => socket.end(`you said ${bytes}`))
      },
      { allowHalfOpen: true },
    )
    const socket = await client(t, port)
    socket.end('hello')
    assert.equal((await readAll(socket)).bytes.toString(), 'you said hello')
    assert.equal(await closed(socket), null)
  })

  test('a server that ends first: a client that allows it goes on', async (t) => {
    let received: Promise<{ bytes: Buffer }> | undefined
    const port = await nodeServer(
      t,
      (socket) => {
        received = readAll(socket)
        socket.end('that was all from me')
      },
      { allowHalfOpen: true },
    )
    const socket = await client(t, port, { allowHalfOpen: true })
    assert.equal((await readAll(socket)).bytes.toString(), 'that was all from me')
    assert.equal(socket.readyState, 'writeOnly')
    // The transport must have seen the server's end by now and still carry our direction.
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(await written(socket, 'but not '), undefined)
    socket.end('from me')
    assert.equal((await received)?.bytes.toString(), 'but not from me')
    assert.equal(await closed(socket), null)
  })

  test('the same on a socket of the program’s own that would not stay half open by itself', async (t) => {
    const [here, there] = await tcpPair(t)
    here.allowHalfOpen = false
    const [one, other] = await securedPair(t, [here, there], { allowHalfOpen: true }, { allowHalfOpen: true })
    other.end()
    await readAll(one)
    await new Promise((resolve) => setTimeout(resolve, 20))
    one.end('still here')
    assert.deepEqual(await readAll(other), { bytes: Buffer.from('still here'), how: 'end' })
  })

  test('a server of ours that allows it answers after the end of the request', async (t) => {
    const { port } = await server(
      t,
      (socket) => {
        readAll(socket).then(({ bytes }) => socket.end(`you said ${bytes}`))
      },
      { allowHalfOpen: true },
    )
    const socket = await nodeClient(t, port, { allowHalfOpen: true })
    socket.end('hello')
    assert.equal((await readAll(socket)).bytes.toString(), 'you said hello')
  })

  test('by default the end of the peer is our end as well, whether somebody reads or not', async (t) => {
    for (const reads of [true, false]) {
      const port = await nodeServer(t, (socket) => socket.end(reads ? 'bye' : ''), { allowHalfOpen: true })
      const socket = await client(t, port)
      if (reads) socket.resume()
      assert.equal(await closed(socket), null)
      assert.equal(socket.writableFinished, true)
    }
  })

  test('end says close_notify before the transport ends', async (t) => {
    const port = await nodeServer(t, (socket) => socket.resume(), { allowHalfOpen: true })
    const wire = await between(t, port)
    const socket = await client(t, wire.port, only12)
    const records: number[] = []
    const near = wire.near()
    near.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; at += 5 + chunk.readUInt16BE(at + 3)) records.push(chunk[at] ?? 0)
    })
    socket.end('data')
    await once(near, 'end')
    // RFC 5246, Section 6.2.1: application_data, alert.
    assert.deepEqual(records.slice(-2), [23, 21])
  })

  test('end before the handshake is done: everything is sent, then the end', async () => {
    const [here, there] = memoryPair({ slow: true })
    const theirs = new tls.TLSSocket(there, { isServer: true, ...(await nodeServerOptions()) })
    const received = readAll(theirs)
    const socket = await upgrade(here, { serverName: hostName, ...ours.client })
    socket.end('early')
    assert.equal((await received).bytes.toString(), 'early')
    theirs.end()
    socket.resume()
    assert.equal(await closed(socket), null)
  })

  test('destroySoon sends what was written', async (t) => {
    const accepted = new EventEmitter()
    const port = await nodeServer(t, (socket) => accepted.emit('socket', readAll(socket)))
    const received = once(accepted, 'socket').then(([reading]) => reading)
    const socket = await client(t, port)
    socket.write('x'.repeat(300_000))
    socket.destroySoon()
    assert.equal(await closed(socket), null)
    const { bytes, how } = await received
    assert.equal(bytes.length, 300_000)
    assert.equal(how, 'end')
  })
})

describe('a connection that is cut', () => {
  const data = randomBytes(200_000)
  const readers: Record<string, (socket: TLSSocket) => Promise<Buffer>> = {
    'a listener': async (socket) => {
      const chunks: Buffer[] = []
      socket.on('data', (chunk) => chunks.push(chunk))
      await closed(socket)
      return Buffer.concat(chunks)
    },
    'a listener that pauses now and then': async (socket) => {
      const chunks: Buffer[] = []
      socket.on('data', (chunk) => {
        chunks.push(chunk)
        socket.pause()
        setTimeout(() => socket.resume(), 1)
      })
      await closed(socket)
      return Buffer.concat(chunks)
    },
    'a slow loop': async (socket) => {
      const chunks: Buffer[] = []
      try {
        for await (const chunk of socket) {
          chunks.push(chunk)
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
        assert.fail('expected an error')
      } catch (error) {
        assert.ok(error instanceof RaggedEOFError)
      }
      return Buffer.concat(chunks)
    },
    'small reads': async (socket) => {
      socket.on('error', () => {})
      return readExactly(socket, data.length)
    },
  }
  for (const [what, read] of Object.entries(readers)) {
    test(`all that came before is delivered to ${what}, then comes the error`, async (t) => {
      const wire = await between(
        t,
        await nodeServer(t, (socket) => {
          socket.on('error', () => {})
          socket.write(data)
        }),
      )
      const socket = await client(t, wire.port)
      let ended = false
      socket.on('end', () => {
        ended = true
      })
      const failed = errorOf(socket)
      const reading = read(socket)
      // All of it is underway when the connection is cut behind it.
      await until(() => wire.near().bytesWritten > data.length)
      wire.cut()
      assert.ok((await reading).equals(data))
      const error = await failed
      assert.ok(error instanceof RaggedEOFError)
      assert.equal(error.code, 'ERR_TLS_RAGGED_EOF')
      assert.equal(ended, false)
    })
  }

  test('a reset is told by its own name, also to whoever is writing', async (t) => {
    const wire = await between(t, await nodeServer(t, (socket) => socket.on('error', () => {})))
    const socket = await client(t, wire.port)
    const failed = errorOf(socket)
    wire.reset()
    assert.equal((await failed).code, 'ECONNRESET')
    assert.equal((await written(socket, 'too late'))?.name, 'Error')
  })

  test('what was taken from the transport before it failed is delivered to a reader that begins late', async (t) => {
    const [here, there] = memoryPair()
    const [reader, sender] = await securedPair(t, [here, there])
    sender.on('error', () => {})
    reader.pause()
    const sent = randomBytes(1024 * 1024)
    sender.write(sent)
    const taken = await settled(() => reader.bytesRead)
    assert.ok(taken > 200_000)
    const failed = errorOf(reader)
    here.destroy(new Error('cut'))
    await until(() => here.closed)
    const reading = readAll(reader)
    reader.resume()
    const { bytes } = await reading
    assert.equal((await failed).message, 'cut')
    // All but the record that was cut, and what records cost.
    assert.ok(bytes.length > taken - 17_000 - taken / 50, `${bytes.length} of ${taken}`)
    assert.ok(bytes.equals(sent.subarray(0, bytes.length)))
  })

  test('a write that fails does not keep the answer that came before it from a slow reader', async (t) => {
    const [here, there] = memoryPair()
    const [one, other] = await securedPair(t, [here, there])
    other.on('error', () => {})
    other.pause()
    // Larger than anything that can be on the way, so that it cannot be done.
    const upload = written(one, Buffer.alloc(4 * 1024 * 1024))
    await settled(() => one.bytesWritten)
    other.write('413 too large')
    other.write('.'.repeat(60_000))
    await until(() => one.bytesRead > 60_013)
    const chunks: Buffer[] = []
    const reading = (async () => {
      for await (const chunk of one) {
        chunks.push(chunk)
        if (chunks.length === 1) {
          here.destroy(new Error('reset by peer'))
          await until(() => here.closed)
        }
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    })()
    assert.equal((await rejection(reading)).message, 'reset by peer')
    assert.equal(Buffer.concat(chunks).length, 60_013)
    assert.equal((await upload)?.message, 'reset by peer')
  })

  test('a record that was tampered with is told to the peer, and ends the socket behind what came before', async (t) => {
    const wire = await between(t, await nodeServer(t, (socket) => socket.on('error', () => {}).write('good')))
    const socket = await client(t, wire.port, only12)
    const failed = errorOf(socket)
    assert.equal((await readExactly(socket, 4)).toString(), 'good')
    wire.near().write(Buffer.from([23, 3, 3, 0, 40, ...randomBytes(40)]))
    const error = await failed
    assert.equal(error.code, 'ERR_TLS_PROTOCOL')
    assert.equal(error.alert, 'bad_record_mac')
    assert.equal(socket.destroyed, true)
  })
})

describe('alerts reach the peer before the socket is closed', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`a client that does not trust the server, ${version}`, async (t) => {
      const seen = new EventEmitter()
      const listening = tls.createServer({ ...(await nodeServerOptions()), maxVersion: version })
      listening.on('tlsClientError', (error) => seen.emit('alert', error))
      const port = await listen(t, listening)
      const alert = once(seen, 'alert')
      const trustStore = trusting(await clientIdentity())
      const error = await rejection(connect({ host, port, serverName: hostName, trustStore }))
      assert.ok(error instanceof CertificateError)
      assert.equal((await alert)[0].code, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')
    })
  }

  test('a server that wants a certificate', async (t) => {
    const { port, server: made } = await server(t, () => assert.fail('it got in'), {
      clientAuthentication: 'required',
      trustStore: trusting(await authority()),
    })
    const refused = once(made, 'tlsClientError')
    const socket = await nodeClient(t, port)
    assert.equal((await errorOf(socket)).code, 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
    const [error] = await refused
    assert.ok(error instanceof CertificateError)
    assert.equal(error.reason, 'missing')
  })

  test('a server that shares no version', async (t) => {
    const { port } = await server(t, () => {}, { lowestSupportedVersion: TLSVersion.TLSv1_3 })
    const refused = nodeClient(t, port, { maxVersion: 'TLSv1.2' })
    assert.equal((await rejection(refused)).code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
  })

  test('a client that has sent much more than the server reads', async (t) => {
    const { port } = await server(t, () => {})
    const socket = await rawClient(t, port)
    socket.on('error', () => {})
    socket.write(Buffer.concat([Buffer.from([22, 3, 1, 0, 4, 99, 0, 0, 0]), randomBytes(300_000)]))
    const { bytes } = await readAll(socket)
    // RFC 9846, Section 6: alert, fatal.
    assert.deepEqual([bytes[0], bytes[5]], [21, 2])
  })

  test('what a server of node:tls refuses after the client was done arrives as an error', async (t) => {
    const port = await nodeServer(t, () => assert.fail('it got in'), { requestCert: true })
    const socket: Duplex = await client(t, port)
    const error = await errorOf(socket)
    assert.ok(error instanceof AlertReceivedError)
    assert.equal(error.alert, 'certificate_required')
  })
})
