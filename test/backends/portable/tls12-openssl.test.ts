import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  Certificate,
  cipherSuiteName,
  openssl,
  PrivateKey,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TLSVersion,
  TrustStore,
} from 'polytls'
import { type KeyKind, type MadeCertificate, makeSelfSigned } from '#polytls/cli/certificates.js'
import {
  allSuites,
  answer,
  type ClientEngine,
  clientEngine,
  credentialOf,
  curves,
  type ServerEngine,
  serverEngine,
} from './engines12.js'

const kinds: readonly KeyKind[] = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'ed25519']
const made = new Map<KeyKind, MadeCertificate>()
for (const keyKind of kinds) made.set(keyKind, await makeSelfSigned({ name: 's', names: ['server.test'], keyKind }))
const held12 = { lowestSupportedVersion: TLSVersion.TLSv1_2, highestSupportedVersion: TLSVersion.TLSv1_2 } as const
const suites = allSuites.filter((suite) => openssl.capabilities.ciphers.includes(suite))

describe('TLS 1.2 with OpenSSL', { skip: openssl.available.yes ? false : openssl.available.reason }, () => {
  for (const kind of kinds) {
    const identity = made.get(kind) as MadeCertificate
    const leaf = Certificate.fromBuffer(identity.certificate)
    const chain = { leaf, key: PrivateKey.fromBuffer(identity.key), chain: [] }
    for (const suite of suites.filter((code) => cipherSuiteName(code).includes('RSA') === kind.startsWith('rsa'))) {
      const groups = curves.filter((group) => openssl.capabilities.groups.includes(group))
      // Newer ones of OpenSSL count the short tags of CCM_8 as weak, and leave them to this policy.
      const isWeak = openssl.explain(new TLSClientConfiguration({ ...held12, ciphers: [suite] })).length > 0
      const policy = isWeak ? ({ policy: 'leastSecure' } as const) : {}

      it(`as client of a server with ${kind}, ${cipherSuiteName(suite)}, over every group`, () => {
        for (const group of groups) {
          const context = openssl.serverContext(
            new TLSServerConfiguration({
              ...held12,
              ...policy,
              certificateChain: [chain],
              groups: [group],
              ciphers: [suite],
            }),
          )
          using server = context.createBuffer()
          const client = clientEngine({ serverName: 'server.test' })
          converse(client, server)
          assert.equal(client.facts.cipherSuite, suite)
          assert.equal(client.facts.group, group)
          exchange(client, server)
        }
      })

      it(`as server with ${kind}, ${cipherSuiteName(suite)}, over every group`, () => {
        for (const group of groups) {
          const curve = { 'ecdsa-p256': 0x17, 'ecdsa-p384': 0x18 }[kind as string] ?? group
          const context = openssl.clientContext(
            new TLSClientConfiguration({
              ...held12,
              ...policy,
              trustStore: TrustStore.fromCertificates([leaf]),
              groups: [...new Set([group, curve])],
              ciphers: [suite],
            }),
          )
          using client = context.createBuffer('server.test')
          const server = serverEngine({ credential: credentialOf(identity), settings: { groups: [group] } })
          converse(server, client)
          assert.equal(client.facts.cipherSuite, suite)
          assert.equal(client.facts.signatureScheme, server.facts.signatureScheme)
          exchange(server, client)
        }
      })
    }
  }
})

function converse(engine: ClientEngine | ServerEngine, buffer: TLSBuffer): void {
  for (let moved = true; moved; ) {
    moved = false
    if (!engine.isEstablished) while (engine.handshake() === 'paused') answer(engine)
    const out = engine.takeOutgoing(Number.POSITIVE_INFINITY)
    if (out.length > 0) buffer.processIncoming(out)
    buffer.handshake()
    const back = buffer.processOutgoing()
    if (back.length > 0) engine.feed(back)
    moved = out.length + back.length > 0
  }
  assert.ok(engine.isEstablished)
  assert.equal(buffer.handshake(), 'done')
}

function exchange(engine: ClientEngine | ServerEngine, buffer: TLSBuffer): void {
  const data = Uint8Array.from({ length: 20_000 }, (_, i) => i * 7)
  engine.transmit(data)
  buffer.processIncoming(engine.takeOutgoing(Number.POSITIVE_INFINITY))
  const arrived: Uint8Array[] = []
  for (let part = buffer.read(30_000); typeof part !== 'string'; part = buffer.read(30_000)) arrived.push(part)
  assert.deepEqual(Buffer.concat(arrived), Buffer.from(data))
  for (let sent = 0; sent < data.length; ) sent += buffer.write(data.subarray(sent)) as number
  engine.feed(buffer.processOutgoing())
  const received: Uint8Array[] = []
  for (let part = engine.receive(); typeof part !== 'string'; part = engine.receive()) {
    received.push(part)
    engine.consume(part.length)
  }
  assert.deepEqual(Buffer.concat(received), Buffer.from(data))
}
