import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { Backend, ClientOptions, ServerOptions } from 'polytls'
import { type AMQPConnectionOptions, amqpConnection, amqpServer } from 'polytls/amqp'
import rhea, { type Connection, type Container, type EventContext } from 'rhea'
import { hostName } from '../support/identities.ts'

export type { Connection, Container, EventContext }
export { hostName }

/** A container of one's own, so that tests do not hear of each other's connections. */
export function newContainer(): Container {
  const container = (rhea as unknown as Container).create_container()
  // What nobody listens to, rhea prints or throws.
  for (const event of ['disconnected', 'connection_error', 'connection_close', 'error']) container.on(event, () => {})
  return container
}

/** A server of ours, which keeps what it is sent and sends it back. */
export async function echo(
  t: Pick<TestContext, 'after'>,
  options: ServerOptions & { readonly backend: Backend },
): Promise<{ readonly port: number; readonly container: Container; readonly server: ReturnType<typeof amqpServer> }> {
  const container = newContainer()
  const senders = new Map<unknown, { send(message: unknown): void }>()
  container.on('sender_open', ({ sender, connection }: EventContext) => {
    if (sender !== undefined) senders.set(connection, sender)
  })
  container.on('message', ({ message, connection }: EventContext) => senders.get(connection)?.send(message))
  const server = amqpServer({ ...options, container })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.shutdown({ timeoutMilliseconds: 0 }))
  return { port: (server.address() as AddressInfo).port, container, server }
}

/** A client in a container of its own, closed after the test. */
export function client(
  t: Pick<TestContext, 'after'>,
  options: ClientOptions & { readonly backend: Backend; readonly port: number } & Pick<
      AMQPConnectionOptions,
      'amqp' | 'webSocket' | 'proxy'
    > & { readonly host?: string },
): { readonly connection: Connection; readonly container: Container } {
  const container = newContainer()
  const connection = amqpConnection({ host: '127.0.0.1', serverName: hostName, container, ...options })
  t.after(() => {
    connection.removeAllListeners()
    ;(connection as unknown as { set_reconnect(reconnect: boolean): void }).set_reconnect(false)
    connection.close()
  })
  return { connection, container }
}

/** What a client hears next of an event of rhea. */
export async function heard(connection: Connection, event: string): Promise<EventContext> {
  const [context] = await once(connection, event)
  return context as EventContext
}
