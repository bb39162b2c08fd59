import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as net from 'node:net'
import { after, before, describe, it } from 'node:test'
import { ImapFlow } from 'imapflow'
import { Redis } from 'ioredis'
import { Client as DirectoryClient } from 'ldapts'
import { MqttClient } from 'mqtt'
import pg from 'pg'
import { type Backend, type ConfigurationError, openssl, portable, type TLSSocket } from 'polytls'
import { imapflowTransport } from 'polytls/imapflow'
import { ioredisConnector } from 'polytls/ioredis'
import { ldaptsConnection } from 'polytls/ldapts'
import { mqttStream } from 'polytls/mqtt'
import { pgStream } from 'polytls/pg'
import { postgresSocket } from 'polytls/postgres'
import postgres from 'postgres'
import { hostName } from './support/identities.ts'
import { leavesNothing } from './support/leftovers.ts'
import { startDovecot } from './support/mail-servers.ts'
import { startMosquitto, startRedis } from './support/messaging-servers.ts'
import { patiently } from './support/patience.ts'
import { PlainServers, skip } from './support/plain-beginnings.ts'
import { startNewerPostgres, startPostgres, startSlapd, startTinyproxy } from './support/plain-servers.ts'

const host = '127.0.0.1'
let peers: PlainServers
before(async () => {
  if (skip) return
  peers = await PlainServers.start(
    startDovecot,
    startMosquitto,
    startRedis,
    startSlapd,
    startPostgres,
    startNewerPostgres,
    startTinyproxy,
  )
})
after(() => peers?.[Symbol.asyncDispose]())

