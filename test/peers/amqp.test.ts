import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, it } from 'node:test'
import { type ClientOptions, openssl, portable, TLSError, type TLSSocket, TLSVersion } from 'polytls'
import { type AMQPSettings, amqpConnection, amqpServer, VersionDemandedError } from 'polytls/amqp'
import type { Connection, Delivery, EventContext, Receiver, Sender } from 'rhea'
import { newContainer } from '../amqp/brokers.ts'
import { forEachBackend } from '../support/backends.ts'
import { queue, RabbitMQ, user } from './support/brokers.ts'
import { hostName, type Identities, makeIdentities } from './support/identities.ts'
import { patiently } from './support/patience.ts'
import { freePort } from './support/ports.ts'
import { Program, run } from './support/program.ts'
import { startHaproxy } from './support/proxies.ts'

let identities: Identities
let broker: RabbitMQ
before(async () => {
  identities = await makeIdentities()
  broker = await RabbitMQ.start(identities)
})
after(async () => {
  await (broker as RabbitMQ | undefined)?.[Symbol.asyncDispose]()
  identities.remove()
})

const held = { highestSupportedVersion: TLSVersion.TLSv1_2 } as const

forEachBackend('AMQP 1.0', (backend) => {
  const open = (port: number, options: ClientOptions = {}, amqp: AMQPSettings = user): Connection & AsyncDisposable => {
    const container = newContainer()
    const connection = amqpConnection({
      host: '127.0.0.1',
      serverName: hostName,
      port,
      backend,
      trustStore: identities.trustStore,
      ...options,
      amqp,
      container,
    })
    return Object.assign(connection, {
      async [Symbol.asyncDispose]() {
        ;(connection as unknown as { set_reconnect(reconnect: boolean): void }).set_reconnect(false)
        const { socket } = connection as unknown as { socket: TLSSocket }
        const closed = new Promise<void>((resolve) => {
          if (socket.closed) resolve()
          else socket.once('close', () => resolve())
        })
        connection.close()
        await patiently('the connection to close', closed)
      },
    })
  }
  const heard = async (on: Connection | Sender | Receiver, event: string): Promise<EventContext> => {
    const [context] = await patiently(event, once(on as Connection, event))
    return context as EventContext
  }

  it('a message goes through RabbitMQ, which takes TLS 1.3 alone', async () => {
    await using connection = open(broker.port)
    await heard(connection, 'connection_open')
    const { facts } = (connection as unknown as { socket: TLSSocket }).socket
    assert.equal(facts.version, 'TLSv1.3')
    const receiver = connection.open_receiver(`/queue/${backend.name}`)
    const sender = connection.open_sender(`/queue/${backend.name}`)
    await heard(sender, 'sendable')
    sender.send({ body: `over ${backend.name}` })
    const { message } = await heard(receiver, 'message')
    assert.equal(message?.body, `over ${backend.name}`)
  })

  it('a certificate is enough for RabbitMQ, by SASL EXTERNAL', async () => {
    await using connection = open(broker.port, { certificateChain: identities.client.signingChain }, {})
    await heard(connection, 'connection_open')
  })

  it('a password that is wrong is refused, which is no matter of TLS', async () => {
    await using connection = open(broker.port, {}, { ...user, password: 'guessed', reconnect: false })
    const { error } = await heard(connection, 'connection_error')
    assert.ok(error !== undefined && !(error instanceof TLSError), String(error))
  })

  for (const [who, front] of [
    ['RabbitMQ', async () => ({ port: broker.port, async [Symbol.asyncDispose]() {} })],
    ['haproxy before it', () => startHaproxy(identities, { version: 'TLSv1.3', upstreamPort: broker.plainPort })],
  ] as const) {
    it(`${who} demands TLS 1.3 of who offers 1.2, and the error says so`, async () => {
      await using server = await front()
      await using newer = open(server.port)
      await heard(newer, 'connection_open')
      await using older = open(server.port, held, { ...user, reconnect: false })
      const { error } = await heard(older, 'disconnected')
      assert.ok(error instanceof VersionDemandedError, String(error))
      assert.equal(error.isCertain, true)
      assert.match(error.hint ?? '', /highestSupportedVersion/)
    })
  }

  it("qpid-proton's client speaks with a server of ours", async () => {
    const container = newContainer()
    const bodies: unknown[] = []
    container.on('message', ({ message }: EventContext) => bodies.push(message?.body))
    // Not at once: rhea would send it before its own attach frame.
    container.once('sendable', ({ sender }: EventContext) => setImmediate(() => sender?.send({ body: 'an answer' })))
    const server = amqpServer({
      backend,
      certificateChain: [identities.server().signingChain],
      lowestSupportedVersion: TLSVersion.TLSv1_3,
      container,
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { code, report } = await run(python, ['-c', protonClient, `${port}`, identities.authorityFile, hostName])
    await server.shutdown({ timeoutMilliseconds: 500 })
    assert.equal(code, 0, report)
    assert.match(report, /^heard an answer$/m)
    assert.deepEqual(bodies, ['a question'])
  })

  it("qpid-proton's server speaks with a client of ours", async () => {
    const port = await freePort()
    const { chainFile, keyFile } = identities.server('rsa-2048')
    await using program = new Program(python, ['-c', protonServer, `${port}`, chainFile, keyFile])
    await program.listensOn(port)
    await using connection = open(port, {}, { username: 'anybody' })
    const receiver = connection.open_receiver('answers')
    const sender = connection.open_sender('questions')
    await heard(sender, 'sendable')
    sender.send({ body: 'a question' })
    const { message } = await heard(receiver, 'message')
    assert.equal(message?.body, 'heard a question')
  })

  // A restart takes the broker ten seconds: once for each stack of TLS.
  if (backend !== openssl && backend !== portable) return
  it('ten thousand messages go in and come out, none lost, though the broker is restarted midway', async () => {
    const count = 10_000
    const address = `/amq/queue/${queue}`
    await using connection = open(broker.port, {}, { ...user, initial_reconnect_delay: 50, max_reconnect_delay: 500 })
    const wanting = new Set(Array.from({ length: count }, (_, id) => id))
    const unsent = [...wanting].reverse()
    const underWay = new Map<Delivery, number>()
    const arrivals = new EventEmitter()
    const openLinks = (): void => {
      const sender = connection.open_sender({ target: { address } })
      const progress = (): void => {
        while (sender.sendable() && underWay.size < 500 && unsent.length > 0) {
          const id = unsent.pop() as number
          underWay.set(sender.send({ durable: true, body: id }), id)
        }
      }
      sender.on('sendable', progress)
      sender.on('accepted', ({ delivery }: EventContext) => {
        underWay.delete(delivery as Delivery)
        progress()
      })
      const receiver = connection.open_receiver({ source: { address }, credit_window: 500 })
      receiver.on('message', ({ message }: EventContext) => {
        wanting.delete(message?.body)
        if (wanting.size === count / 2) arrivals.emit('half')
        if (wanting.size === 0) arrivals.emit('all')
      })
    }
    let reconnected = 0
    let hasLinks = false
    connection.on('connection_open', () => {
      reconnected++
      // rhea opens links again by itself, unless the broker has ended their session before it went.
      if (!hasLinks) openLinks()
      hasLinks = true
    })
    connection.on('session_error', () => {
      hasLinks = false
    })
    // What the broker has not taken for its own is sent again.
    connection.on('disconnected', () => {
      unsent.push(...underWay.values())
      underWay.clear()
    })
    const all = once(arrivals, 'all')
    await patiently('half of the messages', once(arrivals, 'half'))
    await broker.stop()
    await broker.start()
    await patiently('all messages', all)
    assert.ok(reconnected >= 2)
  })
})

/** Debian's, which has Debian's packages. */
const python = '/usr/bin/python3'

/** Sends a message and prints the one that it receives. */
const protonClient = `
import sys
from proton import Message, SSLDomain
from proton.handlers import MessagingHandler
from proton.reactor import Container

class Client(MessagingHandler):
    def on_start(self, event):
        port, authority, name = sys.argv[1:]
        domain = SSLDomain(SSLDomain.MODE_CLIENT)
        domain.set_trusted_ca_db(authority)
        domain.set_peer_authentication(SSLDomain.VERIFY_PEER)
        connection = event.container.connect('amqps://127.0.0.1:' + port, ssl_domain=domain, reconnect=False)
        event.container.create_sender(connection, 'questions')
        event.container.create_receiver(connection, 'answers')
        self.sent = self.accepted = self.heard = False

    def on_sendable(self, event):
        if not self.sent:
            self.sent = True
            event.sender.send(Message(body='a question'))

    def on_accepted(self, event):
        self.accepted = True
        self.finish(event)

    def on_message(self, event):
        print('heard', event.message.body, flush=True)
        self.heard = True
        self.finish(event)

    def finish(self, event):
        if self.accepted and self.heard:
            event.connection.close()

    def on_transport_error(self, event):
        print('failed', event.transport.condition, flush=True)
        sys.exit(1)

Container(Client()).run()
`

/** Answers each message on the link that was opened for answers. */
const protonServer = `
import sys
from proton import Message, SSLDomain
from proton.handlers import MessagingHandler
from proton.reactor import Container

class Server(MessagingHandler):
    def on_start(self, event):
        port, chain, key = sys.argv[1:]
        event.container.ssl.server.set_credentials(chain, key, None)
        event.container.ssl.server.set_peer_authentication(SSLDomain.ANONYMOUS_PEER)
        event.container.listen('amqps://127.0.0.1:' + port)

    def on_link_opening(self, event):
        if event.link.is_sender:
            event.link.source.address = event.link.remote_source.address
            self.answers = event.link
        else:
            event.link.target.address = event.link.remote_target.address

    def on_message(self, event):
        self.answers.send(Message(body='heard ' + event.message.body))

Container(Server()).run()
`
