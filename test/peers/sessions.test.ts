import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import {
  type Backend,
  type ClientContext,
  type ConnectOptions,
  connect,
  PreSharedKey,
  type Session,
  TLSClientConfiguration,
  type TLSSocket,
} from 'polytls'
import { forEachBackend, has, only } from '../support/backends.ts'
import { exchange, finish, OwnServer, readToEnd, versions } from './support/endpoints.ts'
import { priorityFor, startGnuTLSClient, startGnuTLSServer } from './support/gnutls.ts'
import { askHTTP, serveHTTP } from './support/http.ts'
import { hostName, type Identities, makeIdentities } from './support/identities.ts'
import { endOfFirstProtectedRecord, Intermediary } from './support/intermediary.ts'
import { onlyVersion, startSClient, startSServer } from './support/openssl.ts'
import { run } from './support/program.ts'
import { startNginx } from './support/proxies.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

const contextOf = (backend: Backend, more: object = {}): ClientContext =>
  backend.clientContext(new TLSClientConfiguration({ trustStore: identities.trustStore, ...more }))

const connectTo = async (
  port: number,
  context: ClientContext,
  more: Partial<ConnectOptions> = {},
): Promise<TLSSocket> => {
  const socket = await connect({ host: '127.0.0.1', serverName: hostName, port, context, ...more } as ConnectOptions)
  return socket.on('error', () => {})
}

/** A session of a connection, which is closed then. */
const sessionFrom = async (socket: TLSSocket): Promise<Session> => {
  const [session] = (await once(socket, 'session')) as [Session]
  await finish(socket)
  return session
}

forEachBackend('sessions of our client', (backend) => {
  if (!has(backend, 'sessions')) return

  for (const version of versions) {
    it(`${version}: openssl s_server goes on with them`, async () => {
      await using server = await startSServer(identities, [onlyVersion[version]])
      const context = contextOf(backend)
      await sessionFrom(await connectTo(server.port, context))
      const socket = await connectTo(server.port, context)
      assert.equal(socket.facts.resumed, true)
      assert.equal(socket.facts.verified, true)
      assert.equal(socket.facts.peerChain.length, 2)
      await exchange(socket, server)
      await server.reports(/^Reused session-id$/m)
      await finish(socket)
    })

    it(`${version}: nginx goes on with them`, async () => {
      await using server = await startNginx(identities, { version })
      const context = contextOf(backend)
      await sessionFrom(await connectTo(server.port, context))
      const socket = await connectTo(server.port, context)
      assert.equal(socket.facts.resumed, true)
      const { body } = await askHTTP(socket, '/facts')
      assert.equal(body.toString('latin1').split(' ')[4], 'r')
      await finish(socket)
    })

    it(`${version}: gnutls-serv goes on with them`, async () => {
      const priority = `--priority=NORMAL:-VERS-ALL:+VERS-TLS${version.slice(4)}`
      await using server = await startGnuTLSServer(identities, [priority, '--disable-client-cert'])
      const context = contextOf(backend)
      await sessionFrom(await connectTo(server.port, context))
      const socket = await connectTo(server.port, context)
      assert.equal(socket.facts.resumed, true)
      await finish(socket)
    })
  }

  it('nginx answers early data that is safe, and 425 to what is not', async () => {
    await using server = await startNginx(identities, { version: 'TLSv1.3' })
    const context = contextOf(backend)
    // A request is early for nginx until the client has finished the handshake, so what ends it does not arrive: whichever is faster
    // would decide otherwise. Nginx hangs up then without close_notify.
    await using intermediary = await Intermediary.start(server.port)
    for (const [path, answer] of [
      ['/early', /^HTTP\/1\.1 200 .*early 1$/s],
      ['/unsafe', /^HTTP\/1\.1 425 /],
    ] as const) {
      intermediary.toServer = {}
      const session = await sessionFrom(await connectTo(intermediary.port, context))
      assert.ok(session.maxEarlyDataBytes > 0)
      intermediary.toServer = { heldBackFrom: endOfFirstProtectedRecord }
      const request = `GET ${path} HTTP/1.1\r\nHost: ${hostName}\r\nConnection: close\r\n\r\n`
      const socket = await connectTo(intermediary.port, context, { session, earlyData: Buffer.from(request) })
      assert.equal(socket.facts.earlyData, 'accepted')
      const { text } = await readToEnd(socket)
      assert.match(text, answer)
    }
  })

  it('openssl s_server takes early data, and an external key instead of certificates', async () => {
    const secret = randomBytes(32)
    const options = ['-early_data', '-psk', secret.toString('hex'), '-psk_identity', 'a device']
    await using server = await startSServer(identities, ['-tls1_3', ...options])
    const context = contextOf(backend)
    const session = await sessionFrom(await connectTo(server.port, context))
    const socket = await connectTo(server.port, context, { session, earlyData: Buffer.from('early\n') })
    assert.equal(socket.facts.earlyData, 'accepted')
    await server.reports(/^early$/m)
    await finish(socket)

    const preSharedKeys = [new PreSharedKey({ identity: 'a device', secret })]
    const keyed = await connectTo(server.port, contextOf(backend, { preSharedKeys }))
    assert.equal(String(keyed.facts.preSharedKeyIdentity && Buffer.from(keyed.facts.preSharedKeyIdentity)), 'a device')
    assert.deepEqual(keyed.facts.peerChain, [])
    await finish(keyed)
  })

  it('gnutls-serv takes early data', async () => {
    const options = [priorityFor('TLSv1.3'), '--earlydata', '--maxearlydata=1000']
    await using server = await startGnuTLSServer(identities, options)
    const context = contextOf(backend)
    const session = await sessionFrom(await connectTo(server.port, context))
    const socket = await connectTo(server.port, context, { session, earlyData: Buffer.from('early\n') })
    assert.equal(socket.facts.earlyData, 'accepted')
    assert.equal(socket.facts.resumed, true)
    await finish(socket)
  })

  it('gnutls-serv takes an external key instead of certificates', async () => {
    const secret = randomBytes(32)
    const file = join(identities.folder, `psk-${backend.name}`)
    writeFileSync(file, `device:${secret.toString('hex')}\n`)
    await using server = await startGnuTLSServer(identities, [pskPriority, '--pskpasswd', file])
    const preSharedKeys = [new PreSharedKey({ identity: 'device', secret })]
    const socket = await connectTo(server.port, contextOf(backend, { preSharedKeys }))
    assert.deepEqual(socket.facts.preSharedKeyIdentity, new Uint8Array(Buffer.from('device')))
    assert.deepEqual(socket.facts.peerChain, [])
    await finish(socket)
  })
})