for (const backend of [openssl, portable]) {
  const trusting = () => ({ backend, serverName: hostName, trustStore: peers.identities.trustStore })
  const wary = () => ({ ...trusting(), trustStore: peers.identities.strangeTrustStore })
  const byProxy = () => ({
    ...trusting(),
    proxy: { url: `http://alice:secret@${host}:${peers.port('http-connect')}` },
  })

  describe(`libraries with real servers over ${backend.name}`, () => {
    it('imapflow reads from Dovecot, in TLS at once or after STARTTLS, and writes', { skip }, () =>
      leavesNothing(async () => {
        for (const [name, setup] of [
          ['imaps', trusting()],
          ['imap', trusting()],
          ['imap', byProxy()],
        ] as const) {
          const client = mailbox(name, setup)
          await client.connect()
          assert.equal((client as unknown as { tls: { version: string } }).tls.version, 'TLSv1.3')
          const subject = `by way of ${backend.name} ${name}`
          await client.append('INBOX', `Subject: ${subject}\r\n\r\n${'text '.repeat(10_000)}\r\n`)
          const lock = await client.getMailboxLock('INBOX')
          const found = await client.search({ subject })
          assert.ok(Array.isArray(found) && found.length > 0)
          const message = await client.fetchOne(String(found.at(-1)), { envelope: true, source: true })
          assert.ok(message && message.envelope?.subject === subject && (message.source?.length ?? 0) > 50_000)
          lock.release()
          await client.logout()
        }
      }),
    )

    it('imapflow fails with what TLS fails with', { skip }, () =>
      leavesNothing(async () => {
        for (const name of ['imaps', 'imap'] as const) {
          await assert.rejects(mailbox(name, wary()).connect(), isRefusal)
        }
        const foreign = mailbox('imaps', trusting(), { tls: { rejectUnauthorized: false } })
        await assert.rejects(foreign.connect(), {
          field: 'tls.rejectUnauthorized',
        } satisfies Partial<ConfigurationError>)
      }),
    )

    it('ldapts finds a person with slapd, in TLS at once or after StartTLS', { skip }, () =>
      leavesNothing(async () => {
        for (const scheme of ['ldaps', 'ldap'] as const) {
          for (const setup of scheme === 'ldaps' ? [trusting(), byProxy()] : [trusting()]) {
            const client = directory(scheme, setup)
            if (scheme === 'ldap') await client.startTLS()
            const { searchEntries } = await client.search('dc=test', { filter: '(cn=Alice)' })
            const [{ sn }] = searchEntries as unknown as [Record<string, unknown>]
            assert.equal(sn, 'Liddell')
            const { socket } = client as unknown as { socket: TLSSocket }
            assert.equal(socket.facts.version, 'TLSv1.3')
            await client.unbind()
            if (!socket.closed) await patiently('the end', once(socket, 'close'))
          }
        }
        await assert.rejects(directory('ldaps', wary()).search('dc=test'), isRefusal)
        const client = directory('ldap', wary())
        await assert.rejects(client.startTLS(), isRefusal)
        await client.unbind().catch(() => {})
        await lostInMidst('ldaps', async (port, reset) => {
          const dying = directory('ldaps', trusting(), port)
          await dying.search('dc=test')
          const gone = once((dying as unknown as { socket: TLSSocket }).socket, 'close').catch(() => {})
          reset()
          await gone
          assert.equal(dying.isConnected, false)
        })
      }),
    )

    it('mqtt talks through Mosquitto, and connects again when it is cut off', { skip }, () =>
      leavesNothing(async () => {
        for (const setup of [trusting(), byProxy()]) {
          const client = new MqttClient(mqttStream({ ...setup, host, port: peers.port('mqtts') }), quickly)
          await patiently('the broker', told(client, 'connect'))
          await client.subscribeAsync('news')
          const heard: string[] = []
          const all = new Promise<void>((resolve) => {
            client.on('message', (_topic, payload) => {
              heard.push(String(payload))
              if (heard.length === 200) resolve()
            })
          })
          for (let i = 0; i < 200; i++) client.publish('news', `${i} ${'x'.repeat(1000)}`, { qos: 1 })
          await patiently('what was published', all)
          assert.match(heard[199] ?? '', /^199 x/)
          await client.endAsync()
        }
        const refused = new MqttClient(mqttStream({ ...wary(), host, port: peers.port('mqtts') }), quickly)
        isRefusal(await patiently('the refusal', told(refused, 'error')))
        await refused.endAsync(true)
        await lostInMidst('mqtts', async (port, reset) => {
          const client = new MqttClient(mqttStream({ ...trusting(), host, port }), quickly)
          client.on('error', () => {})
          await patiently('the broker', told(client, 'connect'))
          const first = (client.stream as unknown as TLSSocket).facts
          const again = told(client, 'connect')
          reset()
          await patiently('the broker again', again)
          const second = (client.stream as unknown as TLSSocket).facts
          assert.deepEqual([first.resumed, second.resumed], [false, true])
          await client.endAsync(true)
        })
      }),
    )

    it('ioredis asks Redis, and connects again when it is cut off', { skip }, () =>
      leavesNothing(async () => {
        for (const setup of [trusting(), byProxy()]) {
          const client = redis(setup)
          const key = `${backend.name} key`
          await client.set(key, 'x'.repeat(500_000))
          assert.equal((await client.get(key))?.length, 500_000)
          const counts = await Promise.all(Array.from({ length: 500 }, () => client.incr(`${key} count`)))
          assert.equal(new Set(counts).size, 500)
          const again = once(client, 'ready')
          const other = redis(trusting())
          await other.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
          await patiently('Redis again', again)
          assert.equal(await client.strlen(key), 500_000)
          await client.del(key, `${key} count`)
          await Promise.all([client.quit(), other.quit()])
        }
        const refused = redis(wary())
        const [error] = await patiently('the refusal', once(refused, 'error'))
        isRefusal(error)
        await assert.rejects(refused.get('x'))
        refused.disconnect()
        const waiting = redis(trusting())
        const blocked = waiting.blpop('nothing', 0)
        await waiting.duplicate().quit()
        waiting.disconnect()
        await assert.rejects(blocked, /closed/)
      }),
    )

    it('pg asks PostgreSQL, by request or directly, alone and in a pool', { skip }, () =>
      leavesNothing(async () => {
        for (const [server, setup] of servers(trusting(), byProxy())) {
          const client = new pg.Client({ ...database(server), ...pgStream(setup) })
          await client.connect()
          const { rows } = await client.query('select 6 * $1::int as answer, repeat($2, 300000) as long', [7, 'x'])
          assert.equal(rows[0].answer, 42)
          assert.equal(rows[0].long.length, 300_000)
          const encrypted = 'select ssl, version from pg_stat_ssl where pid = pg_backend_pid()'
          assert.deepEqual((await client.query(encrypted)).rows, [{ ssl: true, version: 'TLSv1.3' }])
          await client.end()
        }
        const pool = new pg.Pool({ ...database('postgres'), ...pgStream(trusting()), max: 3 })
        const errors: Error[] = []
        pool.on('error', (error) => errors.push(error))
        const answers = await Promise.all(Array.from({ length: 20 }, () => pool.query('select 1 as one')))
        assert.equal(answers.length, 20)
        assert.equal(pool.totalCount, 3)
        const [one, two] = [await pool.connect(), await pool.connect()]
        const { rows } = await one.query('select pg_backend_pid() as pid')
        const dead = new Promise((resolve) => one.on('error', resolve))
        await two.query('select pg_terminate_backend($1)', [rows[0].pid])
        await patiently('the end', dead)
        one.release(true)
        two.release()
        await pool.end()
      }),
    )

    it('pg fails with what TLS fails with, and in time', { skip }, () =>
      leavesNothing(async () => {
        for (const [server, setup] of servers(wary())) {
          const client = new pg.Client({ ...database(server), ...pgStream(setup) })
          client.on('error', () => {})
          await assert.rejects(client.connect(), isRefusal)
          await client.end().catch(() => {})
        }
        const client = new pg.Client({ ...database('postgres'), ...pgStream(trusting()), query_timeout: 100 })
        await client.connect()
        await assert.rejects(client.query('select pg_sleep(3)'), /timeout/)
        await client.end()
      }),
    )

    it('postgres asks PostgreSQL, by request or directly, and fails with what TLS fails with', { skip }, () =>
      leavesNothing(async () => {
        for (const [server, setup] of servers(trusting(), byProxy())) {
          const sql = postgres({ ...database(server), max: 2, ...postgresSocket(setup) })
          const answers = await Promise.all(
            Array.from({ length: 10 }, (_, index) => sql`select ${index}::int * 2 as double`),
          )
          assert.deepEqual(
            answers.map(([{ double } = {}]) => double),
            Array.from({ length: 10 }, (_, index) => index * 2),
          )
          const [row] = await sql`select ssl, version from pg_stat_ssl where pid = pg_backend_pid()`
          assert.deepEqual({ ...row }, { ssl: true, version: 'TLSv1.3' })
          await sql.end()
        }
        const sql = postgres({ ...database('postgres'), max: 1, ...postgresSocket(trusting()) })
        const [{ pid } = {}] = await sql`select pg_backend_pid() as pid`
        const asleep = assert.rejects(async () => await sql`select pg_sleep(60)`)
        const killer = new pg.Client({ ...database('postgres'), ...pgStream(trusting()) })
        await killer.connect()
        await killer.query('select pg_terminate_backend($1)', [pid])
        await patiently('the end', asleep)
        // Postgres.js may ask once more on a connection of which it has not noticed yet that it has ended.
        const ask = async () => await sql`select 1 as one`
        const [{ one } = {}] = await ask().catch(ask)
        assert.equal(one, 1)
        await killer.end()
        await sql.end()

        for (const [server, setup] of servers(wary())) {
          const sql = postgres({ ...database(server), max: 1, ...postgresSocket(setup) })
          await assert.rejects(async () => await sql`select 1`, isRefusal)
          await sql.end()
        }
      }),
    )
  })
}

