import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, test } from 'node:test'
import * as tls from 'node:tls'
import {
  Certificate,
  CertificateError,
  connect,
  createConnection,
  type PeerIdentity,
  PrivateKey,
  upgrade,
  type VerifyPeer,
} from 'polytls'
import { authority, clientIdentity, derChain, matching, serverIdentity, trusting } from '../support/identities.ts'
import { memoryPair } from './memory-duplex.ts'
import {
  between,
  destroyAfter,
  host,
  hostName,
  listen,
  nodeClient,
  nodeClientCertificate,
  nodeClientOptions,
  nodeServer,
  nodeServerOptions,
  securedPair,
  server,
} from './peers.ts'
import { closed, errorOf, readExactly, rejection, settled, until } from './streams.ts'

const ours = await matching()
const asking = { clientAuthentication: 'required', trustStore: trusting(await authority()) } as const
const to = (port: number) => ({ host, port, serverName: hostName, ...ours.client })
const refusing: Record<string, { verifyPeer: VerifyPeer; message: RegExp; cause?: string }> = {
  'at once': { verifyPeer: () => ({ accept: false, reason: 'not today' }), message: /not today/ },
  later: {
    verifyPeer: async () => {
      await new Promise(setImmediate)
      return { accept: false, reason: 'thought about it' }
    },
    message: /thought about it/,
  },
  'by throwing': {
    verifyPeer: () => {
      throw new Error('no database')
    },
    message: /verifyPeer failed/,
    cause: 'no database',
  },
  'by rejecting': {
    verifyPeer: () => Promise.reject(new Error('no network')),
    message: /verifyPeer failed/,
    cause: 'no network',
  },
  // Programs in JavaScript may answer anything; nothing but a verdict lets a peer in.
  'by answering true': { verifyPeer: (() => true) as never, message: /verifyPeer failed/ },
  'by answering nothing': { verifyPeer: (() => undefined) as never, message: /verifyPeer failed/ },
  'by answering nothing, later': { verifyPeer: (async () => undefined) as never, message: /verifyPeer failed/ },
}

describe('the veto of a client', () => {
  test('sees what was verified, and lets the server in, at once or later', async (t) => {
    const port = await nodeServer(t, (socket) => socket.end('welcome'))
    for (const later of [false, true]) {
      const asked: PeerIdentity[] = []
      const socket = await connect({
        ...to(port),
        verifyPeer: (peer) => {
          asked.push(peer)
          return later ? new Promise((resolve) => setImmediate(resolve, { accept: true })) : { accept: true }
        },
      })
      t.after(() => socket.destroy())
      assert.deepEqual(
        asked.map(({ chain, serverName }) => ({ chain: chain.map((each) => new Uint8Array(each)), serverName })),
        [{ chain: derChain(await serverIdentity()), serverName: hostName }],
      )
      assert.equal((await readExactly(socket, 7)).toString(), 'welcome')
    }
  })

  for (const [how, { verifyPeer, message, cause }] of Object.entries(refusing)) {
    test(`refuses ${how}: the server is told, and gets no byte of the application`, async (t) => {
      const seen = new EventEmitter()
      const listening = tls.createServer(await nodeServerOptions(), () =>
        assert.fail('the server thinks it is secured'),
      )
      listening.on('tlsClientError', (error) => seen.emit('alert', error))
      const port = await listen(t, listening)
      const alert = once(seen, 'alert')
      const socket = createConnection({ ...to(port), verifyPeer })
      let sent: Error | null | undefined
      socket.write('the password', (error) => {
        sent = error
      })
      const error = await errorOf(socket)
      assert.ok(error instanceof CertificateError)
      assert.equal(error.reason, 'vetoed')
      assert.match(error.message, message)
      if (cause !== undefined) assert.equal((error.cause as Error).message, cause)
      // Newer ones of OpenSSL name the protocol otherwise.
      assert.match((await alert)[0].code, /_ALERT_BAD_CERTIFICATE$/)
      await closed(socket)
      assert.ok(sent instanceof Error)
    })
  }

  test('no byte of the application leaves while it thinks', async (t) => {
    const received: string[] = []
    const port = await nodeServer(t, (socket) => socket.on('data', (chunk) => received.push(String(chunk))))
    let answer: (verdict: { accept: true }) => void = () => {}
    const socket = createConnection({
      ...to(port),
      verifyPeer: () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    })
    t.after(() => socket.destroy())
    socket.write('patience')
    await settled(() => socket.bytesRead)
    assert.deepEqual(received, [])
    assert.equal(socket.secureConnecting, true)
    answer({ accept: true })
    await until(() => received.length > 0)
    assert.deepEqual(received, ['patience'])
  })

  test('an answer that comes when the socket is gone does nothing', async (t) => {
    const port = await nodeServer(t, () => {})
    for (const how of ['accepts', 'rejects'] as const) {
      let answer: () => void = () => {}
      const asked = new EventEmitter()
      const socket = createConnection({
        ...to(port),
        verifyPeer: () =>
          new Promise((resolve, reject) => {
            answer = () => (how === 'accepts' ? resolve({ accept: true }) : reject(new Error('too late')))
            setImmediate(() => asked.emit('asked'))
          }),
      })
      await once(asked, 'asked')
      socket.destroy()
      answer()
      assert.equal(await closed(socket), null)
      assert.equal(socket.times, undefined)
    }
  })

  test('a server that leaves meanwhile ends it at once', async (t) => {
    const wire = await between(t, await nodeServer(t, () => {}))
    const refused = rejection(
      connect({
        ...to(wire.port),
        verifyPeer: () => {
          setImmediate(() => wire.reset())
          return new Promise(() => {})
        },
      }),
    )
    assert.equal((await refused).code, 'ECONNRESET')
  })
})

