import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import {
  type Backend,
  CertificateError,
  type ChooseCertificate,
  HandshakeTimeoutError,
  openssl,
  portable,
  type ServerOptions,
  TLSClientConfiguration,
  type TLSSocket,
  UsageError,
  upgrade,
} from 'polytls'
import {
  authority,
  clientIdentity,
  derChain,
  hostName,
  matching,
  signingChain,
  trusting,
} from '../support/identities.ts'
import { destroyAfter, securedPair, tcpPair } from './peers.ts'

interface Pair {
  readonly client: TLSSocket
  readonly server: TLSSocket
}

for (const backend of [openssl, portable]) {
  describe(`post-handshake authentication of sockets, ${backend.name}`, () => {
    test('a server asks, and gets the chain as a promise, while data flows', async (t) => {
      const pair = await connected(t, backend)
      pair.client.write('a question that needs an identity')
      const [data] = await once(pair.server, 'data')
      assert.equal(String(data), 'a question that needs an identity')
      assert.equal(pair.server.facts.peerCertificate, undefined)
      const asked = pair.server.requestClientCertificate()
      pair.client.write('more')
      const peer = await asked
      const chain = derChain(await clientIdentity())
      assert.deepEqual(peer.chain, chain)
      assert.deepEqual(pair.server.facts.peerChain, chain)
      pair.server.write('an answer')
      const [answer] = await once(pair.client, 'data')
      assert.equal(String(answer), 'an answer')
      const several = await Promise.all(Array.from({ length: 3 }, () => pair.server.requestClientCertificate()))
      for (const each of several) assert.deepEqual(each.chain, chain)
    })

    test('a client may take its time to choose; what both write meanwhile arrives', async (t) => {
      let choose: () => void = () => {}
      const chosen = new Promise<void>((resolve) => {
        choose = resolve
      })
      const mine = signingChain(await clientIdentity())
      let asks = 0
      const pair = await connected(t, backend, {
        chooseCertificate: async () => {
          asks++
          await chosen
          return mine
        },
      })
      const received = { client: '', server: '' }
      for (const side of ['client', 'server'] as const)
        pair[side].on('data', (chunk) => {
          received[side] += chunk
        })
      const asked = pair.server.requestClientCertificate()
      while (asks === 0) await turn()
      pair.client.write('from the client')
      pair.server.write('from the server')
      pair.client.end(', and that was all')
      await turn()
      choose()
      const { chain } = await asked
      assert.deepEqual(chain, derChain(await clientIdentity()))
      await Promise.all([once(pair.client, 'close'), once(pair.server, 'close')])
      assert.deepEqual(received, { client: 'from the server', server: 'from the client, and that was all' })
      assert.equal(asks, 1)
    })

    test('a client that declines is told apart from one that cannot be asked', async (t) => {
      const pair = await connected(t, backend, { chooseCertificate: () => undefined })
      assert.deepEqual(await pair.server.requestClientCertificate(), { chain: [], serverName: undefined })
      await assert.rejects(pair.client.requestClientCertificate(), UsageError)
      const other = await connected(t, backend, { offers: false })
      await assert.rejects(other.server.requestClientCertificate(), UsageError)
      other.server.write('all the same')
      assert.equal(String((await once(other.client, 'data'))[0]), 'all the same')
    })

    test('what is open is rejected when the connection ends, whoever ends it', async (t) => {
      const never = () => new Promise<undefined>(() => {})
      const closing = await connected(t, backend, { chooseCertificate: never })
      const first = closing.server.requestClientCertificate()
      closing.server.destroy()
      await assert.rejects(first, UsageError)

      const cut = await connected(t, backend, { chooseCertificate: never })
      const second = cut.server.requestClientCertificate()
      await turn()
      const failed = once(cut.server, 'error')
      cut.client.resetAndDestroy()
      await Promise.all([assert.rejects(second), failed])

      const polite = await connected(t, backend)
      polite.client.end()
      const third = polite.server.requestClientCertificate()
      await assert.rejects(third, /closed the connection/)
    })

    test('half of an answer holds the server up only as long as a handshake may take', async (t) => {
      const pair = await halfAnswering(t, backend)
      const failed = once(pair.server, 'error')
      const asked = pair.server.requestClientCertificate()
      asked.catch(() => {})
      await pair.sentHalf
      // A client that has sent half of it may keep this from being written.
      const written = new Promise<unknown>((resolve) => pair.server.write('while it comes', resolve))
      await assert.rejects(asked, (error) => {
        assert.ok(error instanceof HandshakeTimeoutError, String(error))
        assert.match(error.message, /request for its certificate within 200 ms/)
        assert.match(error.hint ?? '', /handshakeTimeoutMilliseconds/)
        return true
      })
      assert.ok((await failed)[0] instanceof HandshakeTimeoutError)
      await written
      assert.equal(pair.server.destroyed, true)
    })

    test('an answer that comes in time ends the wait for it', async (t) => {
      const pair = await connected(t, backend, { server: { handshakeTimeoutMilliseconds: 200 } })
      await pair.server.requestClientCertificate()
      await delay(300)
      pair.server.write('still here')
      assert.equal(String((await once(pair.client, 'data'))[0]), 'still here')
    })

    test('a client whose transport is lost while it chooses hears of it at once', async (t) => {
      let asks = 0
      const chooseCertificate = () => {
        asks++
        return new Promise<undefined>(() => {})
      }
      const pair = await connected(t, backend, { chooseCertificate })
      pair.server.requestClientCertificate().catch(() => {})
      while (asks === 0) await turn()
      const failed = once(pair.client, 'error')
      pair.server.resetAndDestroy()
      await failed
      assert.equal(pair.client.destroyed, true)
    })

    test('a refused client is an error of the socket, and of the promise', async (t) => {
      const pair = await connected(t, backend, {
        server: { verifyPeer: () => ({ accept: false, reason: 'not today' }) },
      })
      const failed = once(pair.server, 'error')
      await assert.rejects(pair.server.requestClientCertificate(), (error) => {
        assert.ok(error instanceof CertificateError, String(error))
        assert.match(error.message, /not today/)
        return true
      })
      const [error] = await failed
      assert.ok(error instanceof CertificateError)
    })
  })
}

