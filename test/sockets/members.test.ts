import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as net from 'node:net'
import { describe, test } from 'node:test'
import type * as tls from 'node:tls'
import {
  Certificate,
  CipherSuite,
  type ClientOptions,
  cipherSuiteName,
  createConnection,
  PrivateKey,
  type SigningChain,
  type TLSSocket,
  TLSVersion,
  upgrade,
} from 'polytls'
import { authority, clientIdentity, matching, trusting } from '../support/identities.ts'
import { memoryPair } from './memory-duplex.ts'
import {
  client,
  destroyAfter,
  host,
  hostName,
  nodeClient,
  nodeClientCertificate,
  nodeServer,
  rawServer,
  securedPair,
  server,
} from './peers.ts'
import { closed, readExactly, run } from './streams.ts'

const ours = await matching()

async function clientChain(): Promise<SigningChain> {
  const { certificate, key } = await clientIdentity()
  return { leaf: Certificate.fromBuffer(certificate), key: PrivateKey.fromBuffer(key), chain: [] }
}

/** What both kinds of socket answer alike on the same end of like connections. */
function told(socket: TLSSocket | tls.TLSSocket) {
  const certificate = socket.getPeerCertificate(true) as tls.DetailedPeerCertificate
  const issuer = certificate.issuerCertificate as tls.DetailedPeerCertificate | undefined
  return {
    encrypted: socket.encrypted,
    authorized: socket.authorized,
    alpnProtocol: socket.alpnProtocol,
    servername: (socket as TLSSocket).servername,
    protocol: socket.getProtocol(),
    cipher: socket.getCipher()?.standardName,
    cipherVersion: socket.getCipher()?.version,
    reused: socket.isSessionReused(),
    peer: socket.getPeerX509Certificate()?.fingerprint256,
    raw: certificate.raw?.toString('hex'),
    subject: certificate.subject && { ...certificate.subject },
    names: certificate.subjectaltname,
    validTo: certificate.valid_to,
    fingerprint256: certificate.fingerprint256,
    issuer: issuer?.subject && { ...issuer.subject },
    plainCertificate: 'issuerCertificate' in socket.getPeerCertificate(),
    readyState: socket.readyState,
    connecting: socket.connecting,
    pending: (socket as net.Socket).pending,
    destroyed: socket.destroyed,
    timeout: (socket as net.Socket).timeout || 0,
    remoteAddress: socket.remoteAddress,
    remoteFamily: socket.remoteFamily,
    localAddress: socket.localAddress,
    family: (socket.address() as net.AddressInfo).family,
    addressIsLocal: (socket.address() as net.AddressInfo).port === socket.localPort,
    highWaterMark: socket.readableHighWaterMark === socket.writableHighWaterMark,
  }
}

interface Case {
  readonly version: 'TLSv1.2' | 'TLSv1.3'
  readonly protocols?: readonly string[]
  readonly mutual?: boolean
}
const cases: Case[] = [
  { version: 'TLSv1.3' },
  { version: 'TLSv1.2', protocols: ['h2', 'http/1.1'] },
  { version: 'TLSv1.3', protocols: ['http/1.1'], mutual: true },
]

