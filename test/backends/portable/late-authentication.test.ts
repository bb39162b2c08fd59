import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeCertificateRequest } from '#polytls/backends/portable/messages/certificate-request.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { SignatureScheme } from '#polytls/config/signature-scheme.js'
import { type ClientEngine, credentialOf, type ServerEngine } from './engines12.js'
import { client13, server13 } from './engines13.js'
import { Tap } from './tap.js'

const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))

describe('authentication after the handshake, by a peer that breaks the rules', () => {
  it('a client that has not offered it refuses to be asked', () => {
    const { client, server, tap } = connected('server', false)
    assert.throws(() => tap.inject(client, request(1)), { alert: 'unexpected_message' })
    assert.equal(server.isEstablished, true)
  })

  it('a client answers so many requests without data between them, and no more', () => {
    const { client, tap } = connected('server')
    for (let count = 0; count < 32; count++) tap.inject(client, request(count))
    assert.throws(() => tap.inject(client, request(33)), { alert: 'unexpected_message' })
  })

  it('a client whose answers nobody fetches waits', () => {
    const { client, tap } = connected('server')
    for (let count = 0; count < 20_000 && client.receive() !== 'want-write'; count++) {
      tap.inject(client, request(count % 256))
      tap.applicationData(client)
      client.consume(3)
    }
    assert.equal(client.receive(), 'want-write')
    assert.ok(client.outgoingBytes < 4_000_000, String(client.outgoingBytes))
  })

  for (const [what, message, change, alert] of [
    ['of another request', 'certificate', (bytes: Uint8Array) => flipped(bytes, 5), 'illegal_parameter'],
    ['with a wrong signature', 'certificate_verify', (bytes: Uint8Array) => flipped(bytes, -1), 'decrypt_error'],
    ['with a wrong Finished', 'finished', (bytes: Uint8Array) => flipped(bytes, -1), 'decrypt_error'],
  ] as const) {
    it(`a server refuses an answer ${what}`, () => {
      const { client, server, tap } = connected('client')
      const asked = server.requestClientCertificate()
      client.feed(server.takeOutgoing(Number.POSITIVE_INFINITY))
      assert.equal(client.receive(), 'want-read')
      assert.throws(
        () => {
          while (tap.items.length > 0) tap.deliver(server, (bytes, name) => (name === message ? change(bytes) : bytes))
        },
        { alert },
      )
      assert.equal(asked.peer, undefined)
      assert.equal(server.facts.peerCertificate, undefined)
    })
  }

  it('a server refuses an answer that comes twice, and one that nobody asked for', () => {
    const { client, server, tap } = connected('client')
    server.requestClientCertificate()
    client.feed(server.takeOutgoing(Number.POSITIVE_INFINITY))
    client.receive()
    const [certificate] = tap.items
    assert.ok(certificate?.kind === 'message')
    while (tap.items.length > 0) tap.deliver(server)
    assert.notEqual(server.facts.peerCertificate, undefined)
    assert.throws(() => tap.inject(server, certificate.bytes), { alert: 'unexpected_message' })
  })
})

describe('answers to several requests', () => {
  /** Two requests, and what the client has to say to them: three messages each. */
  const askedTwice = () => {
    const { client, server, tap } = connected('client')
    const requests = [server.requestClientCertificate(), server.requestClientCertificate()]
    client.feed(server.takeOutgoing(Number.POSITIVE_INFINITY))
    client.receive()
    const names = tap.items.map((item) => item.kind === 'message' && item.name)
    const answer = ['certificate', 'certificate_verify', 'finished']
    assert.deepEqual(names, [...answer, ...answer])
    return { server, tap, requests, reorder: (first: number) => tap.items.unshift(...tap.items.splice(first, 3)) }
  }

  it('may come in any order: RFC 9846, Section 4.6.2', () => {
    const { server, tap, requests, reorder } = askedTwice()
    reorder(3)
    for (let count = 0; count < 3; count++) tap.deliver(server)
    assert.deepEqual(
      requests.map(({ peer }) => peer !== undefined),
      [false, true],
    )
    while (tap.items.length > 0) tap.deliver(server)
    assert.ok(requests.every(({ peer }) => peer !== undefined))
  })

  it('are not mixed', () => {
    for (const begun of [1, 2]) {
      const { server, tap, requests, reorder } = askedTwice()
      for (let count = 0; count < begun; count++) tap.deliver(server)
      reorder(3 - begun)
      assert.throws(() => tap.deliver(server), { alert: 'unexpected_message' })
      assert.ok(requests.every(({ peer }) => peer === undefined))
    }
  })
})

/** A connection in use, one side of which is in the hands of the test. */
function connected(
  tapped: 'client' | 'server',
  offers = true,
): { readonly client: ClientEngine; readonly server: ServerEngine; readonly tap: Tap } {
  const client = client13({ credential, options: { postHandshakeAuthentication: offers } })
  const server = server13({ credentials: [credential], options: { clientAuthentication: 'none' } })
  const [near, far] = tapped === 'client' ? [client, server] : [server, client]
  const tap = new Tap(near)
  for (let rounds = 0; rounds < 20; rounds++) {
    near.handshake()
    if (!far.isEstablished) far.handshake()
    while (tap.items.length > 0) tap.deliver(far)
    near.feed(far.takeOutgoing(Number.POSITIVE_INFINITY))
  }
  assert.deepEqual([client.isEstablished, server.isEstablished], [true, true])
  return { client, server, tap }
}

function request(number: number): Uint8Array {
  return encodeCertificateRequest({
    context: Uint8Array.of(1, number),
    extensions: { signature_algorithms: [SignatureScheme.ecdsa_secp256r1_sha256] },
  })
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice()
  const index = at < 0 ? bytes.length + at : at
  changed[index] = (changed[index] as number) ^ 1
  return changed
}
