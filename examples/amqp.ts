// AMQP 1.0 by rhea over TLS 1.3: a broker and two clients, one of which is held to TLS 1.2 and told why it is turned away.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { TLSVersion } from 'polytls'
import { amqpConnection, amqpServer, VersionDemandedError } from 'polytls/amqp'
import rhea, { type EventContext } from 'rhea'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const certificateChain = [await authority.issue({ name: 'broker', names: ['localhost'] })]

// Each side has a container of rhea, whose events tell of all its connections.
const broker = rhea.create_container({ id: 'broker' })
broker.on('message', ({ message, delivery }: EventContext) => {
  console.log('the broker has', message?.body)
  delivery?.accept()
})
broker.on('disconnected', () => {})
const server = amqpServer({ certificateChain, lowestSupportedVersion: TLSVersion.TLSv1_3, container: broker })
server.listen(0, 'localhost')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

const clients = rhea.create_container({ id: 'clients' })
const connection = amqpConnection({
  host: 'localhost',
  port,
  trustStore: authority.trustStore,
  lowestSupportedVersion: TLSVersion.TLSv1_3,
  container: clients,
})
const sender = connection.open_sender('orders')
await once(sender, 'sendable')
sender.send({ body: 'ten apples' })
await once(sender, 'accepted')
connection.close()
await once(connection, 'connection_close')

const older = amqpConnection({
  host: 'localhost',
  port,
  trustStore: authority.trustStore,
  highestSupportedVersion: TLSVersion.TLSv1_2,
  container: clients,
  amqp: { reconnect: false },
})
const [{ error }] = await once(older, 'disconnected')
if (error instanceof VersionDemandedError) console.log(`${error.message}\n${error.hint}`)

await server.shutdown()

// Prints:
// the broker has ten apples
// the broker demands TLS 1.3: it answered an offer of TLS 1.2 with the alert protocol_version
// set highestSupportedVersion to TLSVersion.TLSv1_3, or leave it out
