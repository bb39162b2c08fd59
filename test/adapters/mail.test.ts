import assert from 'node:assert/strict'
import { once } from 'node:events'
import type * as net from 'node:net'
import { describe, test } from 'node:test'
import { createTransport } from 'nodemailer'
import { type Backend, StartTLSError } from 'polytls'
import { nodemailerSocket } from 'polytls/nodemailer'
import { secureServer } from 'polytls/servers'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { leavesNothing } from '../peers/support/leftovers.ts'
import { nodeServerOptions } from '../sockets/peers.ts'
import { hostName } from '../support/identities.ts'
import { host, isRefusal, ours, strangers, testedBackends } from './sites.ts'

const message = { from: 'alice@server.test', to: 'bob@server.test', subject: 'Hello', text: 'x'.repeat(20_000) }

for (const backend of testedBackends) {
  const setup = { ...ours.client, backend, serverName: hostName }

  describe(`mail over ${backend.name}`, () => {
    test('nodemailer delivers to smtp-server, with both on our TLS', () =>
      leavesNothing(async () => {
        await using there = await receiving(backend, 'at once')
        const mailer = createTransport({
          host,
          port: there.port,
          auth: { user: 'alice', pass: 'secret' },
          getSocket: nodemailerSocket(setup),
        })
        assert.equal(await mailer.verify(), true)
        const { accepted } = await mailer.sendMail(message)
        assert.deepEqual(accepted, [message.to])
        assert.match(there.mails[0] ?? '', /Subject: Hello/)
        assert.deepEqual(there.sessions.at(-1), { user: 'alice', secure: true })
      }))

    test('a pool sends many over few connections', () =>
      leavesNothing(async () => {
        await using there = await receiving(backend, 'at once')
        const pool = { pool: true, maxConnections: 2, maxMessages: 100 } as const
        const getSocket = nodemailerSocket(setup)
        const mailer = createTransport({ ...pool, host, port: there.port, getSocket })
        await Promise.all(Array.from({ length: 8 }, () => mailer.sendMail(message)))
        assert.equal(there.mails.length, 8)
        assert.ok(there.connections() <= 2)
        mailer.close()
      }))

    test('nodemailer delivers after STARTTLS, to a server of Node', () =>
      leavesNothing(async () => {
        await using there = await receiving(backend, 'STARTTLS')
        const getSocket = nodemailerSocket({ ...setup, startTls: true })
        const auth = { user: 'alice', pass: 'secret' }
        const mailer = createTransport({ host, port: there.port, auth, getSocket })
        await mailer.sendMail(message)
        assert.match(there.mails[0] ?? '', /Subject: Hello/)
        assert.deepEqual(there.sessions.at(-1), { user: 'alice', secure: true })
      }))

    test('a server that is not trusted, or does not offer TLS, is what sending fails with', () =>
      leavesNothing(async () => {
        await using there = await receiving(backend, 'at once')
        const trustStore = await strangers()
        const { port } = there
        const wary = createTransport({ host, port, getSocket: nodemailerSocket({ ...setup, trustStore }) })
        await assert.rejects(wary.sendMail(message), isRefusal)
        await using plain = await receiving(backend, 'never')
        const getSocket = nodemailerSocket({ ...setup, startTls: true })
        const insisting = createTransport({ host, port: plain.port, getSocket })
        await assert.rejects(insisting.sendMail(message), (error) => {
          assert.ok(error instanceof StartTLSError && error.code === 'ERR_TLS_STARTTLS_NOT_OFFERED', String(error))
          return true
        })
        assert.equal(there.mails.length + plain.mails.length, 0)
      }))

    test('a server that dies is an error', () =>
      leavesNothing(async () => {
        await using there = await receiving(backend, 'at once', {
          onData: (stream) => stream.once('data', () => there.kill()),
        })
        const mailer = createTransport({ host, port: there.port, getSocket: nodemailerSocket(setup) })
        await assert.rejects(mailer.sendMail(message))
      }))
  })
}

async function receiving(
  backend: Backend,
  security: 'at once' | 'STARTTLS' | 'never',
  more: SMTPServerOptions = {},
): Promise<Receiving> {
  const mails: string[] = []
  const sessions: { user: unknown; secure: boolean }[] = []
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    ...(security === 'at once' && { secure: true, secured: true }),
    ...(security === 'STARTTLS' && (await nodeServerOptions())),
    ...(security === 'never' && { hideSTARTTLS: true }),
    onAuth: ({ username }, _session, done) => done(null, { user: username }),
    onData: (stream, { user, secure }, done) => {
      let text = ''
      stream.on('data', (chunk) => {
        text += chunk
      })
      stream.on('end', () => {
        mails.push(text)
        sessions.push({ user, secure })
        done()
      })
    },
    ...more,
  } as SMTPServerOptions)
  server.on('error', () => {})
  let connections = 0
  const { server: below } = server as unknown as { server: net.Server }
  below.on('connection', () => connections++)
  if (security === 'at once') secureServer(below, { ...ours.server, backend })
  server.listen(0, host)
  await once(below, 'listening')
  return {
    port: (below.address() as net.AddressInfo).port,
    mails,
    sessions,
    connections: () => connections,
    kill: () => {
      for (const each of server.connections) {
        ;(each as unknown as { _socket: net.Socket })._socket.destroy()
      }
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

interface Receiving extends AsyncDisposable {
  readonly port: number
  readonly mails: string[]
  readonly sessions: { user: unknown; secure: boolean }[]
  connections(): number
  kill(): void
}
