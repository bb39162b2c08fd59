import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import * as net from 'node:net'
import { describe, test } from 'node:test'
import {
  CertificateError,
  ConfigurationError,
  createServer,
  openssl,
  portable,
  RaggedEOFError,
  type TLSSocket,
  TLSVersion,
} from 'polytls'
import { amqpConnection, VersionDemandedError } from 'polytls/amqp'
import type { Container, EventContext } from 'rhea'
import { WebSocket, WebSocketServer } from 'ws'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { authority, clientIdentity, matching, signingChain, trusting } from '../support/identities.ts'
import { client, echo, heard, newContainer } from './brokers.ts'

const ours = await matching()
const held = { highestSupportedVersion: TLSVersion.TLSv1_2 } as const
const withoutReconnecting = { amqp: { reconnect: false } } as const

for (const backend of [openssl, portable]) {
  describe(`AMQP over ${backend.name}`, () => {
    for (const version of [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3]) {
      test(`messages go to a server of ours and come back, over ${version}`, async (t) => {
        const { port } = await echo(t, { ...ours.server, backend })
        const { connection } = client(t, { ...ours.client, backend, port, highestSupportedVersion: version })
        await heard(connection, 'connection_open')
        assert.equal((connection as unknown as { socket: TLSSocket }).socket.facts.version, version)
        const answers: unknown[] = []
        const receiver = connection.open_receiver('answers')
        receiver.on('message', ({ message }: EventContext) => answers.push(message?.body))
        const sender = connection.open_sender('questions')
        const count = 500
        let sent = 0
        sender.on('sendable', () => {
          while (sent < count && sender.sendable()) sender.send({ body: sent++ })
        })
        while (answers.length < count) await heard(receiver as never, 'message')
        assert.deepEqual(
          answers,
          Array.from({ length: count }, (_, index) => index),
        )
        const closed = heard(connection, 'connection_close')
        connection.close()
        await closed
      })
    }

    test('a client certificate says who the client is, by SASL EXTERNAL', async (t) => {
      const { port, container } = await echo(t, {
        ...ours.server,
        backend,
        clientAuthentication: 'required',
        trustStore: trusting(await authority()),
      })
      const opened = once(container, 'connection_open')
      const certificateChain = signingChain(await clientIdentity())
      const { connection } = client(t, { ...ours.client, backend, port, certificateChain })
      await heard(connection, 'connection_open')
      const [{ connection: there }] = (await opened) as [EventContext]
      const { sasl_transport: sasl } = there as unknown as {
        sasl_transport: { mechanism: { constructor: { name: string } } }
      }
      assert.equal(sasl.mechanism.constructor.name, 'ExternalServer')
    })

    test('a connection that breaks is made anew, with all that was configured, and goes on from its session', async (t) => {
      const { port, server } = await echo(t, { ...ours.server, backend })
      const sockets: TLSSocket[] = []
      server.on('secureConnection', (socket) => sockets.push(socket))
      let asked = 0
      const { connection } = client(t, {
        ...ours.client,
        backend,
        port,
        verifyPeer: () => {
          asked++
          return { accept: true }
        },
        amqp: { initial_reconnect_delay: 1 },
      })
      await heard(connection, 'connection_open')
      const [lost, again] = [heard(connection, 'disconnected'), once(connection, 'connection_open')]
      sockets[0]?.resetAndDestroy()
      assert.equal(((await lost) as unknown as { reconnecting: boolean }).reconnecting, true)
      await again
      assert.deepEqual(
        sockets.map(({ facts }) => facts.resumed),
        [false, true],
      )
      assert.equal(asked, 2)
    })

    test('a broker that is not trusted is an error of its connection', async (t) => {
      const { port } = await echo(t, { ...ours.server, backend })
      const trustStore = trusting(await makeAuthority({ name: 'Nobody' }))
      const { connection } = client(t, { trustStore, backend, port, ...withoutReconnecting })
      const { error } = await heard(connection, 'disconnected')
      assert.ok(error instanceof CertificateError && error.reason === 'unknown-issuer', String(error))
    })

    test('a broker that answers TLS 1.2 with an alert demands TLS 1.3', async (t) => {
      const { port } = await echo(t, { ...ours.server, backend, lowestSupportedVersion: TLSVersion.TLSv1_3 })
      const { connection } = client(t, { ...ours.client, ...held, backend, port, ...withoutReconnecting })
      const { error } = await heard(connection, 'disconnected')
      assert.ok(error instanceof VersionDemandedError, String(error))
      assert.equal(error.isCertain, true)
      assert.equal(error.negotiated, undefined)
      assert.equal(error.alert, 'protocol_version')
      assert.match(error.hint ?? '', /highestSupportedVersion/)
    })

    test('one that hangs up may demand it; where TLS 1.3 was offered that is not said', async (t) => {
      for (const hangUp of [(s: net.Socket) => s.destroy(), (s: net.Socket) => s.resetAndDestroy()]) {
        const rude = net.createServer((socket) => socket.once('data', () => hangUp(socket)).on('error', () => {}))
        rude.listen(0, '127.0.0.1')
        await once(rude, 'listening')
        t.after(() => rude.close())
        const { port } = rude.address() as AddressInfo
        const { connection } = client(t, { ...ours.client, ...held, backend, port, ...withoutReconnecting })
        const { error } = await heard(connection, 'disconnected')
        assert.ok(error instanceof VersionDemandedError && !error.isCertain, String(error))
        const { connection: newer } = client(t, { ...ours.client, backend, port, ...withoutReconnecting })
        const other = (await heard(newer, 'disconnected')).error as NodeJS.ErrnoException
        assert.ok(other instanceof RaggedEOFError || other.code === 'ECONNRESET', String(other))
      }
    })

    test('one that closes AMQP over TLS 1.2 and names the version demands it', async (t) => {
      const { port, container } = await echo(t, { ...ours.server, backend })
      const condition = 'amqp:unauthorized-access'
      const description = 'TLS version 1.2 is not allowed, the minimum is 1.3'
      container.on('connection_open', ({ connection }: EventContext) => connection.close({ condition, description }))
      const { connection } = client(t, { ...ours.client, ...held, backend, port, ...withoutReconnecting })
      const { error } = await heard(connection, 'connection_error')
      assert.ok(error instanceof VersionDemandedError, String(error))
      assert.deepEqual(
        [error.isCertain, error.negotiated, error.condition, error.description],
        [true, 'TLSv1.2', condition, description],
      )
      const { connection: newer } = client(t, { ...ours.client, backend, port, ...withoutReconnecting })
      const other = (await heard(newer, 'connection_error')).error as { condition?: string } | undefined
      assert.ok(!(other instanceof VersionDemandedError))
      assert.equal(other?.condition, condition)
    })

    test('a peer that speaks something else, and one that dies, end the connection', async (t) => {
      for (const [behave, event] of [
        [(socket: TLSSocket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), 'protocol_error'],
        [(socket: TLSSocket) => socket.destroy(), 'disconnected'],
      ] as const) {
        const odd = createServer({ ...ours.server, backend }, behave)
        odd.on('tlsClientError', () => {})
        odd.listen(0, '127.0.0.1')
        await once(odd, 'listening')
        t.after(() => odd.shutdown({ timeoutMilliseconds: 0 }))
        const { port } = odd.address() as AddressInfo
        const { connection } = client(t, { ...ours.client, backend, port, ...withoutReconnecting })
        await heard(connection, event)
      }
    })

    test('it goes through a WebSocket', async (t) => {
      const broker = newContainer()
      const arrived = once(broker, 'message')
      const plain = http.createServer()
      const sockets = new WebSocketServer({ server: plain, handleProtocols: () => 'amqp' })
      sockets.on('connection', (socket) => broker.websocket_accept(socket as never, {} as never))
      const server = createServer({ ...ours.server, backend }, (socket) => plain.emit('connection', socket))
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      t.after(() => server.shutdown({ timeoutMilliseconds: 0 }))
      const { port } = server.address() as AddressInfo
      const { connection } = client(t, {
        ...ours.client,
        backend,
        port,
        webSocket: { implementation: WebSocket, path: '/amqp' },
      })
      const sender = connection.open_sender('questions')
      await heard(sender as never, 'sendable')
      sender.send({ body: 'hello' })
      const [{ message }] = (await arrived) as [EventContext]
      assert.equal(message?.body, 'hello')

      const trustStore = trusting(await makeAuthority({ name: 'Nobody' }))
      const { connection: wary } = client(t, {
        trustStore,
        backend,
        port,
        webSocket: { implementation: WebSocket },
        ...withoutReconnecting,
      })
      const { error } = await heard(wary, 'disconnected')
      assert.ok(error instanceof CertificateError, String(error))
    })
  })
}

describe('AMQP', () => {
  test('what cannot be configured is refused at once', () => {
    const container: Container = newContainer()
    assert.throws(() => amqpConnection({ host: 'a..b', container, ...ours.client }), ConfigurationError)
    assert.throws(() => amqpConnection({ host: 'broker.test', container, surprise: 1 } as never), TypeError)
    assert.throws(() => amqpConnection({ host: 'broker.test', container, groups: [0xfe00] }), ConfigurationError)
  })
})
