import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { type Dialogue, type StartedTLS, startTls, startTlsServer } from 'polytls'
import { preloginFraming } from '#polytls/starttls/tds-packet.js'
import { memoryPair } from '../sockets/memory-duplex.ts'
import { destroyAfter, hostName, tcpPair } from '../sockets/peers.ts'
import { closed, readAll, readExactly } from '../sockets/streams.ts'
import { forEachPair, forEachVersion } from '../support/backends.ts'
import { matching } from '../support/identities.ts'
import { hex } from './transcripts.ts'

const ours = await matching()

/** A server of TDS, as far as TLS: it answers PRELOGIN, and unwraps what is in packets. */
const tdsServer: Dialogue<unknown, undefined> = {
  protocol: 'tds',
  specification: '[MS-TDS]',
  ports: [1433],
  role: 'server',
  *speak(talk) {
    const [, , high = 0, low = 0] = yield* talk.peek(4)
    yield* talk.take(high * 256 + low)
    talk.say(hex('04 01 001a 0000 01 00 00 000b 0006 01 0011 0001 ff 100010090000 01'))
    return { kind: 'go-ahead', learned: undefined, framing: preloginFraming() }
  },
}

forEachPair('starting TLS', (pairing) => {
  const { clientBackend, serverBackend } = pairing
  const asClient = { serverName: hostName, ...ours.client, backend: clientBackend }
  const asServer = { ...ours.server, backend: serverBackend }

  test('by every protocol that has both sides', async (t) => {
    type Both = [client: Promise<StartedTLS<unknown>>, server: Promise<StartedTLS<unknown>>]
    const conversations: ((here: Duplex, there: Duplex) => Both)[] = [
      (here, there) => [startTls(here, 'imap', asClient), startTlsServer(there, 'imap', asServer)],
      (here, there) => [startTls(here, 'pop3', asClient), startTlsServer(there, 'pop3', asServer)],
      (here, there) => [startTls(here, 'ldap', asClient), startTlsServer(there, 'ldap', asServer)],
      (here, there) => [startTls(here, 'postgres', asClient), startTlsServer(there, 'postgres', asServer)],
      (here, there) => [
        startTls(here, 'smtp', asClient),
        startTlsServer(there, 'smtp', { ...asServer, dialogue: { serverName: hostName } }),
      ],
      (here, there) => [
        startTls(here, 'xmpp-client', asClient),
        startTlsServer(there, 'xmpp-client', { ...asServer, dialogue: { domains: [hostName] } }),
      ],
      (here, there) => [
        startTls(here, 'xmpp-server', asClient),
        startTlsServer(there, 'xmpp-server', { ...asServer, dialogue: { domains: [hostName] } }),
      ],
    ]
    for (const converse of conversations) {
      const [client, server] = await Promise.all(converse(...(await tcpPair(t))))
      destroyAfter(t, server.socket).end('from the server')
      assert.equal((await readAll(destroyAfter(t, client.socket))).bytes.toString(), 'from the server')
    }
  })

  test('PostgreSQL with TLS from the first byte', async (t) => {
    const [here, there] = await tcpPair(t)
    const [client, server] = await Promise.all([
      startTls(here, 'postgres', { ...asClient, dialogue: { negotiation: 'direct' } }),
      startTlsServer(there, 'postgres', asServer),
    ])
    assert.equal(server.learned.negotiation, 'direct')
    assert.equal(client.socket.facts.innerProtocol, 'postgresql')
    destroyAfter(t, client.socket)
    destroyAfter(t, server.socket)
  })

  test('FTP agrees on the protection of data inside TLS', async (t) => {
    const [here, there] = await tcpPair(t)
    const ftpServer: Dialogue<unknown, undefined> = {
      ...tdsServer,
      protocol: 'ftp',
      *speak(talk) {
        talk.say('220 ready\r\n')
        assert.equal(yield* talk.line(), 'AUTH TLS')
        talk.say('234 go\r\n')
        return { kind: 'go-ahead', learned: undefined }
      },
    }
    const starting = startTls(here, 'ftp', asClient)
    const { socket } = await startTlsServer(there, ftpServer, asServer)
    for (const command of ['PBSZ 0\r\n', 'PROT P\r\n']) {
      assert.equal((await readExactly(socket, 8)).toString(), command)
      socket.write('200 ok\r\n')
    }
    const client = await starting
    assert.equal(client.learned.greeting, 'ready')
    client.socket.write('QUIT\r\n')
    assert.equal((await readExactly(socket, 6)).toString(), 'QUIT\r\n')
    destroyAfter(t, client.socket)
    destroyAfter(t, socket)
  })

  forEachVersion(pairing, (version, bounds) => {
    for (const wire of ['TCP', 'a wire that delivers seven bytes at a time']) {
      test(`TDS, whose packets carry the handshake of ${version}, over ${wire}`, async (t) => {
        const [here, there] = wire === 'TCP' ? await tcpPair(t) : memoryPair({ chunkBytes: 7, slow: true })
        const first: string[] = []
        here.on('data', (chunk: Buffer) => first.push(chunk.toString('latin1')))
        const [client, server] = await Promise.all([
          startTls(here, 'tds', { ...asClient, ...bounds }),
          startTlsServer(there, tdsServer, { ...asServer, ...bounds }),
        ])
        assert.equal(client.learned.serverVersion, '16.0.4105')
        const long = 'x'.repeat(100_000)
        server.socket.end(long)
        client.socket.end('login')
        assert.equal((await readAll(client.socket)).bytes.toString(), long)
        assert.equal((await readAll(server.socket)).bytes.toString(), 'login')
        await Promise.all([closed(client.socket), closed(server.socket)])
        const wireBytes = first.join('')
        assert.equal(wireBytes.charCodeAt(26), 0x12, 'the first message of TLS is in a packet')
        assert.ok(here.destroyed && there.destroyed)
      })
    }
  })
})
