import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as tls from 'node:tls'
import {
  createServer,
  defaultBackend,
  TLSClientConfiguration,
  TLSServerConfiguration,
  type TLSSocket,
  upgrade,
} from 'polytls'
import { authority, derOf, matching, serverIdentity, signingChain } from '../support/identities.ts'
import { memoryPair } from './memory-duplex.ts'
import {
  between,
  client,
  destroyAfter,
  host,
  hostName,
  nodeClient,
  nodeClientOptions,
  rawClient,
  server,
} from './peers.ts'
import { closed, readAll, readExactly, rejection, run, until } from './streams.ts'

const ours = await matching()
const clientOptions = await nodeClientOptions()
const echo = (socket: TLSSocket): void => void socket.pipe(socket)

/** Whether the server serves: a whole exchange with node:tls. */
async function serves(t: Parameters<typeof nodeClient>[0], port: number): Promise<void> {
  const socket = await nodeClient(t, port)
  socket.end('ping')
  assert.equal((await readAll(socket)).bytes.toString(), 'ping')
}

/** How many connections a server has open, whatever became of them. */
function connectionsOf(made: net.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    made.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}

describe('a server', () => {
  test('serves clients of node:tls and of ours', async (t) => {
    const { port, server: made } = await server(t, echo)
    await serves(t, port)
    const socket = await client(t, port)
    socket.end('pong')
    assert.equal((await readAll(socket)).bytes.toString(), 'pong')
    assert.ok(made.context.configuration instanceof TLSServerConfiguration)
  })

  test('listens on a Unix socket', async (t) => {
    const path = join(tmpdir(), `polytls-${process.pid}-server.sock`)
    const made = createServer(ours.server, echo)
    t.after(() => made.shutdown({ timeoutMilliseconds: 0 }))
    await once(made.listen(path), 'listening')
    assert.equal(made.address(), path)
    const theirs = destroyAfter(t, tls.connect({ ...(await nodeClientOptions()), path }))
    theirs.end('local')
    assert.equal((await readAll(theirs)).bytes.toString(), 'local')
  })

  test('takes streams that are no sockets through its connection event', async (t) => {
    const { server: made } = await server(t, echo)
    const [here, there] = memoryPair()
    made.emit('connection', there)
    const socket = destroyAfter(t, await upgrade(here, { serverName: hostName, ...ours.client }))
    socket.end('by hand')
    assert.equal((await readAll(socket)).bytes.toString(), 'by hand')
  })

  test('goes on when a listener of a client is destroyed at once', async (t) => {
    const { port } = await server(t, (socket) => socket.destroy())
    for (let round = 0; round < 3; round++) {
      const socket = await nodeClient(t, port)
      socket.on('error', () => {})
      await closed(socket.resume())
    }
  })
})

