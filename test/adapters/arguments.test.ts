import { createServer } from 'node:net'
import { describe } from 'node:test'
import { amqpConnection, amqpServer } from 'polytls/amqp'
import { createHTTP2Server, http2Connection } from 'polytls/http2'
import { createHTTPSServer, HTTPSAgent } from 'polytls/https'
import { imapflowTransport } from 'polytls/imapflow'
import { ioredisConnector } from 'polytls/ioredis'
import { ldaptsConnection } from 'polytls/ldapts'
import { mqttStream } from 'polytls/mqtt'
import { nodemailerSocket } from 'polytls/nodemailer'
import { pgStream } from 'polytls/pg'
import { postgresSocket } from 'polytls/postgres'
import { secureServer } from 'polytls/servers'
import { undiciConnector } from 'polytls/undici'
import { type Call, objects, type Place, refusesWhatIsOfNoUse } from '../support/wrong-arguments.ts'
import { ours } from './sites.ts'

const optional = ['undefined', ...objects] as const
const whole: Place = { path: [0], fits: objects }
const ofOpenings: readonly Place[] = [
  whole,
  { path: [0, 'serverName'], fits: ['undefined', 'text'] },
  { path: [0, 'transport'], fits: optional },
  { path: [0, 'proxy'], fits: ['undefined'] },
  { path: [0, 'connectTimeoutMilliseconds'], fits: ['undefined', 'zero'] },
  { path: [0, 'context'], fits: ['undefined'] },
]
const client = () => [{ ...ours.client }]
const server = () => [{ ...ours.server }]
const context: Place = { path: [0, 'context'], fits: ['undefined'] }
const mostConcurrent: Place = { path: [0, 'maxConcurrentHandshakes'], fits: ['undefined'] }
const listener: Place = { path: [1], name: 'listener', fits: ['undefined', 'a function'] }

const calls: readonly Call[] = [
  {
    name: 'undiciConnector',
    call: undiciConnector,
    base: client,
    places: [...ofOpenings, { path: [0, 'allowH2'], fits: ['undefined', 'true'] }],
  },
  {
    name: 'HTTPSAgent',
    call: (...given) => new HTTPSAgent(...(given as unknown as [never])),
    base: client,
    places: ofOpenings,
  },
  { name: 'http2Connection', call: http2Connection, base: client, places: ofOpenings },
  {
    name: 'nodemailerSocket',
    call: nodemailerSocket,
    base: client,
    places: [
      ...ofOpenings,
      { path: [0, 'startTls'], fits: ['undefined', 'true'] },
      { path: [0, 'clientName'], fits: ['undefined', 'text'] },
    ],
  },
  { name: 'imapflowTransport', call: imapflowTransport, base: client, places: ofOpenings },
  { name: 'ldaptsConnection', call: ldaptsConnection, base: client, places: ofOpenings },
  { name: 'ioredisConnector', call: ioredisConnector, base: client, places: ofOpenings },
  {
    name: 'mqttStream',
    call: mqttStream,
    base: () => [{ ...ours.client, host: 'broker.test' }],
    places: [...ofOpenings, { path: [0, 'host'], fits: ['text'] }, { path: [0, 'port'], fits: ['undefined'] }],
  },
  {
    name: 'pgStream',
    call: pgStream,
    base: client,
    places: [...ofOpenings, { path: [0, 'negotiation'], fits: ['undefined'] }],
  },
  {
    name: 'postgresSocket',
    call: postgresSocket,
    base: client,
    places: [...ofOpenings, { path: [0, 'negotiation'], fits: ['undefined'] }],
  },
  {
    name: 'amqpConnection',
    call: amqpConnection,
    base: () => [{ ...ours.client, host: 'broker.test' }],
    places: [
      whole,
      { path: [0, 'host'], fits: ['text'] },
      { path: [0, 'port'], fits: ['undefined'] },
      { path: [0, 'serverName'], fits: ['undefined', 'text'] },
      { path: [0, 'transport'], fits: optional },
      { path: [0, 'proxy'], fits: ['undefined'] },
      { path: [0, 'service'], fits: ['undefined', 'text', 'an empty text'] },
      { path: [0, 'amqp'], fits: optional },
      { path: [0, 'container'], fits: ['undefined'] },
      { path: [0, 'webSocket'], fits: ['undefined'] },
      context,
    ],
  },
  {
    name: 'amqpServer',
    call: amqpServer,
    base: server,
    places: [whole, { path: [0, 'amqp'], fits: optional }, { path: [0, 'container'], fits: ['undefined'] }, context],
  },
  {
    name: 'createHTTPSServer',
    call: createHTTPSServer,
    base: server,
    places: [whole, { path: [0, 'http'], fits: optional }, mostConcurrent, context, listener],
  },
  {
    name: 'createHTTP2Server',
    call: createHTTP2Server,
    base: server,
    places: [whole, { path: [0, 'http2'], fits: optional }, mostConcurrent, context, listener],
  },
  {
    name: 'secureServer',
    call: (...given) => secureServer(...(given as unknown as [never, never])),
    base: () => [createServer(), { ...ours.server }],
    places: [
      { path: [0], name: 'server' },
      { path: [1], fits: objects },
      { path: [1, 'maxConcurrentHandshakes'], fits: ['undefined'] },
      { path: [1, 'context'], fits: ['undefined'] },
    ],
  },
]

describe('arguments of adapters that are of no use are refused by name, at once', () => {
  refusesWhatIsOfNoUse(calls)
})
