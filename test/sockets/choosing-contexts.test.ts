import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, test } from 'node:test'
import {
  AlertReceivedError,
  type ChooseContext,
  type ContextChoice,
  connect,
  HandshakeTimeoutError,
  ja4,
  NegotiationError,
  openssl,
  portable,
  TLSClientConfiguration,
  TLSServerConfiguration,
} from 'polytls'
import { authority, matching, signingChain } from '../support/identities.ts'
import { destroyAfter, host, hostName, rawClient, server } from './peers.ts'
import { readAll, rejection } from './streams.ts'

const ours = await matching()
const to = (port: number) => ({ host, port, serverName: hostName, ...ours.client })

for (const backend of [openssl, portable]) {
  describe(`a server that chooses by the ClientHello: ${backend.name}`, () => {
    const chosen = async () => {
      const identity = await (await authority()).issue({ name: hostName, names: [hostName] })
      return backend.serverContext(new TLSServerConfiguration({ certificateChain: [signingChain(identity)] }))
    }

    test('fetches the certificate for a name once, and serves many who wait for it', async (t) => {
      let fetched = 0
      const fingerprints = new Set<string>()
      let context: ReturnType<typeof chosen> | undefined
      const chooseContext: ChooseContext = (hello) => {
        fingerprints.add(ja4(hello))
        if (context === undefined) fetched++
        context ??= chosen()
        return context
      }
      const greet = await server(t, (socket) => socket.end('welcome'), { backend, certificateChain: [], chooseContext })
      const endings = await Promise.all(
        Array.from({ length: 20 }, async () => readAll(await connect({ ...to(greet.port), backend }))),
      )
      for (const { bytes, how } of endings) assert.deepEqual([bytes.toString(), how], ['welcome', 'end'])
      assert.equal(fetched, 1)
      assert.equal(fingerprints.size, 1)
    })

    test('refuses by an alert, and goes on with others', async (t) => {
      const { server: choosy, port } = await server(t, (socket) => socket.end('welcome'), {
        backend,
        chooseContext: ({ innerProtocols }) =>
          innerProtocols.length > 0 ? undefined : { refuse: 'say what you speak', alert: 'access_denied' },
        innerProtocols: ['inner'],
      })
      const told = once(choosy, 'tlsClientError')
      const error = await rejection(connect(to(port)))
      assert.ok(error instanceof AlertReceivedError && error.alert === 'access_denied', String(error))
      assert.ok((await told)[0] instanceof NegotiationError)
      const accepted = destroyAfter(t, await connect({ ...to(port), innerProtocols: ['inner'] }))
      assert.equal((await readAll(accepted)).bytes.toString(), 'welcome')
    })

    test('does not wait for an answer longer than a handshake may take', async (t) => {
      const { server: slow, port } = await server(t, () => {}, {
        backend,
        handshakeTimeoutMilliseconds: 50,
        chooseContext: () => new Promise<ContextChoice>(() => {}),
      })
      const told = once(slow, 'tlsClientError')
      await rejection(connect(to(port)))
      assert.ok((await told)[0] instanceof HandshakeTimeoutError)
    })

    test('lets go of a client that went away meanwhile', async (t) => {
      const questions = new EventEmitter()
      const { server: left, port } = await server(t, () => assert.fail('nobody is there'), {
        backend,
        chooseContext: () =>
          new Promise<ContextChoice>((answer) => {
            questions.emit('asked', answer)
          }),
      })
      const [asked, failed] = [once(questions, 'asked'), once(left, 'tlsClientError')]
      const client = await rawClient(t, port)
      using channel = backend.clientContext(new TLSClientConfiguration(ours.client)).createBuffer(hostName)
      channel.handshake()
      client.write(channel.processOutgoing())
      const [answer] = await asked
      client.resetAndDestroy()
      assert.match(String((await failed)[0]), /ECONNRESET|closed the connection/)
      answer(undefined)
      await new Promise(setImmediate)
    })
  })
}
