import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NamedGroup, portable } from 'polytls'
import { startClient } from '#polytls/backends/portable/client13.js'
import { Engine } from '#polytls/backends/portable/engine.js'
import { decodeClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import { handshakeHeaderLength } from '#polytls/backends/portable/messages/frame.js'
import { decodeServerHello } from '#polytls/backends/portable/messages/server-hello.js'
import { recordHeaderLength } from '#polytls/backends/portable/record/protection.js'
import { RecordReader } from '#polytls/backends/portable/record/reader.js'
import { decodeSessionState } from '#polytls/backends/portable/session-state.js'
import type { ClientSetup } from '#polytls/backends/portable/setup.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { stateOf } from '#polytls/config/session.js'
import { contextsFor } from '../../support/connection.ts'
import { matching } from '../../support/identities.ts'
import { establish, resumingConnection } from '../../support/resumption.ts'
import { type ClientEngine, clientEngine, converse, credentialOf, serverEngine } from './engines12.js'

const credential = credentialOf(
  await makeSelfSigned({ name: 'server.test', names: ['server.test'], keyKind: 'ecdsa-p256' }),
)

describe('records', () => {
  it('say TLS 1.2 from the ServerHello on', () => {
    const client = clientEngine()
    const server = serverEngine({ credential })
    client.handshake()
    const hello = client.takeOutgoing(Number.POSITIVE_INFINITY)
    assert.deepEqual([...hello.subarray(0, 3)], [22, 3, 1])
    server.feed(hello)
    server.handshake()
    assert.deepEqual([...server.takeOutgoing(Number.POSITIVE_INFINITY).subarray(0, 3)], [22, 3, 3])
  })

  it('of early data that is passed over may be as long as protected ones are', () => {
    const header = Uint8Array.of(23, 3, 3, 0x40, 0x11)
    const reader = new RecordReader()
    reader.skipEarlyData(24 * 1024)
    reader.feed(header)
    reader.feed(new Uint8Array(0x4011))
    assert.equal(reader.next(), undefined)
    assert.equal(reader.buffered, 0)

    const strict = new RecordReader()
    strict.feed(header)
    assert.throws(() => strict.next(), { alert: 'record_overflow' })
  })
})

describe('hellos', () => {
  it('make no ticket older than it is, however clocks round', async () => {
    let now = Date.now()
    const clock = { now: () => now }
    const { client, server } = await matching()
    const pair = contextsFor(
      { clientBackend: portable, serverBackend: portable },
      { client, server, clientEnvironment: clock, serverEnvironment: clock },
    )
    using first = await establish(resumingConnection(pair))
    const [session] = first.client.takeSessions()
    assert.ok(session)
    const state = decodeSessionState(stateOf(session))
    assert.ok(state?.version === 'TLSv1.3')
    const began = now
    for (const [elapsed, claimed] of [
      [0, 0],
      [1, 0],
      [2, 1],
      [60_000, 59_999],
    ] as const) {
      now = began + elapsed
      using next = resumingConnection(pair, { session })
      next.client.handshake()
      const hello = decodeClientHello(
        next.client.processOutgoing().subarray(recordHeaderLength + handshakeHeaderLength),
      )
      const [offered] = hello.extensions.pre_shared_key?.identities ?? []
      assert.equal(offered?.obfuscatedTicketAge, (state.ageAdd + claimed) % 2 ** 32, `${elapsed} ms`)
    }
  })

  it('offer no hybrid group where TLS 1.3 is not offered', () => {
    const groups = [NamedGroup.X25519MLKEM768, NamedGroup.x25519]
    const client = clientEngine({ settings: { versions: ['TLSv1.2'], groups }, hello: (made) => made })
    const sent = new FirstHello(client)
    assert.ok(!sent.groups.includes(NamedGroup.X25519MLKEM768))
    assert.ok(sent.groups.includes(NamedGroup.x25519))
  })

  it('of a server of TLS 1.2 may name its groups', () => {
    const extensions = [0, 10, 0, 4, 0, 2, 0, 29]
    const body = [3, 3, ...new Array<number>(32).fill(7), 0, 0xc0, 0x2f, 0, 0, extensions.length, ...extensions]
    const hello = decodeServerHello(Uint8Array.from(body), new Set([10]))
    assert.equal(hello.kind, 'server_hello12')
  })
})

describe('KeyUpdate', () => {
  it('is answered once for many requests, before the next data', () => {
    const { client, server } = connected13()
    for (let count = 0; count < 5; count++) client.updateKeys(true)
    server.feed(client.takeOutgoing(Number.POSITIVE_INFINITY))
    assert.equal(server.receive(), 'want-read')
    assert.equal(server.outgoingBytes, 0)

    server.transmit(Uint8Array.of(1))
    const answer = server.takeOutgoing(Number.POSITIVE_INFINITY)
    assert.equal(countRecords(answer), 2)
    client.feed(answer)
    assert.deepEqual([...client.receive()], [1])
    client.consume(1)

    server.transmit(Uint8Array.of(2))
    const second = server.takeOutgoing(Number.POSITIVE_INFINITY)
    assert.equal(countRecords(second), 1)
    client.feed(second)
    assert.deepEqual([...client.receive()], [2])
  })
})

/** The groups in the first message that a client sends. */
class FirstHello {
  readonly groups: readonly number[]

  constructor(client: ClientEngine) {
    const setup: ClientSetup = client.setup
    const engine = new Engine(setup, { isClient: true, serverName: undefined, start: startClient })
    engine.handshake()
    const record = engine.takeOutgoing(Number.POSITIVE_INFINITY)
    const hello = decodeClientHello(record.subarray(recordHeaderLength + handshakeHeaderLength))
    this.groups = hello.extensions.supported_groups ?? []
  }
}

function connected13(): { client: ClientEngine; server: ReturnType<typeof serverEngine> } {
  const settings = {
    versions: ['TLSv1.3'],
    tls13Suites: [0x1301],
    groups: [NamedGroup.x25519],
    shareGroups: [NamedGroup.x25519],
  } as const
  const client = new Engine(clientEngine({ settings }).setup, {
    isClient: true,
    serverName: undefined,
    start: startClient,
  })
  const server = serverEngine({ credential, settings })
  converse(client, server)
  assert.ok(client.isEstablished && server.isEstablished)
  return { client, server }
}

function countRecords(bytes: Uint8Array): number {
  let count = 0
  for (let at = 0; at < bytes.length; count++) {
    at += recordHeaderLength + (((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number))
  }
  return count
}
