import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeKeyUpdate, encodeNewSessionTicket } from '#polytls/backends/portable/messages/post-handshake.js'
import type { RecordSealer } from '#polytls/backends/portable/record/protection.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { type ClientEngine, converse, credentialOf, type ServerEngine } from './engines12.js'
import { type ClientSide, client13, type ServerSide, server13 } from './engines13.js'

const credentials = [credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))]
const everything = Number.POSITIVE_INFINITY
type AnyEngine = ClientEngine | ServerEngine

/** An established pair. `forge` sends anything in the client's name. */
function connected(sides: { readonly client?: ClientSide; readonly server?: Omit<ServerSide, 'credentials'> } = {}): {
  readonly client: ClientEngine
  readonly server: ServerEngine
  readonly forge: (type: number, content: Uint8Array) => Uint8Array
} {
  const client = client13(sides.client)
  const server = server13({ credentials, ...sides.server })
  let sealer: RecordSealer | undefined
  const protect = client.protectOutgoing.bind(client)
  client.protectOutgoing = (given) => {
    sealer = given
    protect(given)
  }
  converse(client, server)
  assert.ok(client.isEstablished && server.isEstablished)
  const forge = (type: number, content: Uint8Array): Uint8Array => {
    assert.ok(sealer !== undefined)
    const record = new Uint8Array(sealer.sealedLength(content.length))
    sealer.seal(type, content, record, 0)
    return record
  }
  return { client, server, forge }
}

function transfer(from: AnyEngine, to: AnyEngine, data: Uint8Array): Buffer {
  from.transmit(data)
  to.feed(from.takeOutgoing(everything))
  return drain(to)
}

function drain(engine: AnyEngine): Buffer {
  const received: Uint8Array[] = []
  for (let read = engine.receive(); typeof read !== 'string'; read = engine.receive()) {
    received.push(read)
    engine.consume(read.length)
  }
  return Buffer.concat(received)
}

/** The lengths of the fragments in what was sent. */
function fragments(bytes: Uint8Array): number[] {
  const lengths: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number)
    lengths.push(length)
    at += 5 + length
  }
  return lengths
}