forEachBackend('sessions of our server', (backend) => {
  if (!has(backend, 'sessions')) return
  const certificateChain = () => [identities.server().signingChain]

  for (const version of versions) {
    it(`${version}: openssl s_client goes on with them, by tickets and by a store`, async () => {
      for (const kind of ['stateless', 'stateful'] as const) {
        await using server = await OwnServer.start(backend, {
          certificateChain: certificateChain(),
          sessions: { kind },
          ...only(version),
        })
        const file = join(identities.folder, `session-${backend.name}-${version}-${kind}`)
        for (const option of ['-sess_out', '-sess_in']) {
          await using client = startSClient(identities, server.port, [option, file])
          const socket = await server.accepted()
          assert.equal(socket.facts.resumed, option === '-sess_in', kind)
          await exchange(socket, client)
          await client.reports(option === '-sess_in' ? /^Reused, TLSv1/m : /^New, TLSv1/m)
          client.stdin.end()
          await client.ended()
        }
      }
    })

    it(`${version}: gnutls-cli goes on with them`, async () => {
      await using server = await OwnServer.start(backend, { certificateChain: certificateChain(), ...only(version) })
      await using client = startGnuTLSClient(identities, server.port, ['--resume'])
      const first = await server.accepted()
      assert.equal(first.facts.resumed, false)
      first.resume()
      const second = await server.accepted()
      assert.equal(second.facts.resumed, true)
      await client.reports(/This is a resumed session/)
      await exchange(second, client)
    })

    it(`${version}: curl goes on with them`, async () => {
      // In TLS 1.2 it wants no tickets, so the server has to keep its sessions.
      const sessions = { kind: 'stateful' } as const
      await using server = await OwnServer.start(backend, {
        certificateChain: certificateChain(),
        sessions,
        ...only(version),
      })
      serveHTTP(server, (question, answer) => {
        answer.setHeader('connection', 'close')
        answer.end(question.url)
      })
      const resolve = ['--resolve', `${hostName}:${server.port}:127.0.0.1`, '--cacert', identities.authorityFile]
      const urls = ['/1', '/2'].map((path) => `https://${hostName}:${server.port}${path}`)
      const { code, report } = await run('curl', ['--silent', '--show-error', '--max-time', '20', ...resolve, ...urls])
      assert.equal(code, 0, report)
      assert.equal((await server.accepted()).facts.resumed, false)
      assert.equal((await server.accepted()).facts.resumed, true)
    })

    it(`${version}: Python's ssl goes on with them`, async () => {
      await using server = await OwnServer.start(backend, { certificateChain: certificateChain(), ...only(version) })
      server.server.on('secureConnection', (socket) => socket.end('hello'))
      const words = ['-c', python, String(server.port), hostName, identities.authorityFile]
      const { code, report } = await run('python3', words)
      assert.equal(code, 0, report)
      assert.match(report, /^hello False hello True$/m)
      assert.equal((await server.accepted()).facts.resumed, false)
      assert.equal((await server.accepted()).facts.resumed, true)
    })
  }

  it('openssl s_client says something early, and comes in by an external key', async () => {
    const secret = randomBytes(32)
    const key = new PreSharedKey({ identity: 'a device', secret })
    await using server = await OwnServer.start(backend, {
      certificateChain: certificateChain(),
      maxEarlyDataBytes: 1000,
      findPreSharedKey: (identity) => (Buffer.from(identity).toString() === 'a device' ? key : undefined),
      ...only('TLSv1.3'),
    })
    const [session, early] = ['session-early', 'early'].map((name) =>
      join(identities.folder, `${backend.name}-${name}`),
    )
    writeFileSync(early as string, 'said early')
    for (const options of [
      ['-sess_out', session],
      ['-sess_in', session, '-early_data', early],
    ] as string[][]) {
      await using client = startSClient(identities, server.port, options)
      const socket = await server.accepted()
      assert.equal(socket.earlyData.toString(), options.length > 2 ? 'said early' : '')
      await exchange(socket, client)
      client.stdin.end()
      await client.ended()
    }
    const words = ['-psk', secret.toString('hex'), '-psk_identity', 'a device', '-tls1_3']
    await using client = startSClient(identities, server.port, words)
    const socket = await server.accepted()
    assert.deepEqual(socket.facts.preSharedKeyIdentity, key.identity)
    assert.equal(socket.facts.verified, true)
    await exchange(socket, client)
  })

  it('gnutls-cli says something early', async () => {
    await using server = await OwnServer.start(backend, {
      certificateChain: certificateChain(),
      maxEarlyDataBytes: 1000,
      ...only('TLSv1.3'),
    })
    const file = join(identities.folder, `gnutls-early-${backend.name}`)
    writeFileSync(file, 'said early')
    await using client = startGnuTLSClient(identities, server.port, ['--resume', `--earlydata=${file}`])
    const first = await server.accepted()
    assert.equal(first.earlyData.byteLength, 0)
    first.resume()
    const second = await server.accepted()
    assert.equal(second.facts.resumed, true)
    assert.equal(second.facts.earlyData, 'accepted')
    assert.equal(second.earlyData.toString(), 'said early')
    await exchange(second, client)
  })

  it('gnutls-cli comes in by an external key', async () => {
    const secret = randomBytes(32)
    const key = new PreSharedKey({ identity: 'device', secret })
    await using server = await OwnServer.start(backend, {
      certificateChain: certificateChain(),
      findPreSharedKey: (identity) => (Buffer.from(identity).toString() === 'device' ? key : undefined),
      ...only('TLSv1.3'),
    })
    const words = [pskPriority, '--pskusername=device', `--pskkey=${secret.toString('hex')}`]
    await using client = startGnuTLSClient(identities, server.port, words)
    const socket = await server.accepted()
    assert.deepEqual(socket.facts.preSharedKeyIdentity, key.identity)
    await exchange(socket, client)
  })

  it('gnutls-cli comes in by a certificate where it would use its external key without a fresh exchange', async () => {
    const secret = randomBytes(32)
    const key = new PreSharedKey({ identity: 'device', secret })
    await using server = await OwnServer.start(backend, {
      certificateChain: certificateChain(),
      findPreSharedKey: () => key,
      ...only('TLSv1.3'),
    })
    const words = [`${onlyTLS13}:+PSK`, '--pskusername=device', `--pskkey=${secret.toString('hex')}`]
    await using client = startGnuTLSClient(identities, server.port, [...words, '--debug=5'])
    const socket = await server.accepted()
    assert.equal(socket.facts.preSharedKeyIdentity, undefined)
    assert.notEqual(socket.facts.group, undefined)
    await exchange(socket, client)
    // It did offer the key.
    await client.reports(/Sending extension Pre Shared Key\/41/)
  })

  it('gnutls-cli changes its keys, and has ours changed', async () => {
    await using server = await OwnServer.start(backend, { certificateChain: certificateChain(), ...only('TLSv1.3') })
    await using client = startGnuTLSClient(identities, server.port, ['--inline-commands'])
    const socket = await server.accepted()
    await exchange(socket, client)
    for (let count = 0; count < 3; count++) {
      client.stdin.write('^rekey^\n')
      await client.reports(/Rekey was completed/)
      await exchange(socket, client)
    }
  })
})

const onlyTLS13 = '--priority=NORMAL:-VERS-ALL:+VERS-TLS1.3'
/** TLS 1.3 with external keys. */
const pskPriority = `${onlyTLS13}:+ECDHE-PSK:+PSK`

const python = `
import socket, ssl, sys
port, name, authority = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=authority)
session, told = None, []
for _ in range(2):
    with socket.create_connection(('127.0.0.1', port)) as plain:
        with context.wrap_socket(plain, server_hostname=name, session=session) as secured:
            data = b''
            while chunk := secured.recv(100):
                data += chunk
            told += [data.decode(), str(secured.session_reused)]
            session = secured.session
print(' '.join(told))
`