interface Options {
  readonly chooseCertificate?: ChooseCertificate
  readonly offers?: boolean
  readonly server?: Partial<ServerOptions>
}

async function connected(
  t: TestContext,
  backend: Backend,
  { chooseCertificate, offers = true, server: more = {} }: Options = {},
): Promise<Pair> {
  const own = chooseCertificate ? { chooseCertificate } : { certificateChain: signingChain(await clientIdentity()) }
  const [client, server] = await securedPair(
    t,
    await tcpPair(t),
    { backend, ...own, postHandshakeAuthentication: offers },
    { backend, trustStore: trusting(await authority()), ...more },
  )
  for (const socket of [client, server]) {
    // Listened to where it matters.
    socket.on('error', () => {})
    socket.resume()
  }
  return { client, server }
}

/** A server's socket whose client, a channel in the test's hands, sends all of its answer but the end. */
async function halfAnswering(
  t: TestContext,
  backend: Backend,
): Promise<{ readonly server: TLSSocket; readonly sentHalf: Promise<void> }> {
  const [here, there] = await tcpPair(t)
  const ours = await matching()
  const own = { certificateChain: signingChain(await clientIdentity()), postHandshakeAuthentication: true }
  const channel = backend.clientContext(new TLSClientConfiguration({ ...ours.client, ...own })).createBuffer(hostName)
  t.after(() => channel[Symbol.dispose]())
  const withheld = 10
  let tellSent: () => void = () => {}
  const sentHalf = new Promise<void>((resolve) => {
    tellSent = resolve
  })
  let isOpen = false
  const send = (): void => void here.write(channel.processOutgoing())
  here.on('error', () => {})
  here.on('data', (bytes) => {
    channel.processIncoming(bytes)
    if (!isOpen) {
      isOpen = channel.handshake() === 'done'
      send()
    }
    if (!isOpen) return
    channel.read(100)
    if (channel.outgoingBytesBuffered <= withheld) return
    here.write(channel.processOutgoing(channel.outgoingBytesBuffered - withheld))
    tellSent()
  })
  channel.handshake()
  send()
  const options = { ...ours.server, trustStore: trusting(await authority()), handshakeTimeoutMilliseconds: 200 }
  const server = destroyAfter(t, await upgrade(there, { isServer: true, backend, ...options }))
  server.on('error', () => {})
  server.resume()
  return { server, sentHalf }
}
