import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, before, it } from 'node:test'
import {
  AlertReceivedError,
  createConnection,
  HandshakeTimeoutError,
  ProtocolError,
  RaggedEOFError,
  type TLSError,
  type TLSErrorCode,
} from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { exchange, finish, OwnServer } from './support/endpoints.ts'
import { hostName, type Identities, makeIdentities } from './support/identities.ts'
import { leavesNothing } from './support/leftovers.ts'
import { startSClient } from './support/openssl.ts'
import { patiently } from './support/patience.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

/** What somebody sends who does not speak TLS, or not as it should be, and what we have to say about it. */
interface Foreign {
  readonly what: string
  readonly bytes: Buffer
  readonly code: TLSErrorCode
  readonly kind: new (...values: never[]) => TLSError
  readonly says?: RegExp
  readonly alert?: string
}

const notTLS = { code: 'ERR_TLS_NOT_TLS', kind: ProtocolError } as const
const broken = { code: 'ERR_TLS_PROTOCOL', kind: ProtocolError } as const

/** The same in every run, and like nothing else. */
function noise(length: number): Buffer {
  const blocks: Buffer[] = []
  for (let number = 0; number * 32 < length; number++) blocks.push(createHash('sha256').update(`${number}`).digest())
  return Buffer.concat(blocks).subarray(0, length)
}

function record(type: number, fragment: Buffer, length: number = fragment.byteLength): Buffer {
  return Buffer.concat([Buffer.from([type, 3, 3, length >> 8, length & 0xff]), fragment])
}

const malformed: readonly Foreign[] = [
  { what: 'noise', bytes: noise(1000), ...notTLS },
  { what: 'zeroes', bytes: Buffer.alloc(1000), ...notTLS },
  { what: 'a handshake message of noise', bytes: record(22, noise(64)), ...broken },
  { what: 'application data at once', bytes: record(23, noise(64)), ...broken },
  { what: 'a record longer than records may be', bytes: record(22, noise(1000), 0xffff), ...broken },
  {
    what: 'records without end that hold nothing',
    bytes: Buffer.concat(Array(200).fill(record(22, Buffer.alloc(0)))),
    ...broken,
  },
  {
    what: 'warnings without end',
    bytes: Buffer.concat(Array(200).fill(record(21, Buffer.from([1, 90])))),
    ...broken,
  },
]

const fromServers: readonly Foreign[] = [
  {
    what: 'an answer by HTTP',
    bytes: Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
    ...notTLS,
    says: /HTTP/,
  },
  {
    what: 'the banner of SMTP',
    bytes: Buffer.from('220 mail.test ESMTP ready\r\n'),
    ...notTLS,
    says: /"220 mail/,
  },
  { what: 'the banner of IMAP', bytes: Buffer.from('* OK IMAP4rev1 ready\r\n'), ...notTLS, says: /"\* OK IM/ },
  { what: 'the banner of SSH', bytes: Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), ...notTLS, says: /SSH-2\.0/ },
  ...malformed,
  {
    what: 'a fatal alert',
    bytes: record(21, Buffer.from([2, 40])),
    code: 'ERR_TLS_ALERT_RECEIVED',
    kind: AlertReceivedError,
    alert: 'handshake_failure',
  },
  {
    what: 'the alert that ends a connection',
    bytes: record(21, Buffer.from([1, 0])),
    code: 'ERR_TLS_RAGGED_EOF',
    kind: RaggedEOFError,
    says: /during the handshake/,
  },
]

const fromClients: readonly Foreign[] = [
  { what: 'a question by HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'), ...notTLS, says: /HTTP/ },
  { what: 'a wish for a tunnel', bytes: Buffer.from('CONNECT a.test:443 HTTP/1.1\r\n\r\n'), ...notTLS, says: /HTTP/ },
  { what: 'the greeting of SMTP', bytes: Buffer.from('EHLO client.test\r\n'), ...notTLS, says: /EHLO/ },
  ...malformed,
]

function assertSays(error: unknown, foreign: Foreign): void {
  assert.ok(error instanceof foreign.kind, String(error))
  assert.equal(error.code, foreign.code, error.message)
  if (foreign.says !== undefined) assert.match(error.message, foreign.says)
  if (foreign.alert !== undefined) assert.equal(error.alert, foreign.alert)
}

