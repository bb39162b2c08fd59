import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { UsageError } from 'polytls'
import { maxContentLength, type RecordSealer } from '#polytls/backends/portable/record/protection.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { take } from './conversation12.js'
import { type ClientEngine, clientEngine, converse, credentialOf, exchange, serverEngine } from './engines12.js'

const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))

describe('keys of TLS 1.2 that are worn out', () => {
  it('send no more data, and the connection can still read and be closed', () => {
    const client = withKeysFor(20)
    const server = serverEngine({ credential })
    converse(client, server)
    let records = 0
    assert.throws(() => {
      for (; records < 100; records++) client.transmit(new Uint8Array(maxContentLength))
    }, isWornOut)
    // 16 of them are held back for what may have to be said still.
    assert.ok(records > 0 && records <= 4, `${records} records`)
    assert.throws(() => client.transmit(Uint8Array.of(1)), isWornOut, 'and none later')
    server.feed(take(client))
    for (let read = server.receive(); typeof read !== 'string'; read = server.receive()) server.consume(read.length)
    exchange(server, client)
    client.close()
    server.feed(take(client))
    assert.equal(server.receive(), 'closed')
  })

  it('refuse data that would need more records than are left as a whole', () => {
    const client = withKeysFor(20)
    const server = serverEngine({ credential })
    converse(client, server)
    assert.throws(() => client.transmit(new Uint8Array(5 * maxContentLength)), isWornOut)
    assert.equal(client.outgoingBytes, 0)
    client.transmit(Uint8Array.of(1))
    assert.ok(client.outgoingBytes > 0)
  })
})

function isWornOut(error: unknown): boolean {
  return error instanceof UsageError && error.code === 'ERR_TLS_KEYS_WORN_OUT'
}

/** A client whose keys are good for so many records only. */
function withKeysFor(records: number): ClientEngine {
  const client = clientEngine()
  const protect = client.protectOutgoing.bind(client)
  client.protectOutgoing = (sealer) => protect(shortLived(sealer, records))
  return client
}

function shortLived(sealer: RecordSealer, records: number): RecordSealer {
  let used = 0
  return {
    get recordsLeft() {
      return records - used
    },
    sealedLength: (length) => sealer.sealedLength(length),
    seal: (type, content, target, offset) => {
      used++
      return sealer.seal(type, content, target, offset)
    },
    wipe: () => sealer.wipe(),
  }
}
