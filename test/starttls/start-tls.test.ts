import assert from 'node:assert/strict'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import {
  type ConfigurationError,
  type Dialogue,
  openssl,
  StartTLSError,
  type StartTLSOptions,
  startTls,
  startTlsServer,
  TLSClientConfiguration,
  TLSServerConfiguration,
} from 'polytls'
import { memoryPair } from '../sockets/memory-duplex.ts'
import { destroyAfter, host, hostName, rawServer, tcpPair } from '../sockets/peers.ts'
import { closed, readAll, readExactly, rejection } from '../sockets/streams.ts'
import { matching } from '../support/identities.ts'

const ours = await matching()
const asClient = { serverName: hostName, ...ours.client }
const asServer = { ...ours.server, dialogue: { serverName: 'mail.test' } }

/** A peer that says its part of a transcript line by line, each when something was said to it, and the first one at once. */
function say(peer: Duplex, ...lines: readonly string[]): void {
  const left = [...lines]
  const next = (): void => void (left.length > 0 && peer.write(left.shift() as string))
  peer.on('data', next)
  peer.on('error', () => {})
  next()
}
const offer = '250-mail.test\r\n250 STARTTLS\r\n'

describe('starting TLS', () => {
  test('goes on from a session of the same protocol, or of the service that is given', async (t) => {
    const clientContext = openssl.clientContext(new TLSClientConfiguration(ours.client))
    const context = openssl.serverContext(new TLSServerConfiguration(ours.server))
    const speak = async (protocol: 'smtp' | 'pop3', more: object = {}): Promise<boolean> => {
      const [here, there] = await tcpPair(t)
      const [client, server] = await Promise.all([
        startTls(here, protocol, { context: clientContext, serverName: hostName, ...more }),
        startTlsServer(there, protocol, { context, dialogue: { serverName: 'mail.test' } }),
      ])
      server.socket.end('x')
      await readAll(destroyAfter(t, client.socket))
      destroyAfter(t, server.socket)
      return client.socket.facts.resumed
    }
    assert.equal(await speak('smtp'), false)
    assert.equal(await speak('smtp'), true)
    assert.equal(await speak('pop3'), false)
    assert.equal(await speak('pop3', { service: 'mail.test:995' }), false)
    assert.equal(await speak('smtp', { service: 'mail.test:995' }), true)
  })

  test('both sides of SMTP come to TLS, and tell what they learned', async (t) => {
    const [here, there] = await tcpPair(t)
    const said: string[] = []
    const [client, server] = await Promise.all([
      startTls(here, 'smtp', {
        ...asClient,
        dialogue: { clientName: 'client.test' },
        trace: (from, line) => said.push(`${from}: ${line}`),
      }),
      startTlsServer(there, 'smtp', {
        ...ours.server,
        dialogue: { serverName: 'mail.test', capabilities: ['SIZE 1000'] },
      }),
    ])
    destroyAfter(t, client.socket)
    destroyAfter(t, server.socket)
    assert.equal(client.isEncrypted, true)
    assert.deepEqual(client.learned, { greeting: 'mail.test ESMTP', capabilities: ['SIZE 1000', 'STARTTLS'] })
    assert.equal(server.learned.clientName, 'client.test')
    assert.deepEqual(said, [
      'server: 220 mail.test ESMTP',
      'client: EHLO client.test',
      'server: 250-mail.test',
      'server: 250-SIZE 1000',
      'server: 250 STARTTLS',
      'client: STARTTLS',
      'server: 220 2.0.0 ready to start TLS',
    ])
    server.socket.end('250 hello again')
    assert.equal((await readAll(client.socket)).bytes.toString(), '250 hello again')
  })

  test('works over a wire that delivers byte by byte, and over one that is still being connected', async (t) => {
    const [here, there] = memoryPair({ chunkBytes: 1, slow: true })
    const [client, server] = await Promise.all([
      startTls(here, 'smtp', asClient),
      startTlsServer(there, 'smtp', asServer),
    ])
    server.socket.end('bye')
    assert.equal((await readAll(client.socket)).bytes.toString(), 'bye')

    const port = await rawServer(t, (socket) => {
      startTlsServer(socket, 'smtp', asServer).then((started) => destroyAfter(t, started.socket).end('bye'))
    })
    const late = await startTls(net.connect(port, host), 'smtp', asClient)
    assert.equal((await readAll(late.socket)).bytes.toString(), 'bye')
  })

  test('a peer that does not offer, or refuses, is an error, and the stream is closed', async (t) => {
    const cases = [
      { code: 'ERR_TLS_STARTTLS_NOT_OFFERED', lines: ['220 x\r\n', '250 mail.test\r\n'] },
      { code: 'ERR_TLS_STARTTLS_REFUSED', lines: ['220 x\r\n', offer, '454 not now\r\n'] },
      { code: 'ERR_TLS_STARTTLS_MALFORMED', lines: ['SSH-2.0-x\r\n'] },
    ]
    for (const { code, lines } of cases) {
      const [here, there] = await tcpPair(t)
      say(there, ...lines)
      const error = await rejection(startTls(here, 'smtp', asClient))
      assert.ok(error instanceof StartTLSError)
      assert.equal(error.code, code)
      await closed(here)
    }
  })

  test('a peer that says nothing, hangs up, or is cut off by the program', async (t) => {
    const [silent] = await tcpPair(t)
    const late = await rejection(startTls(silent, 'smtp', { ...asClient, dialogueTimeoutMilliseconds: 20 }))
    assert.equal(late.code, 'ERR_TLS_STARTTLS_TIMEOUT')
    assert.ok(silent.destroyed)

    const [here, there] = await tcpPair(t)
    there.end('220 mail')
    const ended = await rejection(startTls(here, 'smtp', asClient))
    assert.equal(ended.code, 'ERR_TLS_STARTTLS_ENDED')
    assert.equal((ended as StartTLSError).said, '220 mail')

    const [stopped] = await tcpPair(t)
    const controller = new AbortController()
    const pending = rejection(startTls(stopped, 'smtp', { ...asClient, signal: controller.signal }))
    controller.abort(new Error('enough'))
    assert.equal((await pending).message, 'enough')
    assert.ok(stopped.destroyed)

    const [broken] = memoryPair()
    const failure = rejection(startTls(broken, 'smtp', asClient))
    broken.destroy(new Error('the cable was cut'))
    assert.equal((await failure).message, 'the cable was cut')
  })

  test('plain text behind the go-ahead is an injection, also where the stream has read it ahead', async (t) => {
    const [here, there] = await tcpPair(t)
    say(there, '220 x\r\n', offer, '220 go\r\n250 evil\r\n')
    assert.equal((await rejection(startTls(here, 'smtp', asClient))).code, 'ERR_TLS_STARTTLS_INJECTION')
    await closed(here)

    const [near, far] = memoryPair()
    say(far, '220 x\r\n', offer)
    // Both pieces are in the stream's buffer before the first is read.
    const inject = (_from: string, text: string): void => {
      if (text !== 'STARTTLS') return
      near.pause()
      near.push(Buffer.from('220 go\r\n'))
      near.push(Buffer.from('250 evil\r\n'))
      process.nextTick(() => near.resume())
    }
    const started = rejection(startTls(near, 'smtp', { ...asClient, trace: inject }))
    assert.equal((await started).code, 'ERR_TLS_STARTTLS_INJECTION')
  })

  test('a client that sends along with its request gets no go-ahead', async (t) => {
    const [here, there] = await tcpPair(t)
    const server = rejection(startTlsServer(there, 'smtp', asServer))
    here.write('EHLO x\r\nSTARTTLS\r\nMAIL FROM:<evil>\r\n')
    const error = await server
    assert.equal(error.code, 'ERR_TLS_STARTTLS_INJECTION')
    assert.doesNotMatch((await readAll(here)).bytes.toString(), /ready to start/)
  })
})