forEachBackend('our client and a server that is none', (backend) => {
  /** How a connection fails to a server that does this with each client, all of whose sockets are gone afterwards. */
  async function failure(serve: (client: Socket) => void, handshakeTimeoutMilliseconds = 20_000): Promise<Error> {
    let failed: Error | undefined
    await leavesNothing(async () => {
      const server = createServer((client) => {
        clients.push(client.on('error', () => {}))
        serve(client)
      })
      const clients: Socket[] = []
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const { trustStore } = identities
      const options = { backend, host: '127.0.0.1', serverName: hostName, port, trustStore }
      const socket = createConnection({ ...options, handshakeTimeoutMilliseconds })
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      socket.on('error', (error) => {
        failed = error
      })
      await patiently('the socket to close', closed)
      assert.equal(socket.times, undefined)
      for (const client of clients) client.destroy()
      server.close()
      await once(server, 'close')
    })
    assert.ok(failed !== undefined)
    return failed
  }

  for (const foreign of fromServers) {
    it(`fails at once with what it got when that is ${foreign.what}`, async () => {
      assertSays(await failure((client) => client.resume().write(foreign.bytes)), foreign)
    })
  }

  it('says the same about noise that comes byte by byte', async () => {
    const [noisy] = malformed as readonly [Foreign]
    const error = await failure((client) => {
      client.resume().setNoDelay(true)
      let at = 0
      const next = (): void => {
        if (at < 100 && client.writable) client.write(noisy.bytes.subarray(at, ++at), () => setImmediate(next))
      }
      next()
    })
    assertSays(error, noisy)
  })

  it('gives up in time when nothing comes', async () => {
    const error = await failure((client) => client.resume(), 100)
    assert.ok(error instanceof HandshakeTimeoutError, String(error))
    assert.match(error.message, /100 ms/)
    assert.match(error.hint ?? '', /STARTTLS/)
  })

  it('gives up in time when nothing is even read', async () => {
    assert.ok((await failure((client) => client.pause(), 100)) instanceof HandshakeTimeoutError)
  })

  it('gives up in time when a message begins and does not go on', async () => {
    const beginning = record(22, Buffer.from([2, 0, 1, 0, 3, 3]), 512)
    const error = await failure((client) => client.resume().write(beginning), 100)
    assert.ok(error instanceof HandshakeTimeoutError, String(error))
  })

  it('says that the server closed when it does so at once', async () => {
    const error = await failure((client) => client.resume().end())
    assert.ok(error instanceof RaggedEOFError, String(error))
    assert.match(error.message, /during the handshake/)
  })

  it('says that the server is not there when nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    const socket = createConnection({ backend, host: '127.0.0.1', port, trustStore: identities.trustStore })
    const [error] = (await patiently('an error', once(socket, 'error'))) as [Error]
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
  })
})

forEachBackend('our server and clients that are none', (backend) => {
  /** How a client fails that does this, and that others are served all the while. */
  async function failure(act: (client: Socket) => void, handshakeTimeoutMilliseconds = 20_000): Promise<Error> {
    let failed: Error | undefined
    await leavesNothing(async () => {
      await using server = await OwnServer.start(backend, {
        certificateChain: [identities.server().signingChain],
        handshakeTimeoutMilliseconds,
      })
      await using settled = startSClient(identities, server.port, [])
      const socket = await server.accepted()
      const client = connect(server.port, '127.0.0.1')
      const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
      client.on('error', () => {})
      await patiently('a connection', once(client, 'connect'))
      act(client)
      failed = await server.refused()
      client.resume()
      await patiently('the client to be sent away', closed)
      await exchange(socket, settled)
      settled.stdin.write('Q\n')
      await finish(socket)
    })
    assert.ok(failed !== undefined)
    return failed
  }

  for (const foreign of fromClients) {
    it(`sends a client away with what it got when that is ${foreign.what}, and serves others`, async () => {
      assertSays(await failure((client) => client.write(foreign.bytes)), foreign)
    })
  }

  it('sends a client away that complains before it has asked, and serves others', async () => {
    const error = await failure((client) => client.write(record(21, Buffer.from([2, 40]))))
    // It may be taken for what it says, or for a breach of the order of messages.
    if (error instanceof AlertReceivedError) assert.equal(error.alert, 'handshake_failure')
    else assert.ok(error instanceof ProtocolError && error.alert === 'unexpected_message', String(error))
  })

  it('gives up in time when a client says nothing, and serves others', async () => {
    const error = await failure(() => {}, 300)
    assert.ok(error instanceof HandshakeTimeoutError, String(error))
  })

  it('gives up in time when a client begins and does not go on, and serves others', async () => {
    const beginning = record(22, Buffer.from([1, 0, 1, 0, 3, 3]), 512)
    const error = await failure((client) => client.write(beginning), 300)
    assert.ok(error instanceof HandshakeTimeoutError, String(error))
  })

  it('says that a client closed when it does so at once, and serves others', async () => {
    const error = await failure((client) => client.end())
    assert.ok(error instanceof RaggedEOFError, String(error))
  })

  it('says that a client is gone when it is, and serves others', async () => {
    const error = await failure((client) => client.resetAndDestroy())
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET', String(error))
  })
})
