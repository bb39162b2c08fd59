import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeCertificateRequest } from '#polytls/backends/portable/messages/certificate-request.js'
import { type ClientHello, decodeClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { credentialOf } from './engines12.js'
import { client13, server13 } from './engines13.js'
import { type Item, Tap } from './tap.js'

/** RFC 8701, Section 2: 0x0a0a, 0x1a1a, … 0xfafa. */
const isGrease = (value: number): boolean => (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff)

function hello(): ClientHello {
  const client = client13()
  client.handshake()
  return decodeClientHello(new Uint8Array(client.takeOutgoing(Number.POSITIVE_INFINITY)).subarray(5 + 4))
}

describe('GREASE', () => {
  it('stands in every list of a ClientHello that servers have to read with tolerance', () => {
    const { cipherSuites, extensions } = hello()
    for (const list of [
      cipherSuites,
      extensions.supported_groups,
      extensions.supported_versions,
      extensions.signature_algorithms,
      extensions.key_share?.map(({ group }) => group),
      extensions.unknown?.map(({ type }) => type),
    ]) {
      assert.equal(list?.filter(isGrease).length, 1)
    }
    // A share has to be of a group that is offered.
    assert.ok(extensions.key_share?.every(({ group }) => extensions.supported_groups?.includes(group)))
  })

  it('is drawn anew for each connection', () => {
    const seen = new Set(Array.from({ length: 64 }, () => hello().cipherSuites.find(isGrease)))
    assert.ok(seen.size > 4)
  })

  it('stands in the CertificateRequest of a server, and a client passes over it', async () => {
    const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))
    const client = client13({ credential })
    const server = server13({ credentials: [credential], options: { clientAuthentication: 'required' } })
    const tap = new Tap(server)
    client.handshake()
    server.feed(client.takeOutgoing(Number.POSITIVE_INFINITY))
    server.handshake()
    const request = tap.items.find((item): item is Item & { kind: 'message' } => {
      return item.kind === 'message' && item.name === 'certificate_request'
    })
    assert.ok(request !== undefined)
    const { extensions } = decodeCertificateRequest(request.bytes.subarray(4))
    assert.equal(extensions.signature_algorithms.filter(isGrease).length, 1)
    assert.equal(extensions.unknown?.filter(({ type }) => isGrease(type)).length, 1)
    while (tap.items.length > 0) tap.deliver(client)
    assert.equal(client.handshake(), 'done')
  })
})
