import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { type ServerOptions, TLSVersion, TrustStore } from 'polytls'
import { amqpServer } from 'polytls/amqp'
import { newContainer } from '../amqp/brokers.ts'
import { signingChain } from '../support/identities.ts'
import { type Files, makeFiles, polytls } from './command.ts'
import { nodeTLSServer, type Peer, plainServer } from './peers.ts'

describe('polytls amqp', () => {
  let files: Files
  const open: (() => Promise<void>)[] = []
  before(async () => {
    files = await makeFiles()
  })
  after(async () => {
    for (const close of open) await close()
    files.remove()
  })

  const broker = async (options: Partial<ServerOptions> = {}, mechanism = 'ANONYMOUS'): Promise<number> => {
    const container = newContainer()
    if (mechanism === 'ANONYMOUS') container.sasl_server_mechanisms.enable_anonymous()
    else container.sasl_server_mechanisms.enable_plain(() => false)
    const made = await files.authority.issue({ name: 'localhost', names: ['localhost', '127.0.0.1'] })
    const server = amqpServer({ certificateChain: [signingChain(made)], container, ...options })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    open.push(() => server.shutdown({ timeoutMilliseconds: 0 }))
    return (server.address() as AddressInfo).port
  }

  it('tells the versions that a broker takes, its mechanisms, and whom it lets in', async () => {
    const port = await broker()
    const { code, stdout, stderr } = await polytls(['amqp', `localhost:${port}`, '--ca', files.ca])
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^localhost:\d+ {2}AMQP 1\.0$/m)
    assert.match(stdout, /TLSv1\.3 +✓ TLS_/)
    assert.match(stdout, /TLSv1\.2 +✓ TLS_/)
    assert.match(stdout, /mechanisms +ANONYMOUS$/m)
    assert.match(stdout, /ANONYMOUS +✓ lets us in$/m)
    assert.match(stdout, /certificate +CN=localhost, until 20/)
  })

  it('tells that a broker demands TLS 1.3, as JSON too', async () => {
    const port = await broker({ lowestSupportedVersion: TLSVersion.TLSv1_3 }, 'PLAIN')
    const { code, stdout } = await polytls(['amqp', 'localhost', '--port', `${port}`, '--ca', files.ca, '--json'])
    assert.equal(code, 0)
    const report = JSON.parse(stdout)
    assert.equal(report.protocol, 'AMQP 1.0')
    assert.equal(report.versions['TLSv1.3'].accepted, true)
    assert.equal(report.versions['TLSv1.2'].accepted, false)
    assert.equal(report.versions['TLSv1.2'].error.alert, 'protocol_version')
    assert.deepEqual(report.mechanisms, ['PLAIN'])
    assert.deepEqual(report.accepts, {})
  })

  it('comes in by a certificate', async () => {
    const port = await broker({
      clientAuthentication: 'required',
      trustStore: TrustStore.fromBuffer(files.authority.certificate),
    })
    const without = await polytls(['amqp', `localhost:${port}`, '--ca', files.ca, '--json'])
    assert.equal(without.code, 4, without.stdout)
    assert.equal(JSON.parse(without.stdout).versions['TLSv1.3'].error.alert, 'certificate_required')
    const client = await files.authority.issue({ name: 'A Client' })
    const identity = ['--cert', files.write('client.pem', client.certificate + client.key)]
    const { code, stdout } = await polytls(['amqp', `localhost:${port}`, '--ca', files.ca, '--json', ...identity])
    assert.equal(code, 0, stdout)
    assert.deepEqual(JSON.parse(stdout).accepts, { ANONYMOUS: true, EXTERNAL: true })
  })

  it('says what is wrong with a peer that is no broker, is not there, or is not trusted', async () => {
    const made = await files.authority.issue({ name: 'localhost', names: ['localhost'] })
    const chatty: Peer = await nodeTLSServer(made, {}, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    open.push(() => chatty.close())
    const web = await polytls(['amqp', `localhost:${chatty.port}`, '--ca', files.ca])
    assert.equal(web.code, 4)
    assert.match(web.stderr, /does not speak AMQP: it says "HTTP\/1\.1 400/)
    const untrusted = await polytls(['amqp', `localhost:${await broker()}`])
    assert.equal(untrusted.code, 5, untrusted.stderr)
    const nobody = await polytls(['amqp', 'localhost:1', '--ca', files.ca, '--json'])
    assert.equal(nobody.code, 3)
    for (const words of [
      ['amqps://broker.lan'],
      ['broker.lan:5671', '--port', '5672'],
      ['broker.lan', '--port', 'x'],
      ['broker.lan', '--port', '0'],
      ['broker.lan', '--cert', 'missing.pem'],
      ['broker.lan', '--ca', 'missing.pem'],
    ]) {
      const usage = await polytls(['amqp', ...words])
      assert.equal(usage.code, 2, words.join(' '))
      assert.equal(usage.stdout, '')
      assert.match(usage.stderr, /URL|names a port|is not a port from 1 to 65535|missing\.pem/)
    }
  })

  it('names no option in its hints that it has not', async () => {
    const chatty = await plainServer((socket) => socket.end('220 mail.example ESMTP\r\n'))
    const silent = await plainServer(() => {})
    open.push(
      () => chatty.close(),
      () => silent.close(),
    )
    for (const { port } of [chatty, silent]) {
      const { code, stderr } = await polytls(['amqp', `localhost:${port}`, '--ca', files.ca, '--timeout', '500'])
      assert.equal(code, 4)
      assert.match(stderr, /plain text|STARTTLS/)
      assert.doesNotMatch(stderr, /--starttls/)
    }
  })

  it('says what a peer does that hangs, dies midway or speaks nonsense, and ends', async () => {
    const made = await files.authority.issue({ name: 'localhost', names: ['localhost'] })
    const header = Buffer.from('AMQP\x03\x01\x00\x00', 'latin1')
    const brokenFrame = Buffer.concat([header, Buffer.from('0000000c0201000000539945', 'hex')])
    const endless = Buffer.concat([header, Buffer.from('00ffffff02010000', 'hex'), Buffer.alloc(100_000)])
    for (const [behave, code, said] of [
      [() => {}, 4, /it does not answer/],
      [(socket: TLSSocket) => socket.write(header), 4, /it does not answer/],
      [
        (socket: TLSSocket) => socket.once('data', () => socket.end(header)),
        4,
        /closed the connection instead of an answer/,
      ],
      [(socket: TLSSocket) => socket.once('data', () => socket.destroy()), 4, /closed the connection|ended/],
      [(socket: TLSSocket) => socket.write(brokenFrame), 4, /SASL/],
      [(socket: TLSSocket) => socket.write(endless), 4, /more than 16384 bytes/],
    ] as const) {
      const peer: Peer = await nodeTLSServer(made, {}, behave)
      const words = ['amqp', `localhost:${peer.port}`, '--ca', files.ca, '--timeout', '1000']
      const outcome = await polytls([...words, '--json'])
      await peer.close()
      const { versions } = JSON.parse(outcome.stdout)
      for (const { error } of Object.values(versions) as { error?: { message: string } }[])
        assert.match(error?.message ?? '', said)
      assert.equal(outcome.code, code, outcome.stdout)
    }
  })
})