describe('records of TLS 1.3', () => {
  it('carry much data in full records of one chunk', () => {
    const { client, server } = connected()
    const data = Buffer.alloc(100_000, 'x')
    client.transmit(data)
    const sent = client.takeOutgoing(everything)
    assert.deepEqual(fragments(sent), [...new Array<number>(6).fill(16_384 + 17), (100_000 % 16_384) + 17])
    server.feed(sent)
    assert.deepEqual(drain(server), data)
  })

  it('arrive in pieces of any size', () => {
    const { client, server } = connected()
    const data = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i % 251))
    for (const size of [1, 7, 1000, 16_389, 30_000]) {
      client.transmit(size === 1 ? data.subarray(0, 3000) : data)
      const sent = client.takeOutgoing(everything)
      const received: Buffer[] = []
      for (let at = 0; at < sent.length; at += size) {
        server.feed(sent.slice(at, at + size))
        if (at % 3 === 0) received.push(drain(server))
      }
      received.push(drain(server))
      assert.deepEqual(Buffer.concat(received), size === 1 ? data.subarray(0, 3000) : data)
      assert.equal(server.incomingBytes, 0)
    }
  })

  it('are padded to a multiple where the backend is told so, and padding is accepted', () => {
    const { client, server } = connected({ client: { paddingMultipleBytes: 512 } })
    for (const length of [1, 511, 512, 513, 16_383, 16_384]) {
      client.transmit(Buffer.alloc(length, 1))
      const sent = client.takeOutgoing(everything)
      assert.deepEqual(fragments(sent), [Math.ceil(length / 512) * 512 + 17])
      server.feed(sent)
      assert.equal(drain(server).length, length)
    }
  })

  it('respect the record_size_limit of the peer', () => {
    const client = client13()
    const server = server13({ credentials })
    client.handshake()
    const hello = client.takeOutgoing(everything)
    const at = Buffer.from(hello).indexOf(Buffer.of(0, 28, 0, 2, 0x40, 1))
    assert.ok(at > 0)
    // The client's transcript does not know: what the server sends is enough to see.
    hello.set([0, 100], at + 4)
    server.feed(hello)
    server.handshake()
    const flight = fragments(server.takeOutgoing(everything)).slice(2)
    assert.ok(flight.length > 3)
    // 100 with the byte of the type, and the tag.
    assert.ok(
      flight.slice(1).every((length) => length <= 100 + 16),
      flight.join(),
    )
  })

  it('longer than 2^14 are refused, padding included', () => {
    for (const length of [16_385, 16_384 + 200]) {
      const { server, forge } = connected()
      server.feed(forge(23, new Uint8Array(length)))
      assert.throws(() => server.receive(), { alert: 'record_overflow' })
    }
  })

  it('of a length that none can have are refused before they are there', () => {
    const { server } = connected()
    server.feed(Uint8Array.of(23, 3, 3, 0x41, 1))
    assert.throws(() => server.receive(), { alert: 'record_overflow' })
  })

  it('without a content type, and without content where there has to be some, are refused', () => {
    const nothing = new Uint8Array(0)
    for (const type of [0, 21, 22]) {
      const { server, forge } = connected()
      server.feed(type === 0 ? forgeZeros(forge) : forge(type, nothing))
      assert.throws(() => server.receive(), { alert: type === 21 ? 'decode_error' : 'unexpected_message' })
    }
  })

  it('without data are taken, up to a bound', () => {
    const { server, forge } = connected()
    for (let i = 0; i < 32; i++) server.feed(forge(23, new Uint8Array(0)))
    server.feed(forge(23, Uint8Array.of(7)))
    assert.deepEqual([...drain(server)], [7])
    for (let i = 0; i < 33; i++) server.feed(forge(23, new Uint8Array(0)))
    assert.throws(() => server.receive(), { alert: 'unexpected_message' })
  })

  it('in clear are refused once there are keys', () => {
    for (const type of [21, 22]) {
      const { server } = connected()
      server.feed(Uint8Array.of(type, 3, 3, 0, 2, 1, 0))
      assert.throws(() => server.receive(), { alert: 'unexpected_message' })
    }
  })

  it('that do not belong there are refused within a handshake message', () => {
    const { server, forge } = connected()
    server.feed(forge(22, encodeKeyUpdate({ updateRequested: false }).subarray(0, 2)))
    server.feed(forge(23, Uint8Array.of(1)))
    assert.throws(() => server.receive(), { alert: 'unexpected_message' })
  })

  it('good data that came before a bad record is given first', () => {
    const { server, forge } = connected()
    const bad = forge(23, Uint8Array.of(1, 2))
    bad[10] = (bad[10] as number) ^ 1
    const { client, server: other } = connected()
    client.transmit(Uint8Array.of(1, 2, 3))
    const good = client.takeOutgoing(everything)
    other.feed(Buffer.concat([good, bad]))
    assert.deepEqual([...(other.receive() as Uint8Array)], [1, 2, 3])
    other.consume(3)
    assert.throws(() => other.receive(), { alert: 'bad_record_mac' })
    assert.throws(() => other.receive(), { alert: 'bad_record_mac' })
    server.feed(bad)
    assert.throws(() => server.receive(), { alert: 'bad_record_mac' })
  })

  it('an alert in clear from a client that could not read our ServerHello is understood', () => {
    const client = client13()
    const server = server13({ credentials })
    client.handshake()
    server.feed(client.takeOutgoing(everything))
    server.handshake()
    server.feed(Uint8Array.of(21, 3, 3, 0, 2, 2, 47))
    assert.throws(() => server.handshake(), { code: 'ERR_TLS_ALERT_RECEIVED', alert: 'illegal_parameter' })
  })

  it('early data that nobody can read is passed over, up to a bound', () => {
    const opaque = (length: number): Uint8Array =>
      Buffer.concat([Uint8Array.of(23, 3, 3, length >> 8, length & 255), Buffer.alloc(length, 9)])
    const client = client13()
    const server = server13({ credentials })
    const send = server.skipEarlyData.bind(server)
    client.handshake()
    server.feed(client.takeOutgoing(everything))
    server.handshake()
    send(0)
    server.feed(opaque(10_000))
    assert.equal(server.handshake(), 'want-read')
    client.feed(server.takeOutgoing(everything))
    client.handshake()
    server.feed(client.takeOutgoing(everything))
    assert.equal(server.handshake(), 'done')
    server.feed(opaque(100))
    assert.throws(() => server.receive(), { alert: 'bad_record_mac' })
  })
})

