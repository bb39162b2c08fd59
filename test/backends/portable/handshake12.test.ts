import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import { noFacts } from '#polytls/channel/facts.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { AlertReceivedError, CertificateError } from '#polytls/errors.js'
import { alertOf, failing, take, withExtensions } from './conversation12.js'
import { clientEngine, converse, credentialOf, exchange, remote, serverEngine } from './engines12.js'

const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))
const rsa = credentialOf(await makeSelfSigned({ name: 'rsa', names: ['server.test'], keyKind: 'rsa-2048' }))

describe('a handshake of TLS 1.2', () => {
  it('tells both sides the same facts', () => {
    const client = clientEngine({ serverName: 'server.test', settings: { innerProtocols: ['h2', 'http/1.1'] } })
    const server = serverEngine({ credential, settings: { innerProtocols: ['http/1.1'] } })
    converse(client, server)
    assert.deepEqual(
      { ...client.facts },
      {
        ...noFacts,
        version: 'TLSv1.2',
        cipherSuite: 0xc02b,
        group: 0x1d,
        signatureScheme: 0x0403,
        innerProtocol: 'http/1.1',
        serverName: 'server.test',
        peerCertificate: credential.chain[0],
        peerChain: credential.chain,
      },
    )
    assert.deepEqual({ ...server.facts }, { ...client.facts, peerCertificate: undefined, peerChain: [] })
  })

  it('logs the same line of keys on both sides', () => {
    const lines: string[] = []
    const keyLog = (line: string): void => void lines.push(line)
    converse(clientEngine({ keyLog }), serverEngine({ credential, keyLog }))
    assert.equal(lines.length, 2)
    assert.equal(lines[0], lines[1])
    assert.match(lines[0] ?? '', /^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$/)
  })

  it('exports keys that depend on label and context', () => {
    const client = clientEngine()
    converse(client, serverEngine({ credential }))
    const keys = [
      client.exportKeyingMaterial('EXPORTER-a', undefined, 32),
      client.exportKeyingMaterial('EXPORTER-a', new Uint8Array(0), 32),
      client.exportKeyingMaterial('EXPORTER-b', undefined, 32),
    ].map((key) => Buffer.from(key).toString('hex'))
    assert.equal(new Set(keys).size, 3)
  })

  it('takes records no longer than the peer asked for', () => {
    const hello = (plain: ClientHello): ClientHello => withExtensions(plain, { record_size_limit: 100 })
    const client = clientEngine({ hello })
    const server = serverEngine({ credential })
    converse(client, server)
    server.transmit(new Uint8Array(1000))
    const sent = server.takeOutgoing(Number.POSITIVE_INFINITY)
    for (let at = 0; at < sent.length; ) {
      const length = ((sent[at + 3] ?? 0) << 8) | (sent[at + 4] ?? 0)
      assert.ok(length <= 100 + 8 + 16)
      at += 5 + length
    }
    client.feed(sent)
    assert.equal((client.receive() as Uint8Array).length, 100)
  })

  it('works with keys that are elsewhere', () => {
    const client = clientEngine({ credential: remote(rsa) })
    const server = serverEngine({ credential: remote(credential), clientAuthentication: 'required' })
    converse(client, server)
    exchange(client, server)
  })
})

describe('client authentication in TLS 1.2', () => {
  for (const [name, own] of Object.entries({ credential, rsa })) {
    it(`shows the client's certificate and proves its key (${name})`, () => {
      const server = serverEngine({ credential, clientAuthentication: 'required' })
      const client = clientEngine({ credential: own })
      converse(client, server)
      assert.deepEqual(server.facts.peerChain, own.chain)
      exchange(client, server)
    })
  }

  it('goes on without a certificate where it is only requested', () => {
    const server = serverEngine({ credential, clientAuthentication: 'requested' })
    converse(clientEngine(), server)
    assert.deepEqual(server.facts.peerChain, [])
    assert.equal(server.facts.verified, false)
  })

  it('fails without a certificate where one is required', () => {
    const { errors } = failing(clientEngine(), serverEngine({ credential, clientAuthentication: 'required' }))
    assert.ok(errors.server instanceof CertificateError)
    assert.equal(errors.server.reason, 'missing')
    assert.ok(errors.client instanceof AlertReceivedError)
    assert.equal(errors.client.alert, 'handshake_failure')
  })

  it('shows no certificate that the server could not verify', () => {
    const server = serverEngine({
      credential,
      clientAuthentication: 'requested',
      settings: { signatureSchemes: [0x0403] },
    })
    converse(clientEngine({ credential: rsa }), server)
    assert.deepEqual(server.facts.peerChain, [])
  })

  it("refuses a client whose proof is somebody else's", () => {
    const other = { ...credential, key: rsa.key, publicKey: rsa.publicKey }
    const { errors } = failing(
      clientEngine({ credential: other }),
      serverEngine({ credential, clientAuthentication: 'required' }),
    )
    assert.equal(alertOf(errors.server), 'illegal_parameter')
  })
})

describe("the application's veto in TLS 1.2", () => {
  it('asks on both sides before anything of the application is sent', () => {
    const client = clientEngine({ verifyPeer: true, serverName: 'server.test', credential })
    const server = serverEngine({ credential, verifyPeer: true, clientAuthentication: 'required' })
    client.handshake()
    server.feed(take(client))
    server.handshake()
    client.feed(take(server))
    assert.equal(client.handshake(), 'paused')
    assert.deepEqual(client.pauseRequest, {
      kind: 'verify-peer',
      peer: { chain: credential.chain, serverName: 'server.test' },
    })
    assert.equal(client.outgoingBytes, 0, 'the client waits with its part of the handshake')
    client.resume({ accept: true })
    client.handshake()
    server.feed(take(client))
    assert.equal(server.handshake(), 'paused')
    assert.deepEqual(server.pauseRequest, {
      kind: 'verify-peer',
      peer: { chain: credential.chain, serverName: undefined },
    })
    assert.equal(server.outgoingBytes, 0, "the server's Finished waits")
    server.resume({ accept: true })
    assert.equal(server.handshake(), 'done')
    client.feed(take(server))
    assert.equal(client.handshake(), 'done')
  })

  for (const role of ['client', 'server'] as const) {
    it(`ends the handshake for both where the ${role} refuses`, () => {
      const client = clientEngine({ verifyPeer: role === 'client' })
      const server = serverEngine({ credential, verifyPeer: role === 'server' })
      const { errors } = failing(client, server, (side) => side.resume({ accept: false, reason: 'no' }))
      const [own, other] = role === 'client' ? [errors.client, errors.server] : [errors.server, errors.client]
      assert.ok(own instanceof CertificateError && own.reason === 'vetoed')
      assert.ok(other instanceof AlertReceivedError && other.alert === 'bad_certificate')
    })
  }
})