describe('one bad client never disturbs another', () => {
  const bad: Record<string, { meet(socket: net.Socket): void; code: RegExp }> = {
    'sends garbage': { meet: (socket) => void socket.write(Buffer.alloc(1000, 0x5a)), code: /^ERR_TLS_NOT_TLS$/ },
    'speaks HTTP': { meet: (socket) => void socket.write('GET / HTTP/1.1\r\n\r\n'), code: /^ERR_TLS_NOT_TLS$/ },
    'sends a broken ClientHello': {
      meet: (socket) =>
        void socket.write(Buffer.concat([Buffer.from([22, 3, 1, 0, 200, 1, 0, 0, 196]), randomBytes(196)])),
      code: /^ERR_TLS_/,
    },
    'leaves at once': { meet: (socket) => void socket.end(), code: /^ERR_TLS_RAGGED_EOF$/ },
    'resets at once': { meet: (socket) => void socket.resetAndDestroy(), code: /^ECONNRESET$/ },
    'leaves in the middle of a record': {
      meet: (socket) => void socket.end(Buffer.from([22, 3, 1, 1, 0, 1])),
      code: /^ERR_TLS_RAGGED_EOF$/,
    },
    'is silent': { meet: () => {}, code: /^ERR_TLS_HANDSHAKE_TIMEOUT$/ },
    'announces a long record and is silent': {
      meet: (socket) => void socket.write(Buffer.from([22, 3, 1, 0x40, 0])),
      code: /^ERR_TLS_HANDSHAKE_TIMEOUT$/,
    },
  }
  for (const [what, { meet, code }] of Object.entries(bad)) {
    test(`one that ${what}`, async (t) => {
      const { port, server: made } = await server(t, echo, { handshakeTimeoutMilliseconds: 150 })
      const other = await nodeClient(t, port)
      const failed = once(made, 'tlsClientError')
      const socket = await rawClient(t, port)
      socket.on('error', () => {}).resume()
      meet(socket)
      const [error, theirs] = await failed
      assert.match(error.code, code)
      assert.equal(theirs.encrypted, true)
      await closed(socket)
      other.end('still here')
      assert.equal((await readAll(other)).bytes.toString(), 'still here')
      await serves(t, port)
    })
  }

  test('one that stops after half of the handshake', async (t) => {
    const { port, server: made } = await server(t, echo, { handshakeTimeoutMilliseconds: 150 })
    const failed = once(made, 'tlsClientError')
    using halfway = defaultBackend().clientContext(new TLSClientConfiguration(ours.client)).createBuffer(hostName)
    halfway.handshake()
    const socket = await rawClient(t, port)
    socket.on('error', () => {}).write(halfway.processOutgoing())
    // The server has answered, and hears nothing of the client any more.
    await once(socket, 'data')
    assert.match((await failed)[0].code, /^ERR_TLS_HANDSHAKE_TIMEOUT$/)
    await serves(t, port)
  })

  test('one that breaks later: nobody has to listen for errors', async (t) => {
    const { port, server: made } = await server(t, (socket) => socket.resume())
    const failed = once(made, 'tlsClientError')
    const wire = await between(t, port)
    const socket = await client(t, wire.port)
    socket.on('error', () => {})
    const events: unknown[] = []
    made.on('tlsClientError', (error) => events.push(error))
    // The server's side of the wire is gone without a word.
    wire.far().resetAndDestroy()
    const [error, theirs] = await failed
    assert.equal(error.code, 'ECONNRESET')
    assert.equal((theirs as TLSSocket).authorized, false)
    await closed(theirs as TLSSocket)
    assert.equal(events.length, 1)
  })

  test('an error of the program in a listener is thrown to the process, and is no error of the client', async () => {
    const script = `
      import { once } from 'node:events'
      import { connect, createServer } from 'polytls'
      import { matching, hostName } from ${JSON.stringify(new URL('../support/identities.js', import.meta.url).href)}
      const ours = await matching()
      const server = createServer(ours.server, () => { throw new Error('a mistake of the program') })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      process.on('uncaughtException', (error) => { console.log(error.message); process.exit(7) })
      server.on('tlsClientError', (error) => console.log('reported as', error.message))
      await connect({ host: '127.0.0.1', port: server.address().port, serverName: hostName, ...ours.client })
    `
    const { code, output } = await run(script)
    assert.deepEqual({ code, output }, { code: 7, output: 'a mistake of the program\n' })
  })
})