describe('opportunistic TLS', () => {
  const optional = { ...asClient, opportunistic: true } as const

  test('is TLS where it can be', async (t) => {
    const [here, there] = await tcpPair(t)
    const [client, server] = await Promise.all([
      startTls(here, 'smtp', optional),
      startTlsServer(there, 'smtp', { ...asServer, opportunistic: true }),
    ])
    destroyAfter(t, server.socket)
    assert.ok(client.isEncrypted && server.isEncrypted)
    destroyAfter(t, client.socket)
  })

  test('goes on in plain text where TLS is not offered, and says why', async (t) => {
    const [here, there] = await tcpPair(t)
    say(there, '220 x\r\n', '250-mail.test\r\n250 SIZE\r\n', '250 ok\r\n')
    const client = await startTls(here, 'smtp', optional)
    assert.equal(client.isEncrypted, false)
    assert.equal((client.reason as StartTLSError).code, 'ERR_TLS_STARTTLS_NOT_OFFERED')
    assert.deepEqual(client.learned.capabilities, ['SIZE'])
    assert.equal(client.socket, here)
    client.socket.write('MAIL FROM:<a@b>\r\n')
    assert.equal((await readExactly(here, 8)).toString(), '250 ok\r\n')
  })

  test('hands over a client that goes on in plain text, with what it said last', async (t) => {
    const [here, there] = await tcpPair(t)
    const started = startTlsServer(there, 'smtp', { ...asServer, opportunistic: true })
    here.write('EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n')
    const server = await started
    assert.equal(server.isEncrypted, false)
    assert.equal(server.learned.clientName, 'x')
    assert.equal((await readExactly(there, 32)).toString(), 'MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n')
  })

  test('does not hide a failed handshake', async (t) => {
    const [here, there] = await tcpPair(t)
    const server = startTlsServer(there, 'smtp', asServer)
    server.catch(() => {})
    const error = await rejection(startTls(here, 'smtp', { ...optional, serverName: 'somebody.else' }))
    assert.equal(error.code, 'ERR_TLS_CERTIFICATE')
  })

  test('accepts a failed handshake where that was said, on a new connection', async (t) => {
    const wires = [await tcpPair(t), await tcpPair(t)] as const
    for (const [, there] of wires) startTlsServer(there, 'smtp', { ...asServer, opportunistic: true }).catch(() => {})
    const said: string[] = []
    const client = await startTls(wires[0][0], 'smtp', {
      ...asClient,
      serverName: 'somebody.else',
      opportunistic: 'accept-failed-handshake',
      reconnect: () => wires[1][0],
      trace: (from, text) => said.push(`${from}: ${text}`),
    })
    assert.equal(client.isEncrypted, false)
    assert.equal((client.reason as { code?: string }).code, 'ERR_TLS_CERTIFICATE')
    assert.equal(client.socket, wires[1][0])
    assert.deepEqual(client.learned.capabilities, ['STARTTLS'])
    assert.equal(said.at(-1), 'server: 250 STARTTLS', 'it does not ask again')
  })

  test('refuses options that do not go together', async () => {
    const [here] = memoryPair()
    const refusal = async (options: object): Promise<string> => {
      const all = { ...asClient, ...options } as StartTLSOptions<object>
      return ((await rejection(startTls(here, 'smtp', all))) as ConfigurationError).field
    }
    assert.equal(await refusal({ opportunistic: 'accept-failed-handshake' }), 'reconnect')
    assert.equal(await refusal({ reconnect: () => here }), 'reconnect')
    assert.equal(await refusal({ serverName: 'not a name' }), 'serverName')
    const unknown = rejection(startTls(here, 'gopher' as 'smtp', asClient))
    assert.match((await unknown).message, /no client's dialogue of the name 'gopher'; there are .*smtp/)
    assert.equal(here.destroyed, false, 'nothing was said yet')
  })
})

describe('a dialogue of one’s own', () => {
  interface Secret {
    readonly word: string
  }
  const knock: Dialogue<Secret, { readonly answer: string }> = {
    protocol: 'knock',
    specification: 'none',
    ports: [],
    role: 'client',
    innerProtocol: ({ word }) => (word === 'alpn' ? 'knock' : undefined),
    *speak(talk, { word }) {
      talk.say(`${word}\n`, 'the word')
      const answer = yield* talk.line()
      const innerProtocol = this.innerProtocol?.({ word })
      return {
        kind: 'go-ahead',
        learned: { answer },
        innerProtocol,
        *epilogue(inside) {
          inside.say('are you there?\n')
          if ((yield* inside.line()) !== 'yes') throw inside.refused('nobody is there')
        },
      }
    },
  }
  const answer: Dialogue<unknown, { readonly word: string }> = {
    protocol: 'knock',
    specification: 'none',
    ports: [],
    role: 'server',
    *speak(talk) {
      const word = yield* talk.line()
      talk.say('come in\n')
      return { kind: 'go-ahead', learned: { word } }
    },
  }

  test('plugs in, in both roles, and may have words inside TLS', async (t) => {
    const [here, there] = await tcpPair(t)
    const said: string[] = []
    const starting = startTls(here, knock, {
      ...asClient,
      dialogue: { word: 'sesame' },
      trace: (from, text) => said.push(`${from}: ${text}`),
    })
    const server = await startTlsServer(there, answer, ours.server)
    destroyAfter(t, server.socket)
    assert.equal(server.learned.word, 'sesame')
    assert.equal((await readExactly(server.socket, 15)).toString(), 'are you there?\n')
    server.socket.write('yes\nand more')
    const client = await starting
    assert.equal(client.learned.answer, 'come in')
    assert.equal((await readExactly(client.socket, 8)).toString(), 'and more')
    assert.deepEqual(said, ['client: the word', 'server: come in', 'client: are you there?', 'server: yes'])
    destroyAfter(t, client.socket)
  })

  test('may refuse inside TLS as well', async (t) => {
    const [here, there] = await tcpPair(t)
    const refused = rejection(startTls(here, knock, { ...asClient, dialogue: { word: 'sesame' } }))
    const server = await startTlsServer(there, answer, ours.server)
    destroyAfter(t, server.socket).write('no\n')
    assert.equal((await refused).code, 'ERR_TLS_STARTTLS_REFUSED')
  })

  test('may demand an ALPN name, which is asked for, and has to be agreed to', async (t) => {
    const demanding = { ...asClient, dialogue: { word: 'alpn' } }
    const context = openssl.clientContext(new TLSClientConfiguration(ours.client))
    const [, unused] = memoryPair()
    const refused = rejection(startTls(unused, knock, { context, serverName: hostName, dialogue: { word: 'alpn' } }))
    assert.equal(((await refused) as ConfigurationError).field, 'innerProtocols')

    const [here, there] = await tcpPair(t)
    const failed = rejection(startTls(here, knock, demanding))
    const server = await startTlsServer(there, answer, ours.server)
    server.socket.on('error', () => {})
    assert.equal((await failed).code, 'ERR_TLS_NEGOTIATION')

    const [one, other] = await tcpPair(t)
    const client = startTls(one, knock, demanding)
    const knowing = await startTlsServer(other, answer, { ...ours.server, innerProtocols: ['knock'] })
    assert.equal(knowing.socket.facts.innerProtocol, 'knock')
    destroyAfter(t, knowing.socket).write('yes\n')
    destroyAfter(t, (await client).socket)
  })

  test('has to be of the role', async () => {
    const [here] = memoryPair()
    const error = await rejection(startTls(here, answer, asClient))
    assert.equal((error as ConfigurationError).field, 'protocol')
  })

  test('fails as the program’s error where it fails by itself', async (t) => {
    const [here, there] = await tcpPair(t)
    const broken: Dialogue<unknown, undefined> = {
      ...answer,
      *speak(talk) {
        yield* talk.line()
        throw new Error('a mistake of the program')
      },
    }
    const failed = rejection(startTlsServer(there, broken, ours.server))
    here.write('x\n')
    assert.equal((await failed).message, 'a mistake of the program')
    assert.equal((await readAll(here)).how, 'end')
  })
})