type Setup = { readonly backend: Backend; readonly serverName: string } & object

const quickly = { reconnectPeriod: 10, connectTimeout: 5_000 }

function mailbox(name: 'imap' | 'imaps', setup: Setup, more: object = {}): ImapFlow {
  const client = new ImapFlow({
    host,
    port: peers.port(name),
    secure: name === 'imaps',
    ...(name === 'imap' && { doSTARTTLS: true }),
    auth: { user: 'alice', pass: 'secret' },
    logger: false,
    transport: imapflowTransport(setup),
    ...more,
  })
  client.on('error', () => {})
  return client
}

function directory(scheme: 'ldap' | 'ldaps', setup: Setup, port = peers.port(scheme)): DirectoryClient {
  return new DirectoryClient({ url: `${scheme}://${host}:${port}`, createSecureConnection: ldaptsConnection(setup) })
}

function redis(setup: Setup): Redis {
  const client = new Redis({
    host,
    port: peers.port('rediss'),
    Connector: ioredisConnector(setup),
    retryStrategy: () => 10,
    maxRetriesPerRequest: 2,
  })
  client.on('error', () => {})
  return client
}

function database(server: string): { host: string; port: number; user: string; database: string } {
  return { host, port: peers.port(server), user: 'postgres', database: 'postgres' }
}

/** Debian's PostgreSQL knows the request alone. */
function servers<S extends object>(...setups: readonly S[]): [string, S & { negotiation: 'request' | 'direct' }][] {
  return setups.flatMap((setup) => [
    ['postgres', { ...setup, negotiation: 'request' as const }],
    ['postgres-18', { ...setup, negotiation: 'direct' as const }],
  ])
}

/** Events of mqtt are typed so that Node's `once` does not know them. */
function told(client: MqttClient, event: 'connect' | 'error'): Promise<unknown> {
  return new Promise((resolve) => client.once(event, resolve))
}

/** Has a connection go through somebody who cuts it off when he is told to. */
async function lostInMidst(name: string, action: (port: number, reset: () => void) => Promise<void>): Promise<void> {
  const sockets: net.Socket[] = []
  const server = net.createServer((near) => {
    const far = net.connect(peers.port(name), host)
    sockets.push(near, far)
    for (const each of [near, far]) each.on('error', () => {})
    near.pipe(far).pipe(near)
  })
  server.listen(0, host)
  await once(server, 'listening')
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  await action((server.address() as net.AddressInfo).port, reset)
  await new Promise((resolve) => {
    server.close(resolve)
    for (const socket of sockets) socket.destroy()
  })
}

function isRefusal(error: unknown): true {
  const { reason } = error as { reason?: string }
  assert.ok(reason === 'unknown-issuer' || reason === 'self-signed-in-chain', String(error))
  return true
}
