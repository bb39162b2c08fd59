import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cipherSuiteName, namedGroupName } from 'polytls'
import type { Credential } from '#polytls/backends/portable/setup.js'
import { type KeyKind, type MadeCertificate, makeSelfSigned } from '#polytls/cli/certificates.js'
import { createNobleCrypto } from '#polytls/crypto/noble/provider.js'
import {
  allSuites,
  clientEngine,
  converse,
  credentialOf,
  curves,
  exchange,
  nodeCrypto,
  serverEngine,
} from './engines12.js'

const kinds: readonly KeyKind[] = ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa-2048', 'ed25519']
const identities = new Map<KeyKind, MadeCertificate>()
for (const keyKind of kinds) {
  identities.set(keyKind, await makeSelfSigned({ name: 'server.test', names: ['server.test'], keyKind }))
}
const credential = (kind: KeyKind): Credential => credentialOf(identities.get(kind) as MadeCertificate)

describe('TLS 1.2 with itself', () => {
  for (const kind of kinds) {
    for (const suite of allSuites.filter((code) => cipherSuiteName(code).includes('RSA') === kind.startsWith('rsa'))) {
      it(`carries data: ${kind}, ${cipherSuiteName(suite)}, over every group`, () => {
        for (const group of curves) {
          const certificateCurve =
            { 'ecdsa-p256': 0x17, 'ecdsa-p384': 0x18, 'ecdsa-p521': 0x19 }[kind as string] ?? group
          const client = clientEngine({
            settings: { tls12Suites: [suite], groups: [...new Set([group, certificateCurve])] },
          })
          const server = serverEngine({ credential: credential(kind), settings: { groups: [group] } })
          converse(client, server)
          assert.ok(client.isEstablished && server.isEstablished, namedGroupName(group))
          assert.equal(client.facts.cipherSuite, suite)
          assert.equal(client.facts.group, group)
          assert.equal(server.facts.signatureScheme, client.facts.signatureScheme)
          exchange(client, server)
          exchange(server, client)
          const context = Uint8Array.of(1, 2)
          assert.deepEqual(
            client.exportKeyingMaterial('EXPORTER-test', context, 40),
            server.exportKeyingMaterial('EXPORTER-test', context, 40),
          )
        }
      })
    }
  }
})

describe('TLS 1.2 between providers of cryptography', () => {
  const nobleCrypto = createNobleCrypto()
  for (const kind of ['ecdsa-p256', 'rsa-2048'] as const) {
    for (const suite of allSuites.filter((code) => cipherSuiteName(code).includes('RSA') === kind.startsWith('rsa'))) {
      it(`carries data both ways: ${kind}, ${cipherSuiteName(suite)}`, () => {
        const settings = { tls12Suites: [suite] }
        const identity = identities.get(kind) as MadeCertificate
        const own = identities.get('ecdsa-p256') as MadeCertificate
        for (const [clientCrypto, serverCrypto] of [
          [nodeCrypto, nobleCrypto],
          [nobleCrypto, nodeCrypto],
        ] as const) {
          // This provider verifies RSA signatures and makes none.
          if (kind === 'rsa-2048' && serverCrypto === nobleCrypto) continue
          const client = clientEngine({
            crypto: clientCrypto,
            settings,
            credential: credentialOf(own, clientCrypto),
          })
          const server = serverEngine({
            crypto: serverCrypto,
            settings,
            credential: credentialOf(identity, serverCrypto),
            clientAuthentication: 'required',
          })
          converse(client, server)
          exchange(client, server)
          exchange(server, client)
        }
      })
    }
  }
})