describe('the veto of a server', () => {
  test('is asked once, however much the client sends meanwhile, and nothing is handed over before', async (t) => {
    const [theirs] = derChain(await clientIdentity())
    assert.ok(theirs !== undefined)
    let asked = 0
    let answer: (verdict: { accept: true }) => void = () => {}
    const received: string[] = []
    const { port } = await server(
      t,
      (socket) => {
        socket.on('data', (chunk) => received.push(String(chunk)))
        socket.write('welcome')
      },
      {
        ...asking,
        verifyPeer: ({ chain, serverName }) => {
          asked++
          assert.ok(Buffer.from(chain[0] ?? []).equals(theirs))
          assert.equal(serverName, undefined)
          return new Promise((resolve) => {
            answer = resolve
          })
        },
      },
    )
    const wire = await between(t, port)
    const socket = await nodeClient(t, wire.port, await nodeClientCertificate())
    for (const word of ['one ', 'two ', 'three ']) {
      await new Promise((resolve) => socket.write(word, resolve))
      await settled(() => wire.near().bytesRead)
    }
    assert.equal(asked, 1)
    assert.deepEqual(received, [])
    answer({ accept: true })
    assert.equal((await readExactly(socket, 7)).toString(), 'welcome')
    await until(() => received.join('').length === 14)
    assert.equal(received.join(''), 'one two three ')
  })

  for (const [how, { verifyPeer, message }] of Object.entries(refusing)) {
    test(`refuses ${how}: nothing of the client is handed over, and it sees the end`, async (t) => {
      const { port, server: made } = await server(t, () => assert.fail('it got in'), {
        ...asking,
        verifyPeer,
      })
      const refused = once(made, 'tlsClientError')
      const socket = await nodeClient(t, port, await nodeClientCertificate())
      socket.write('let me in')
      const ended = closed(socket)
      const [error] = await refused
      assert.ok(error instanceof CertificateError)
      assert.equal(error.reason, 'vetoed')
      assert.match(error.message, message)
      socket.resume()
      await ended
    })
  }

  test('a transport that breaks meanwhile ends it at once', async (t) => {
    const [here, there] = memoryPair()
    const { cert, key } = await nodeClientCertificate()
    destroyAfter(t, tls.connect({ ...(await nodeClientOptions()), cert, key, socket: here })).on('error', () => {})
    const refused = upgrade(there, {
      isServer: true,
      ...ours.server,
      ...asking,
      verifyPeer: () => {
        setImmediate(() => there.destroy(new Error('the cable was cut')))
        return new Promise(() => {})
      },
    })
    assert.equal((await rejection(refused)).message, 'the cable was cut')
  })

  test('is subject to the time of the handshake', async (t) => {
    const { port, server: made } = await server(t, () => assert.fail('it got in'), {
      ...asking,
      handshakeTimeoutMilliseconds: 100,
      verifyPeer: () => new Promise(() => {}),
    })
    const timedOut = once(made, 'tlsClientError')
    const socket = await nodeClient(t, port, await nodeClientCertificate())
    const ended = closed(socket.resume())
    assert.equal((await timedOut)[0].code, 'ERR_TLS_HANDSHAKE_TIMEOUT')
    await ended
  })

  test('over a wire that delivers at once, in memory, too', async (t) => {
    const { certificate, key } = await clientIdentity()
    const asked: string[] = []
    const [client, there] = await securedPair(
      t,
      memoryPair(),
      {
        certificateChain: { leaf: Certificate.fromBuffer(certificate), key: PrivateKey.fromBuffer(key), chain: [] },
        verifyPeer: () => {
          asked.push('client')
          return { accept: true }
        },
      },
      {
        ...asking,
        verifyPeer: async () => {
          asked.push('server')
          return { accept: true }
        },
      },
    )
    client.write('hello')
    assert.equal((await readExactly(there, 5)).toString(), 'hello')
    assert.deepEqual(asked, ['client', 'server'])
    assert.equal(there.authorized, true)
  })
})