describe('maxConcurrentHandshakes', () => {
  test('those who wait are served when others are done, with what they have sent meanwhile', async (t) => {
    const { port, server: made } = await server(t, echo, {
      maxConcurrentHandshakes: 1,
      handshakeTimeoutMilliseconds: 10_000,
    })
    const first = await rawClient(t, port)
    first.on('error', () => {})
    await until(async () => (await connectionsOf(made)) === 1)
    const others = Array.from({ length: 5 }, () => tls.connect({ ...clientOptions, host, port }))
    for (const other of others) {
      destroyAfter(t, other)
      other.end('patient')
    }
    // Every ClientHello is at the server by now, and none is answered.
    await Promise.all(others.map((other) => once(other, 'connect')))
    await new Promise((resolve) => setTimeout(resolve, 30))
    assert.deepEqual(
      others.map((other) => other.bytesRead),
      others.map(() => 0),
    )
    first.destroy()
    for (const other of others) assert.equal((await readAll(other)).bytes.toString(), 'patient')
  })

  test('a client in wait is served within the time of a handshake, or told to go', async (t) => {
    const { port, server: made } = await server(t, echo, {
      maxConcurrentHandshakes: 1,
      handshakeTimeoutMilliseconds: 100,
    })
    const codes: string[] = []
    made.on('tlsClientError', (error: Error & { code: string }) => codes.push(error.code))
    const clients = await Promise.all([rawClient(t, port), rawClient(t, port), rawClient(t, port)])
    await Promise.all(clients.map((each) => closed(each.resume())))
    await until(() => codes.length >= 3)
    assert.deepEqual(codes, Array(3).fill('ERR_TLS_HANDSHAKE_TIMEOUT'))
    await until(async () => (await connectionsOf(made)) === 0)
  })

  test('those who leave while they wait do not stand in the way', async (t) => {
    const { port, server: made } = await server(t, echo, { maxConcurrentHandshakes: 1 })
    const first = await rawClient(t, port)
    await until(async () => (await connectionsOf(made)) === 1)
    for (let round = 0; round < 3; round++) {
      const leaving = await rawClient(t, port)
      leaving.on('error', () => {})
      if (round === 1) leaving.resetAndDestroy()
      else leaving.destroy()
    }
    const patient = serves(t, port)
    first.on('error', () => {}).destroy()
    await patient
  })

  test('a server that shuts down sends those who wait away', async (t) => {
    const { port, server: made } = await server(t, echo, { maxConcurrentHandshakes: 1 })
    const clients = [await rawClient(t, port), await rawClient(t, port), await rawClient(t, port)]
    await until(async () => (await connectionsOf(made)) === 3)
    const gone = clients.map((each) => closed(each.resume()))
    await made.shutdown()
    await Promise.all(gone)
  })
})

describe('setContext', () => {
  test('new connections get the new certificate, open ones go on with theirs', async (t) => {
    const { port, server: made } = await server(t, echo)
    const before = await nodeClient(t, port)
    const fresh = await (await authority()).issue({ name: 'renewed', names: [hostName] })
    const backend = defaultBackend()
    made.setContext(backend.serverContext(new TLSServerConfiguration({ certificateChain: [signingChain(fresh)] })))
    const after = await nodeClient(t, port)
    assert.ok(before.getPeerCertificate().raw.equals(derOf((await serverIdentity()).certificate)))
    assert.ok(after.getPeerCertificate().raw.equals(derOf(fresh.certificate)))
    before.end('old')
    after.end('new')
    assert.equal((await readAll(before)).bytes.toString(), 'old')
    assert.equal((await readAll(after)).bytes.toString(), 'new')
  })
})

test('setContext takes nothing but the context of a server', async (t) => {
  const { port, server: made } = await server(t, echo)
  const asClient = defaultBackend().clientContext(new TLSClientConfiguration(ours.client))
  for (const context of [undefined, null, {}, asClient, new TLSServerConfiguration(ours.server)]) {
    assert.throws(() => made.setContext(context as never), TypeError)
  }
  const still = await nodeClient(t, port)
  still.end('still')
  assert.equal((await readAll(still)).bytes.toString(), 'still')
})

