import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cipherSuiteName, isTLS13Suite, namedGroupName, signatureSchemeName } from 'polytls'
import { isHandshakeScheme } from '#polytls/backends/portable/authentication.js'
import { suites } from '#polytls/backends/portable/suites.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { groupCode } from '#polytls/crypto/algorithms.js'
import { nobleUnderTest, nodeUnderTest } from '../../crypto/providers.js'
import { identityForScheme } from '../../support/scheme-identities.js'
import { type ClientEngine, converse, credentialOf, remote, type ServerEngine } from './engines12.js'
import { client13, server13 } from './engines13.js'

const made = await makeSelfSigned({ name: 'test', names: ['server.test'] })
const node = nodeUnderTest.crypto
const noble = nobleUnderTest.crypto
/** Those that both have. */
const schemes = noble.capabilities.signatureSchemes.sign.filter(
  (scheme) => isHandshakeScheme(scheme) && node.capabilities.signatureSchemes.sign.includes(scheme),
)

for (const [client, server] of [
  [node, node],
  [node, noble],
  [noble, node],
  [noble, noble],
] as const) {
  describe(`TLS 1.3: a client with ${client.name}, a server with ${server.name}`, () => {
    const credentials = [credentialOf(made, server)]

    for (const { code } of suites.values()) {
      if (!isTLS13Suite(code)) continue
      it(`${cipherSuiteName(code)} is agreed and carries data`, () => {
        const settings = { tls13Suites: [code] }
        const pair = connect(
          client13({ crypto: client, settings }),
          server13({ crypto: server, credentials, settings }),
        )
        for (const each of pair) assert.equal(each.facts.cipherSuite, code)
        exchange(pair)
      })
    }

    for (const group of Object.values(groupCode)) {
      it(`${namedGroupName(group)} is agreed`, () => {
        const settings = { groups: [group], shareGroups: [group] }
        const pair = connect(
          client13({ crypto: client, settings }),
          server13({ crypto: server, credentials, settings }),
        )
        for (const each of pair) assert.equal(each.facts.group, group)
      })

      it(`${namedGroupName(group)} is agreed after a HelloRetryRequest`, () => {
        const first = group === groupCode.x25519 ? groupCode.secp256r1 : groupCode.x25519
        const pair = connect(
          client13({ crypto: client, settings: { groups: [first, group], shareGroups: [first] } }),
          server13({ crypto: server, credentials, settings: { groups: [group] } }),
        )
        for (const each of pair) assert.equal(each.facts.group, group)
        exchange(pair)
      })
    }

    for (const scheme of schemes) {
      it(`${signatureSchemeName(scheme)} proves the server and the client`, async () => {
        const identity = await identityForScheme(scheme)
        const settings = { signatureSchemes: [scheme] }
        const pair = connect(
          client13({ crypto: client, settings, credential: credentialOf(identity, client) }),
          server13({
            crypto: server,
            settings,
            credentials: [credentialOf(identity, server)],
            options: { clientAuthentication: 'required' },
          }),
        )
        for (const each of pair) {
          assert.equal(each.facts.signatureScheme, scheme)
          assert.equal(each.facts.peerChain.length, 1)
        }
      })
    }

    it('both derive the same for every label and context', () => {
      const [a, b] = connect(client13({ crypto: client }), server13({ crypto: server, credentials }))
      const context = Uint8Array.of(1, 2, 3)
      const exported = a.exportKeyingMaterial('EXPORTER-test', context, 77)
      assert.equal(exported?.length, 77)
      assert.deepEqual(b.exportKeyingMaterial('EXPORTER-test', context, 77), exported)
      assert.notDeepEqual(b.exportKeyingMaterial('EXPORTER-test', undefined, 77), exported)
      assert.notDeepEqual(b.exportKeyingMaterial('EXPORTER-other', context, 77), exported)
    })
  })
}

describe('TLS 1.3: keys that are elsewhere', () => {
  const credential = credentialOf(made)

  it('sign for the server and for the client while the channel is paused', () => {
    const pair = connect(
      client13({ credential: remote(credential) }),
      server13({ credentials: [remote(credential)], options: { clientAuthentication: 'required' } }),
    )
    assert.equal(pair[1].facts.peerChain.length, 1)
    exchange(pair)
  })

  it('give no signature: the channel fails with the reason as cause, and the peer is told', () => {
    const client = client13()
    const server = server13({ credentials: [remote(credential)] })
    client.handshake()
    server.feed(client.takeOutgoing(Number.POSITIVE_INFINITY))
    assert.equal(server.handshake(), 'paused')
    const cause = new Error('the token was pulled out')
    server.resume({ failed: cause })
    assert.throws(() => server.handshake(), { code: 'ERR_TLS_BACKEND', cause })
    client.feed(server.takeOutgoing(Number.POSITIVE_INFINITY))
    assert.throws(() => client.handshake(), { code: 'ERR_TLS_ALERT_RECEIVED', alert: 'internal_error' })
  })

  it('give a signature that is wrong: the client finds out', () => {
    const client = client13()
    const server = server13({ credentials: [remote(credential)] })
    client.handshake()
    server.feed(client.takeOutgoing(Number.POSITIVE_INFINITY))
    server.handshake()
    server.resume(new Uint8Array(70))
    server.handshake()
    client.feed(server.takeOutgoing(Number.POSITIVE_INFINITY))
    assert.throws(() => client.handshake(), { code: 'ERR_TLS_PROTOCOL', alert: 'decrypt_error' })
  })
})

type Pair = readonly [ClientEngine, ServerEngine]

function connect(client: ClientEngine, server: ServerEngine): Pair {
  converse(client, server)
  assert.ok(client.isEstablished && server.isEstablished)
  return [client, server]
}

function exchange([client, server]: Pair): void {
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    const data = Uint8Array.from({ length: 40_000 }, (_, i) => i)
    from.transmit(data)
    to.feed(from.takeOutgoing(Number.POSITIVE_INFINITY))
    const received: Uint8Array[] = []
    for (let read = to.receive(); typeof read !== 'string'; read = to.receive()) {
      received.push(read)
      to.consume(read.length)
    }
    assert.deepEqual(Buffer.concat(received), Buffer.from(data))
  }
}
