import assert from 'node:assert/strict'
import * as http from 'node:http'
import * as net from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { Certificate, openssl, PrivateKey, type ServerProtocol, startTlsServer, TLSServerConfiguration } from 'polytls'
import { type Files, makeFiles, polytls } from './command.ts'
import { nodeTLSServer, type Peer, plainServer } from './peers.ts'

describe('polytls connect --starttls', () => {
  let files: Files
  let smtp: Peer
  let ldap: Peer
  let noTLS: Peer
  let proxy: Peer
  let direct: Peer

  before(async () => {
    files = await makeFiles()
    const made = await files.authority.issue({ name: 'localhost', names: ['localhost'] })
    const { certificate, key, chain } = made
    direct = await nodeTLSServer(made, {})
    const certificateChain = [
      {
        leaf: Certificate.fromBuffer(certificate),
        key: PrivateKey.fromBuffer(key),
        chain: chain.map((each) => Certificate.fromBuffer(each)),
      },
    ]
    // Shared, so that one connection knows the sessions of another.
    const context = openssl.serverContext(new TLSServerConfiguration({ certificateChain }))
    const serving = (protocol: ServerProtocol): Promise<Peer> =>
      plainServer((socket) => {
        const options = { context, dialogue: { serverName: 'mail.test' } }
        startTlsServer(socket, protocol, options as never).then(
          (started) => started.socket.on('error', () => {}).pipe(started.socket),
          () => {},
        )
      })
    smtp = await serving('smtp')
    ldap = await serving('ldap')
    noTLS = await plainServer((socket) => {
      socket.write('220 old.test\u001b[31m\r\n')
      socket.once('data', () => socket.write('250 old.test\r\n'))
    })
    const server = http.createServer()
    server.on('connect', (request: http.IncomingMessage, client: Duplex) => {
      const upstream = net.connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 ok\r\n\r\n')
        client.pipe(upstream).pipe(client)
      })
      for (const stream of [client, upstream]) stream.on('error', () => {})
    })
    proxy = await plainServer((socket) => server.emit('connection', socket))
  })
  after(async () => {
    for (const peer of [smtp, ldap, noTLS, proxy, direct]) await peer.close()
    files.remove()
  })

  it('begins in plain text, and tells so', async () => {
    const words = ['connect', `localhost:${smtp.port}`, '--ca', files.ca, '--starttls', 'smtp']
    const { code, stdout, stderr } = await polytls(words)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /verified {2}localhost/)
    assert.match(stdout, /began in +plain text: smtp, [\d.]+ ms/)
    assert.equal(stderr, '')
  })

  it('has what was said and learned in --json', async () => {
    const words = ['connect', `localhost:${smtp.port}`, '--ca', files.ca, '--starttls=submission', '--json']
    const { code, stdout } = await polytls(words)
    assert.equal(code, 0, stdout)
    const { starttls, milliseconds } = JSON.parse(stdout)
    assert.deepEqual(Object.keys(starttls), ['protocol', 'learned', 'said', 'milliseconds'])
    assert.equal(starttls.protocol, 'smtp')
    assert.deepEqual(starttls.learned, { greeting: 'mail.test ESMTP', capabilities: ['STARTTLS'] })
    assert.deepEqual(starttls.said[0], { from: 'server', text: '220 mail.test ESMTP' })
    assert.deepEqual(starttls.said.at(-2), { from: 'client', text: 'STARTTLS' })
    assert.ok(milliseconds.handshake > 0)
  })

  it('shows with --verbose what is said, as it is said, and nothing that moves the cursor', async () => {
    const words = ['connect', `localhost:${ldap.port}`, '--ca', files.ca, '--starttls', 'ldap', '--verbose']
    const { code, stderr } = await polytls(words)
    assert.equal(code, 0, stderr)
    assert.match(stderr, /→ ExtendedRequest StartTLS\n← ExtendedResponse success\n/)
    const hostile = await polytls(['connect', `localhost:${noTLS.port}`, '--starttls', 'smtp', '-v'])
    assert.match(hostile.stderr, /← 220 old\.test\\u\{1b\}\[31m\n→ EHLO/)
  })

  it('is a client behind it, where stdin says so', async () => {
    const words = ['connect', `localhost:${smtp.port}`, '--ca', files.ca, '--starttls', 'smtp']
    const { code, stdout } = await polytls(words, { input: 'hello\n' })
    assert.equal(code, 0)
    assert.equal(stdout, 'hello\n')
  })

  it('goes on from the session of an earlier connection', async () => {
    const session = join(files.folder, 'session')
    const words = ['connect', `localhost:${smtp.port}`, '--ca', files.ca, '--starttls', 'smtp', '--json']
    for (const [option, resumed] of [
      ['--session-out', false],
      ['--session-in', true],
    ] as const) {
      const { code, stdout } = await polytls([...words, option, session])
      assert.equal(code, 0, stdout)
      assert.equal(JSON.parse(stdout).resumed, resumed)
    }
    const early = await polytls([...words, '--session-in', session, '--early-data', session])
    assert.match(early.stdout + early.stderr, /--early-data is not for --starttls/)
  })

  it('ends with 4 where TLS is not offered, or the protocol is another one', async () => {
    const refused = async (peer: Peer, protocol: string): Promise<unknown[]> => {
      const words = ['connect', `localhost:${peer.port}`, '--starttls', protocol, '--json', '--ca', files.ca]
      const { code, stdout } = await polytls(words)
      return [code, JSON.parse(stdout).error.code]
    }
    assert.deepEqual(await refused(noTLS, 'smtp'), [4, 'ERR_TLS_STARTTLS_NOT_OFFERED'])
    assert.deepEqual(await refused(smtp, 'imap'), [4, 'ERR_TLS_STARTTLS_MALFORMED'])
    const silent = ['connect', `localhost:${ldap.port}`, '--starttls', 'smtp', '--json', '--timeout', '200']
    const { code, stdout } = await polytls(silent)
    assert.deepEqual([code, JSON.parse(stdout).error.code], [4, 'ERR_TLS_STARTTLS_TIMEOUT'])
  })

  it('guesses the protocol from the port, and says where it cannot', async () => {
    const { code, stderr } = await polytls(['connect', `localhost:${smtp.port}`, '--starttls'])
    assert.equal(code, 2)
    assert.match(stderr, /usual on port\s\d+/)
    const unknown = await polytls(['connect', 'localhost:1', '--starttls', 'imaps'])
    assert.equal(unknown.code, 2)
    assert.match(unknown.stderr, /did you mean imap\?/)
    // Nothing listens there, but now it is known where to ask.
    const dead = await polytls(['connect', '127.0.0.1', '--starttls', 'managesieve', '--json'])
    assert.match(JSON.parse(dead.stdout).error.message, /127\.0\.0\.1:4190/)
  })

  it('goes through a proxy, with and without plain text behind it', async () => {
    const through = ['--proxy', `http://127.0.0.1:${proxy.port}`, '--ca', files.ca, '--verbose']
    const plain = await polytls(['connect', `localhost:${smtp.port}`, '--starttls', 'smtp', ...through])
    assert.equal(plain.code, 0, plain.stderr)
    assert.match(
      plain.stderr,
      /→ CONNECT localhost:\d+ HTTP\/1\.1\n[\s\S]*← HTTP\/1\.1 200 ok\n[\s\S]*← 220 mail\.test/,
    )
    assert.match(plain.stdout, /at localhost:\d+ through 127\.0\.0\.1:\d+/)

    const bare = await polytls(['connect', `localhost:${direct.port}`, ...through])
    assert.equal(bare.code, 0, bare.stderr)

    const wrong = await polytls(['connect', 'localhost:1', '--proxy', 'gopher://x', '--json'])
    assert.deepEqual([wrong.code, JSON.parse(wrong.stdout).error.code], [2, 'ERR_TLS_CONFIGURATION'])
    const dead = await polytls(['connect', 'localhost:1', '--proxy', 'socks5://127.0.0.1:1', '--json'])
    assert.deepEqual([dead.code, JSON.parse(dead.stdout).error.code], [3, 'ECONNREFUSED'])
    assert.match(JSON.parse(dead.stdout).error.message, /nothing listens at the proxy/)
  })
})