describe('members of net.Socket and tls.TLSSocket', () => {
  for (const { version, protocols, mutual } of cases) {
    const what = [version, protocols && `with ${protocols}`, mutual && 'with a client certificate']
      .filter(Boolean)
      .join(' ')

    test(`a client answers as one of node:tls does, ${what}`, async (t) => {
      const port = await nodeServer(t, (socket) => socket.resume(), {
        minVersion: version,
        maxVersion: version,
        ...(protocols && { ALPNProtocols: [...protocols] }),
        ...(mutual && { requestCert: true, ca: (await authority()).certificate }),
      })
      const theirs = await nodeClient(t, port, {
        ...(protocols && { ALPNProtocols: [...protocols] }),
        ...(mutual && (await nodeClientCertificate())),
      })
      const options: ClientOptions = {
        ...(protocols && { innerProtocols: protocols }),
        ...(mutual && { certificateChain: await clientChain() }),
      }
      const socket = await client(t, port, options)
      // Node's client shows the authority as well, although the server sends its own certificate only: it has it from its store.
      assert.deepEqual({ ...told(socket), issuer: undefined }, { ...told(theirs), issuer: undefined })
      assert.equal(socket.remotePort, theirs.remotePort)
      assert.equal(typeof socket.localPort, 'number')
    })

    test(`a server answers as one of node:tls does, ${what}`, async (t) => {
      const bounds = {
        lowestSupportedVersion: TLSVersion[version === 'TLSv1.2' ? 'TLSv1_2' : 'TLSv1_3'],
        highestSupportedVersion: TLSVersion[version === 'TLSv1.2' ? 'TLSv1_2' : 'TLSv1_3'],
      }
      const connectTo = async (port: number): Promise<void> => {
        await nodeClient(t, port, {
          ...(protocols && { ALPNProtocols: [...protocols] }),
          ...(mutual && (await nodeClientCertificate())),
        })
      }
      const mine = new Promise<TLSSocket>((resolve) => {
        server(t, resolve, {
          ...bounds,
          // The default orders of suites differ.
          ciphers: [CipherSuite.TLS_AES_256_GCM_SHA384, CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256],
          ...(protocols && { innerProtocols: protocols }),
          ...(mutual && { clientAuthentication: 'required', trustStore: trusted }),
        }).then(({ port }) => connectTo(port))
      })
      const theirs = new Promise<tls.TLSSocket>((resolve) => {
        nodeServer(t, resolve, {
          minVersion: version,
          maxVersion: version,
          ...(protocols && { ALPNProtocols: [...protocols] }),
          ...(mutual && { requestCert: true, ca: root }),
        }).then(connectTo)
      })
      assert.deepEqual({ ...told(await mine), issuer: undefined }, { ...told(await theirs), issuer: undefined })
    })
  }

  test('before the handshake and after the end', async (t) => {
    const silent = await rawServer(t, () => {})
    const socket = createConnection({ host, port: silent, serverName: hostName, ...ours.client })
    destroyAfter(t, socket)
    const facts = () => ({
      connecting: socket.connecting,
      secureConnecting: socket.secureConnecting,
      pending: socket.pending,
      readyState: socket.readyState,
      authorized: socket.authorized,
      alpnProtocol: socket.alpnProtocol,
      protocol: socket.getProtocol(),
      cipher: socket.getCipher(),
      certificate: socket.getPeerCertificate(),
      x509: socket.getPeerX509Certificate(),
    })
    const unknown = {
      authorized: false,
      alpnProtocol: null,
      protocol: null,
      cipher: undefined,
      certificate: {},
      x509: undefined,
    }
    assert.deepEqual(facts(), {
      connecting: true,
      secureConnecting: true,
      pending: true,
      readyState: 'opening',
      ...unknown,
    })
    await once(socket, 'connect')
    assert.deepEqual(facts(), {
      connecting: false,
      secureConnecting: true,
      pending: false,
      readyState: 'open',
      ...unknown,
    })
    socket.destroy()
    assert.deepEqual(facts(), {
      connecting: false,
      secureConnecting: false,
      pending: false,
      readyState: 'closed',
      ...unknown,
    })

    const other = await client(t, await nodeServer(t, (there) => there.end()))
    await closed(other.resume())
    assert.equal(other.getProtocol(), 'TLSv1.3')
    assert.equal(other.authorized, true)
    assert.equal(other.readyState, 'closed')
  })

  test('the whole chain, where the peer sends it', async (t) => {
    const intermediate = await (await authority()).issueAuthority({ name: 'Between' })
    const leaf = await intermediate.issue({ name: 'leaf', names: [hostName] })
    const port = await nodeServer(t, () => {}, { cert: leaf.certificate + leaf.chain.join(''), key: leaf.key })
    const socket = await client(t, port)
    const certificate = socket.getPeerCertificate(true) as tls.DetailedPeerCertificate
    assert.equal(certificate.subject.CN, 'leaf')
    assert.equal(certificate.issuerCertificate.subject.CN, 'Between')
  })

  test('counts the bytes of the transport in both directions', async (t) => {
    const { port } = await server(t, (socket) => socket.pipe(socket))
    const socket = await client(t, port)
    const before = [socket.bytesRead, socket.bytesWritten]
    assert.ok(before.every((count) => (count ?? 0) > 200))
    socket.write(Buffer.alloc(10_000))
    await readExactly(socket, 10_000)
    for (const [index, count] of [socket.bytesRead, socket.bytesWritten].entries()) {
      const more = count - (before[index] ?? 0)
      assert.ok(more > 10_000 && more < 11_000, `${more}`)
    }
  })

  test('timeout comes when nothing moves, and not while something does', async (t) => {
    const [socket, other] = await securedPair(t, memoryPair())
    // Timers of the test's own: it says when time is up, and sees when it starts anew.
    let due: (() => void) | undefined
    let refreshed = 0
    const { setTimeout: realTimeout, clearTimeout: realClear } = globalThis
    t.mock.method(globalThis, 'setTimeout', (callback: () => void, milliseconds: number) => {
      if (milliseconds !== 1000) return realTimeout(callback, milliseconds)
      due = callback
      const timer = {
        unref: () => timer,
        refresh: () => {
          refreshed++
          return timer
        },
      }
      return timer
    })
    t.mock.method(globalThis, 'clearTimeout', (timer: NodeJS.Timeout | undefined) => {
      if (timer instanceof Object && !('hasRef' in timer)) due = undefined
      else realClear(timer)
    })
    let timeouts = 0
    assert.equal(
      socket.setTimeout(1000, () => timeouts++),
      socket,
    )
    assert.equal(socket.timeout, 1000)
    socket.write('out')
    assert.ok(refreshed > 0)
    refreshed = 0
    other.write('in')
    while (socket.readableLength === 0) await new Promise(setImmediate)
    assert.ok(refreshed > 0)
    due?.()
    assert.equal(timeouts, 1)
    assert.equal(socket.destroyed, false)
    socket.setTimeout(1000)
    socket.setTimeout(0)
    assert.equal(due, undefined)
    socket.setTimeout(1000)
    socket.destroy()
    assert.equal(due, undefined)
    socket.setTimeout(1000, () => timeouts++)
    assert.equal(due, undefined)
    assert.equal(timeouts, 1)
    t.mock.restoreAll()
  })

  test('a timeout that is none is refused, and one of months does not come at once', async (t) => {
    const [socket] = await securedPair(t, memoryPair())
    for (const wrong of [undefined, null, '1000', {}, 10n, Symbol('soon')])
      assert.throws(() => socket.setTimeout(wrong as never), TypeError)
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => socket.setTimeout(wrong), RangeError)
    let isOver = false
    socket.setTimeout(2 ** 40, () => {
      isOver = true
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(isOver, false)
  })

  test('setNoDelay, setKeepAlive, ref and unref reach the socket below', async (t) => {
    const port = await nodeServer(t, (socket) => socket.resume())
    const below = net.connect(port, host)
    const calls: unknown[][] = []
    for (const name of ['setNoDelay', 'setKeepAlive', 'ref', 'unref'] as const) {
      below[name] = ((...args: unknown[]) => {
        calls.push([name, ...args])
        return below
      }) as never
    }
    const socket = destroyAfter(t, await upgrade(below, { serverName: hostName, ...ours.client }))
    assert.equal(socket.setNoDelay(true).setKeepAlive(true, 5000).unref().ref(), socket)
    assert.deepEqual(calls, [['setNoDelay', true], ['setKeepAlive', true, 5000], ['unref'], ['ref']])
  })

  test('over a stream that is no socket, what only sockets have is undefined or does nothing', async (t) => {
    const [socket] = await securedPair(t, memoryPair())
    assert.equal(socket.setNoDelay().setKeepAlive(true).ref().unref(), socket)
    assert.deepEqual(socket.address(), {})
    for (const name of [
      'remoteAddress',
      'remotePort',
      'remoteFamily',
      'localAddress',
      'localPort',
      'localFamily',
    ] as const) {
      assert.equal(socket[name], undefined)
    }
    assert.equal(socket.encrypted, true)
    assert.equal(socket.readyState, 'open')
  })

  test('an unreferenced socket does not keep the process', async (t) => {
    const port = await nodeServer(t, (socket) => socket.resume())
    const script = `
      import { connect, createConnection, Certificate, TrustStore } from 'polytls'
      const trustStore = TrustStore.fromCertificates([Certificate.fromBuffer(${JSON.stringify(root)})])
      const options = { host: '${host}', port: ${port}, serverName: '${hostName}', trustStore }
      ;(await connect(options)).unref()
      createConnection({ ...options, port: ${await rawServer(t, () => {})} }).unref()
      console.log('done')
    `
    assert.deepEqual(await run(script), { code: 0, output: 'done\n' })
  })

  test('the name of the suite is that of IANA', async (t) => {
    const socket = await client(t, await nodeServer(t, () => {}, { maxVersion: 'TLSv1.2' }))
    const { cipherSuite } = socket.facts
    assert.ok(cipherSuite !== undefined)
    const name = cipherSuiteName(cipherSuite)
    assert.deepEqual(socket.getCipher(), { name, standardName: name, version: 'TLSv1.2' })
  })
})

const root = (await authority()).certificate
const trusted = trusting(await authority())
