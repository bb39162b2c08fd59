import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeEmptyMessage } from '#polytls/backends/portable/messages/empty-messages.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { AlertReceivedError } from '#polytls/errors.js'
import { drive, take } from './conversation12.js'
import { clientEngine, converse, credentialOf, exchange, serverEngine } from './engines12.js'
import { Tap } from './tap.js'

const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))

describe('renegotiation in TLS 1.2', () => {
  it('is refused with a warning where the server asks for it, and the connection goes on', () => {
    const client = clientEngine()
    const server = serverEngine({ credential })
    converse(client, server)
    server.send(encodeEmptyMessage('hello_request'))
    server.handshake()
    client.feed(take(server))
    assert.equal(client.receive(), 'want-read')
    assert.ok(client.outgoingBytes > 0)
    server.feed(take(client))
    assert.equal(server.receive(), 'want-read', 'a warning is no end')
    exchange(client, server)
    exchange(server, client)
  })

  it('ends the connection where the client begins it', () => {
    const client = clientEngine()
    const server = serverEngine({ credential })
    const tap = new Tap(client)
    client.handshake()
    const [hello] = tap.items
    assert.ok(hello?.kind === 'message')
    drive(client, server, tap, undefined, (bytes) => bytes)
    assert.ok(client.isEstablished)
    assert.throws(() => tap.inject(server, hello.bytes), { alert: 'no_renegotiation' })
    client.feed(take(server))
    assert.throws(() => client.receive(), AlertReceivedError)
  })

  it('is bounded: a server that asks again and again is left', () => {
    const client = clientEngine()
    const server = serverEngine({ credential })
    converse(client, server)
    assert.throws(
      () => {
        for (let i = 0; i < 100; i++) {
          server.send(encodeEmptyMessage('hello_request'))
          server.handshake()
          client.feed(take(server))
          client.receive()
        }
      },
      { alert: 'unexpected_message' },
    )
  })

  it('is passed over during a handshake, once that is of TLS 1.2', () => {
    const client = clientEngine()
    const server = serverEngine({ credential })
    const tap = new Tap(server)
    client.handshake()
    server.feed(take(client))
    server.handshake()
    tap.deliver(client)
    while (tap.items.length > 0) {
      tap.inject(client, encodeEmptyMessage('hello_request'))
      tap.deliver(client)
    }
    server.feed(take(client))
    server.handshake()
    while (tap.items.length > 0) tap.deliver(client)
    assert.ok(client.isEstablished)
  })
})
