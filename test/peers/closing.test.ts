import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { after, before, it } from 'node:test'
import { type NegotiatedVersion, RaggedEOFError, type TLSSocket } from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { connectTo, exchange, finish, OwnServer, readToEnd, receives, versions } from './support/endpoints.ts'
import { priorityFor, startGnuTLSClient, startGnuTLSServer } from './support/gnutls.ts'
import { type Identities, makeIdentities } from './support/identities.ts'
import { onlyVersion, startSClient, startSServer } from './support/openssl.ts'
import { freePort } from './support/ports.ts'
import type { Program } from './support/program.ts'
import { startHaproxy, startHaproxyClient, startNginx } from './support/proxies.ts'
import { startSocatClient, startSocatEcho } from './support/socat.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

/** How our side sees the other end: `clean` after close_notify, `ragged` without. */
type Manner = 'clean' | 'ragged'

async function mannerOf(socket: TLSSocket): Promise<Manner> {
  const { error } = await readToEnd(socket)
  if (error === undefined) return 'clean'
  // Where a program is killed that has not read everything, its kernel says so by a reset.
  assert.ok(error instanceof RaggedEOFError || (error as NodeJS.ErrnoException).code === 'ECONNRESET', String(error))
  return 'ragged'
}

forEachBackend('how servers end, seen by our client', (backend) => {
  const open = (port: number): Promise<TLSSocket> => connectTo(backend, port, { trustStore: identities.trustStore })
  const say = async (socket: TLSSocket, server: Program): Promise<void> => {
    socket.write('hello\n')
    await server.reports(/^hello$/m)
  }

  for (const version of versions) {
    const ends: readonly [what: string, manner: Manner, () => Promise<Manner>][] = [
      [
        'openssl s_server that is told to end the connection',
        'ragged',
        async () => {
          await using server = await startSServer(identities, [onlyVersion[version]])
          const socket = await open(server.port)
          await say(socket, server)
          // So with q and Q alike. That it ends in good manners after a page is tried with its facts.
          server.stdin.write('q\n')
          return await mannerOf(socket)
        },
      ],
      [
        'openssl s_server that is killed',
        'ragged',
        async () => {
          await using server = await startSServer(identities, [onlyVersion[version]])
          const socket = await open(server.port)
          await say(socket, server)
          await server.stop('SIGKILL')
          return await mannerOf(socket)
        },
      ],
      [
        'gnutls-serv after an answer by HTTP',
        'clean',
        async () => {
          await using server = await startGnuTLSServer(identities, [priorityFor(version), '--http'])
          const socket = await open(server.port)
          socket.write('GET / HTTP/1.0\r\n\r\n')
          return await mannerOf(socket)
        },
      ],
      [
        'gnutls-serv that is killed',
        'ragged',
        async () => {
          await using server = await startGnuTLSServer(identities, [priorityFor(version)])
          const socket = await open(server.port)
          socket.write('echo\n')
          await receives(socket, 'echo\n')
          await server.stop('SIGKILL')
          return await mannerOf(socket)
        },
      ],
      [
        'nginx after an answer by HTTP',
        'clean',
        async () => {
          await using server = await startNginx(identities, { version })
          const socket = await open(server.port)
          socket.write('GET /facts HTTP/1.0\r\n\r\n')
          return await mannerOf(socket)
        },
      ],
      [
        'nginx that is killed',
        'ragged',
        async () => {
          await using server = await startNginx(identities, { version })
          const socket = await open(server.port)
          socket.write('GET /facts HTTP/1.1\r\nHost: server.test\r\n\r\n')
          await receives(socket, version)
          await server.stop('SIGKILL')
          return await mannerOf(socket)
        },
      ],
      ['haproxy whose server ends', 'clean', () => throughHaproxy(version, (plain) => plain.end())],
      ['haproxy whose server breaks off', 'clean', () => throughHaproxy(version, (plain) => plain.resetAndDestroy())],
    ]
    for (const [what, manner, end] of ends) {
      it(`${what}, over ${version}: ${manner}`, async () => {
        assert.equal(await end(), manner)
      })
    }
  }

  it('socat whose program has ended: clean', async () => {
    await using server = await startSocatEcho(identities)
    const socket = await open(server.port)
    socket.write('echo\n')
    await receives(socket, 'echo\n')
    socket.end()
    assert.equal(await mannerOf(socket), 'clean')
  })

  async function throughHaproxy(version: NegotiatedVersion, end: (plain: Socket) => void): Promise<Manner> {
    const plain = createServer((socket) => socket.on('error', () => {}).once('data', () => end(socket)))
    const upstreamPort = await freePort()
    plain.listen(upstreamPort, '127.0.0.1')
    try {
      await using server = await startHaproxy(identities, { version, upstreamPort })
      const socket = await open(server.port)
      socket.write('end it\n')
      return await mannerOf(socket)
    } finally {
      plain.close()
    }
  }
})