describe('closing a server', () => {
  test('close waits for the connections that are open', async (t) => {
    const { port, server: made } = await server(t, echo)
    const [one, other] = [await nodeClient(t, port), await client(t, port)]
    await until(async () => (await connectionsOf(made)) === 2)
    assert.equal(await connectionsOf(made), 2)
    let isClosed = false
    const closing = new Promise<void>((resolve) => {
      made.close(() => {
        isClosed = true
        resolve()
      })
    })
    one.end()
    await closed(one.resume())
    await until(async () => (await connectionsOf(made)) === 1)
    assert.equal(await connectionsOf(made), 1)
    await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal(isClosed, false)
    other.write('still served')
    assert.equal((await readExactly(other, 12)).toString(), 'still served')
    other.end()
    await closing
    assert.equal((await rejection(rawClient(t, port))).code, 'ECONNREFUSED')
  })

  test('maxConnections counts what is open', async (t) => {
    const { port, server: made } = await server(t, echo)
    made.maxConnections = 1
    const first = await nodeClient(t, port)
    const dropped = once(made, 'drop')
    const second = net.connect(port, host)
    second.on('error', () => {})
    await dropped
    await closed(second)
    first.end()
    await closed(first.resume())
    await until(async () => (await connectionsOf(made)) === 0)
    await serves(t, port)
  })

  test('shutdown says goodbye to every client and resolves when all are gone', async (t) => {
    let secured = 0
    const { port, server: made } = await server(t, (socket) => {
      secured++
      socket.resume()
    })
    const clients = [await nodeClient(t, port), await client(t, port)]
    const endings = clients.map((each) => readAll(each))
    await until(() => secured === 2)
    await made.shutdown()
    assert.deepEqual(
      (await Promise.all(endings)).map(({ how }) => how),
      ['end', 'end'],
    )
    assert.equal(await connectionsOf(made), 0)
    assert.equal(made.listening, false)
  })

  test('shutdown lets what is being sent arrive', async (t) => {
    const data = randomBytes(2_000_000)
    const { port, server: made } = await server(t, (socket) => socket.resume().write(data))
    const socket = await client(t, port)
    await once(socket, 'readable')
    const down = made.shutdown()
    assert.ok((await readAll(socket)).bytes.equals(data))
    await down
  })

  test('shutdown cuts off those who do not leave within its time, however they linger', async (t) => {
    const { port, server: made } = await server(t, (socket) => {
      socket.on('error', () => {})
      socket.write(randomBytes(20_000_000))
    })
    // One that does not read, one that stays in the handshake, one that keeps its side open, one that went back to plain text.
    const unread = await client(t, port)
    unread.on('error', () => {})
    const silent = await rawClient(t, port)
    silent.on('error', () => {})
    const open = await nodeClient(t, port, { allowHalfOpen: true })
    open.on('error', () => {}).resume()
    await until(async () => (await connectionsOf(made)) === 3)
    await made.shutdown({ timeoutMilliseconds: 30 })
    assert.equal(await connectionsOf(made), 0)
    await Promise.all([closed(unread.resume()), closed(silent.resume())])
  })

  test('shutdown cuts off clients of a Unix socket', async (t) => {
    const path = join(tmpdir(), `polytls-${process.pid}-cut-off.sock`)
    const made = createServer(ours.server, (socket) => socket.resume())
    const accepted = once(made, 'secureConnection')
    await once(made.listen(path), 'listening')
    const theirs = tls.connect({ ...clientOptions, path, allowHalfOpen: true } as tls.ConnectionOptions)
    destroyAfter(t, theirs).on('error', () => {})
    await accepted
    await made.shutdown({ timeoutMilliseconds: 10 })
    assert.equal(await connectionsOf(made), 0)
  })

  test('shutdown cuts off what was unwrapped as well', async (t) => {
    const accepted = new EventEmitter()
    const { port, server: made } = await server(
      t,
      (socket) => {
        socket.resume().once('end', () => socket.unwrap().then((plain) => accepted.emit('plain', plain)))
      },
      { allowHalfOpen: true },
    )
    const socket = await client(t, port)
    const [plain] = await Promise.all([socket.unwrap(), once(accepted, 'plain')])
    destroyAfter(t, plain).on('error', () => {})
    await made.shutdown({ timeoutMilliseconds: 10 })
    assert.equal(await connectionsOf(made), 0)
  })

  test('shutdown of a server that was closed before waits for its connections, and twice is no error', async (t) => {
    let secured = 0
    const { port, server: made } = await server(t, (socket) => {
      secured++
      socket.resume()
    })
    const socket = await client(t, port)
    const ending = readAll(socket)
    await until(() => secured === 1)
    made.close()
    await Promise.all([made.shutdown(), made.shutdown()])
    assert.equal((await ending).how, 'end')
    assert.equal(await connectionsOf(made), 0)
    await createServer(ours.server).shutdown()
    await made[Symbol.asyncDispose]()
  })
})