describe('KeyUpdate', () => {
  it('changes the keys of one direction, as often as wanted, with data between', () => {
    const { client, server } = connected()
    for (let round = 0; round < 100; round++) {
      client.answerKeyUpdate()
      assert.equal(transfer(client, server, Uint8Array.of(round)).length, 1)
    }
    assert.equal(transfer(server, client, Uint8Array.of(1)).length, 1)
  })

  it('is answered where it asks for an answer', () => {
    const { server, client, forge } = connected()
    server.feed(forge(22, encodeKeyUpdate({ updateRequested: true })))
    // The forger does not know the next keys, but the client can read the answer, which comes before the next data.
    assert.equal(server.receive(), 'want-read')
    assert.equal(server.outgoingBytes, 0)
    server.transmit(Uint8Array.of(1, 2))
    const answer = server.takeOutgoing(everything)
    assert.equal(fragments(answer).length, 2)
    client.feed(answer)
    assert.equal(client.receive().length, 2)
  })

  it('many without data between are refused', () => {
    const { client, server } = connected()
    for (let round = 0; round < 33; round++) {
      client.answerKeyUpdate()
      // What would be answered goes out before data, and be it none.
      client.transmit(new Uint8Array(0))
    }
    server.feed(client.takeOutgoing(everything))
    assert.throws(() => server.receive(), { alert: 'unexpected_message' })
  })

  it('whose message does not end where the keys change is refused', () => {
    const { server, forge } = connected()
    const twice = Buffer.concat([
      encodeKeyUpdate({ updateRequested: false }),
      encodeKeyUpdate({ updateRequested: false }),
    ])
    server.feed(forge(22, twice))
    assert.throws(() => server.receive(), { alert: 'unexpected_message' })
  })

  it('happens by itself before keys are worn out', () => {
    const { client, server } = connected()
    const keys = client.protectOutgoing.bind(client)
    let changes = 0
    client.protectOutgoing = (sealer) => {
      changes++
      keys(sealer)
    }
    keys({
      recordsLeft: 3,
      sealedLength: () => 0,
      seal: () => assert.fail('these keys are worn out'),
      wipe: () => {},
    })
    assert.throws(() => client.transmit(Uint8Array.of(1)))
    assert.equal(changes, 1)
    assert.ok(server.isEstablished)
  })

  it('asked for by a peer that does not read is answered once for all of them', () => {
    const { client, server, forge } = connected()
    server.transmit(Buffer.alloc(200_000))
    server.feed(forge(22, encodeKeyUpdate({ updateRequested: true })))
    const before = server.outgoingBytes
    assert.equal(server.receive(), 'want-read')
    assert.equal(server.outgoingBytes, before)
    client.feed(server.takeOutgoing(everything))
    assert.equal(drain(client).length, 200_000)
    client.feed(server.takeOutgoing(everything))
    assert.equal(client.receive(), 'want-read')
    assert.equal(transfer(server, client, Uint8Array.of(5)).length, 1)
  })
})

describe('session tickets', () => {
  it('are read, and dropped where no sessions are kept', () => {
    const { client, server } = connected()
    const ticket = (number: number): Uint8Array =>
      encodeNewSessionTicket({
        lifetimeSeconds: 1,
        ageAdd: 0,
        nonce: Uint8Array.of(number),
        ticket: Uint8Array.of(number),
        extensions: {},
      })
    for (let number = 0; number < 6; number++) {
      server.send(ticket(number))
      server.transmit(Uint8Array.of(0))
    }
    client.feed(server.takeOutgoing(everything))
    assert.equal(drain(client).length, 6)
    assert.deepEqual(client.sessions.takeAll(), [])
  })
})

/** A record that holds padding only. */
function forgeZeros(forge: (type: number, content: Uint8Array) => Uint8Array): Uint8Array {
  return forge(0, new Uint8Array(10))
}
