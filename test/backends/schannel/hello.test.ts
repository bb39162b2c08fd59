import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  backendNamed,
  NamedGroup,
  SignatureScheme,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { HelloReader } from '#polytls/backends/schannel/hello.js'
import { clientHello, encrypted, record, serverHello } from './records.ts'
import { cast, chainOf } from './setting.ts'

/** What real peers say to each other, direction by direction. */
async function overhear(options: object): Promise<{ readonly client: Buffer; readonly server: Buffer }> {
  const { server: identity, root } = await cast()
  const openssl = backendNamed('openssl')
  const trustStore = TrustStore.fromBuffer(root.certificate)
  const client = openssl
    .clientContext(new TLSClientConfiguration({ trustStore, ...options }))
    .createBuffer('server.test')
  const server = backendNamed('portable')
    .serverContext(new TLSServerConfiguration({ certificateChain: [chainOf(identity)] }))
    .createBuffer()
  const said: { client: Uint8Array[]; server: Uint8Array[] } = { client: [], server: [] }
  for (let round = 0; round < 6; round++) {
    client.handshake()
    const up = client.processOutgoing()
    server.processIncoming(up)
    server.handshake()
    const down = server.processOutgoing()
    client.processIncoming(down)
    said.client.push(up)
    said.server.push(down)
  }
  assert.equal(client.handshake(), 'done')
  return { client: Buffer.concat(said.client), server: Buffer.concat(said.server) }
}

function read(bytes: Uint8Array, piece = bytes.byteLength): HelloReader {
  const reader = new HelloReader()
  for (let at = 0; at < bytes.byteLength; at += piece) reader.follow(bytes.subarray(at, at + piece))
  return reader
}

describe('the Hellos of real peers', () => {
  it('tell version, suite and group in TLS 1.3, in whatever pieces they come', async () => {
    const { client, server } = await overhear({ groups: [NamedGroup.secp384r1], ciphers: [0x1302] })
    for (const piece of [1, 7, 5000]) {
      const { clientHello: hello } = read(client, piece)
      assert.equal(hello?.serverName, 'server.test')
      assert.deepEqual(hello?.cipherSuites, [0x1302])
      assert.deepEqual(hello?.groups, [NamedGroup.secp384r1])
      assert.ok(hello?.versions.includes(0x0304))
      assert.ok(hello?.signatureSchemes.includes(SignatureScheme.ecdsa_secp256r1_sha256))
      assert.deepEqual(read(server, piece).serverHello, {
        version: 0x0304,
        cipherSuite: 0x1302,
        group: NamedGroup.secp384r1,
      })
    }
  })

  it('and in TLS 1.2 the ServerKeyExchange tells the group and the signature', async () => {
    const { client, server } = await overhear({ highestSupportedVersion: 'TLSv1.2', groups: [NamedGroup.secp256r1] })
    assert.deepEqual(read(client, 3).clientHello?.versions, [0x0303])
    const reader = read(server, 11)
    assert.equal(reader.serverHello?.version, 0x0303)
    assert.equal(reader.serverHello?.group, undefined)
    assert.deepEqual(reader.serverKeyExchange, {
      group: NamedGroup.secp256r1,
      signatureScheme: SignatureScheme.ecdsa_secp256r1_sha256,
    })
  })
})

describe('what is no Hello', () => {
  it('is not read, and stops the reader', () => {
    for (const bytes of [
      encrypted('data'),
      record(22, Buffer.of(1, 0, 0, 4, 1, 2, 3, 4)),
      record(21, Buffer.of(2, 40)),
      Buffer.concat([clientHello().subarray(0, 20), Buffer.alloc(20_000, 0x16)]),
    ]) {
      const reader = read(Buffer.concat([bytes, encrypted('more')]))
      assert.equal(reader.clientHello, undefined)
      assert.equal(reader.serverHello, undefined)
    }
  })

  it('behind a Hello is of no interest', () => {
    const reader = read(Buffer.concat([serverHello(0x1301, 0x1d), serverHello(0x1302, 0x17)]))
    assert.equal(reader.serverHello?.cipherSuite, 0x1301)
    assert.equal(reader.done, true)
  })

  it('is not kept without bound', () => {
    const reader = new HelloReader()
    for (let count = 0; count < 20; count++)
      reader.follow(record(22, Buffer.concat([Buffer.of(1, 0xff, 0xff, 0xff), Buffer.alloc(10_000)])))
    assert.equal(reader.done, true)
    assert.equal(reader.clientHello, undefined)
  })
})
