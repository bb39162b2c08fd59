import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  type Backend,
  type ClientOptions,
  createSchannelBackend,
  openssl,
  portable,
  schannel,
  TLSVersion,
} from 'polytls'
import { amqpConnection, amqpServer } from 'polytls/amqp'
import type { EventContext } from 'rhea'
import { matching } from '../support/identities.ts'
import { hostName, newContainer } from './brokers.ts'

/** What becomes of a client at a broker: the version of TLS that was agreed, or the name of the error. */
export type Outcome = string

export interface Row {
  readonly client: string
  readonly backend: Backend
  readonly options: ClientOptions
  /** By the lowest version that the broker takes. */
  readonly outcomes: { readonly 'TLSv1.2': Outcome; readonly 'TLSv1.3': Outcome }
}

const held: ClientOptions = { highestSupportedVersion: TLSVersion.TLSv1_2 }
const reached = { 'TLSv1.2': 'TLSv1.3', 'TLSv1.3': 'TLSv1.3' } as const
/** Of who offers TLS 1.2 at most. */
export const turnedAway = { 'TLSv1.2': 'TLSv1.2', 'TLSv1.3': 'VersionDemandedError' } as const

/** The table of docs/amqp.md. Schannel's rows are tried where Schannel is. */
export const rows: readonly Row[] = [
  { client: '`openssl`', backend: openssl, options: {}, outcomes: reached },
  { client: '`portable`', backend: portable, options: {}, outcomes: reached },
  { client: '`openssl`, held to TLS 1.2', backend: openssl, options: held, outcomes: turnedAway },
  { client: '`portable`, held to TLS 1.2', backend: portable, options: held, outcomes: turnedAway },
  { client: '`schannel`, by SCH_CREDENTIALS', backend: schannel, options: {}, outcomes: reached },
  {
    client: '`schannel`, by SCHANNEL_CRED, as older programs',
    backend: createSchannelBackend({ name: 'schannel-legacy', credentials: 'legacy' }),
    options: {},
    outcomes: turnedAway,
  },
]

export function tableOf(all: readonly Row[]): string {
  return [
    '| client | broker that takes TLS 1.2 and 1.3 | broker that takes TLS 1.3 alone |',
    '|---|---|---|',
    ...all.map(({ client, outcomes }) => `| ${client} | ${outcomes['TLSv1.2']} | ${outcomes['TLSv1.3']} |`),
  ].join('\n')
}

/** What really becomes of the client of a row at a broker with this lowest version. */
export async function outcomeOf({ backend, options }: Row, lowest: 'TLSv1.2' | 'TLSv1.3'): Promise<Outcome> {
  const ours = await matching()
  // The broker is the same for every client.
  const server = amqpServer({
    ...ours.server,
    backend: portable,
    lowestSupportedVersion: TLSVersion[lowest === 'TLSv1.2' ? 'TLSv1_2' : 'TLSv1_3'],
    container: newContainer(),
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connection = amqpConnection({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    serverName: hostName,
    ...ours.client,
    ...options,
    backend,
    amqp: { reconnect: false },
    container: newContainer(),
  })
  try {
    return await Promise.race([
      once(connection, 'connection_open').then(() => versionOf(connection)),
      once(connection, 'disconnected').then(([context]) => nameOf(context as EventContext)),
    ])
  } finally {
    connection.close()
    await server.shutdown({ timeoutMilliseconds: 500 })
  }
}

function nameOf({ error }: EventContext): string {
  return (error as Error | undefined)?.name ?? 'closed'
}

function versionOf(connection: unknown): string {
  return (connection as { socket: { facts: { version: string } } }).socket.facts.version
}