forEachBackend('how clients end, seen by our server', (backend) => {
  const serve = (): Promise<OwnServer> =>
    OwnServer.start(backend, { certificateChain: [identities.server().signingChain] })

  for (const version of versions) {
    const ends: readonly [string, Manner, (server: OwnServer) => Program, (client: Program) => void][] = [
      [
        'openssl s_client that is told to quit',
        'clean',
        ({ port }) => startSClient(identities, port, [onlyVersion[version]]),
        (client) => client.stdin.write('Q\n'),
      ],
      [
        'openssl s_client whose input ends',
        'clean',
        ({ port }) => startSClient(identities, port, [onlyVersion[version]]),
        (client) => client.stdin.end(),
      ],
      [
        'openssl s_client that is killed',
        'ragged',
        ({ port }) => startSClient(identities, port, [onlyVersion[version]]),
        (client) => void client.stop('SIGKILL'),
      ],
      [
        'gnutls-cli whose input ends',
        'clean',
        ({ port }) => startGnuTLSClient(identities, port, [priorityFor(version)]),
        (client) => client.stdin.end(),
      ],
      [
        'gnutls-cli that is killed',
        'ragged',
        ({ port }) => startGnuTLSClient(identities, port, [priorityFor(version)]),
        (client) => void client.stop('SIGKILL'),
      ],
    ]
    for (const [what, manner, start, end] of ends) {
      it(`${what}, over ${version}: ${manner}`, async () => {
        await using server = await serve()
        await using client = start(server)
        const socket = await server.accepted()
        await exchange(socket, client)
        end(client)
        assert.equal(await mannerOf(socket), manner)
      })
    }

    it(`haproxy whose client ends, over ${version}: clean`, async () => {
      await using server = await serve()
      await using haproxy = await startHaproxyClient(identities, { version, upstreamPort: server.port })
      const plain = connect(haproxy.port, '127.0.0.1').on('error', () => {})
      plain.end('that is all\n')
      assert.equal(await mannerOf(await server.accepted()), 'clean')
      plain.destroy()
    })
  }

  it('socat whose input ends: clean', async () => {
    await using server = await serve()
    await using client = startSocatClient(identities, server.port)
    const socket = await server.accepted()
    await exchange(socket, client)
    client.stdin.end()
    assert.equal(await mannerOf(socket), 'clean')
  })
})

forEachBackend('how we end, seen by others', (backend) => {
  for (const version of versions) {
    it(`openssl s_client sees our server say close_notify, or be cut off without, over ${version}`, async () => {
      await using server = await OwnServer.start(backend, { certificateChain: [identities.server().signingChain] })
      await using polite = startSClient(identities, server.port, [onlyVersion[version]])
      const first = await server.accepted()
      await exchange(first, polite)
      await finish(first)
      assert.deepEqual(await polite.ended(), { code: 0, signal: null })
      assert.doesNotMatch(polite.report, /unexpected eof/)

      await using cutOff = startSClient(identities, server.port, [onlyVersion[version]])
      const second = await server.accepted()
      await exchange(second, cutOff)
      second.destroy()
      await cutOff.ended()
      assert.match(cutOff.report, /unexpected eof while reading/)
    })

    it(`gnutls-cli sees our server say close_notify, which it does not answer, or be cut off, over ${version}`, async () => {
      await using server = await OwnServer.start(backend, { certificateChain: [identities.server().signingChain] })
      await using polite = startGnuTLSClient(identities, server.port, [priorityFor(version)])
      const first = await server.accepted()
      await exchange(first, polite)
      first.end()
      await polite.reports(/Peer has closed the GnuTLS connection/)
      assert.equal(await mannerOf(first), 'ragged')

      await using cutOff = startGnuTLSClient(identities, server.port, [priorityFor(version)])
      const second = await server.accepted()
      await exchange(second, cutOff)
      second.destroy()
      await cutOff.reports(/The TLS connection was non-properly terminated/)
    })

    it(`openssl s_server sees our client say close_notify over ${version}`, async () => {
      await using server = await startSServer(identities, [onlyVersion[version], '-state'])
      const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
      await exchange(socket, server)
      await finish(socket)
      await server.reports(/SSL3 alert read:warning:close notify/)
    })
  }
})
