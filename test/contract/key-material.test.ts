import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { it } from 'node:test'
import {
  ConfigurationError,
  PreSharedKey,
  type SessionStore,
  type SigningChain,
  type TLSBuffer,
  UsageError,
} from 'polytls'
import type { KeyKind } from '#polytls/cli/certificates.js'
import { forEachPair, forEachVersion, has } from '../support/backends.ts'
import { type Contexts, connectionBetween, contextsFor, type Side } from '../support/connection.ts'
import {
  derChain,
  hostName,
  makeAuthority,
  matching,
  serverIdentity,
  signingChain,
  trusting,
} from '../support/identities.ts'
import { establish, resumingConnection } from '../support/resumption.ts'

const label = 'EXPORTER-test'
const context = Buffer.from('a context')

forEachPair('key material', (pairing) => {
  for (const [side, backend, feature, call] of [
    ['client', pairing.clientBackend, 'exporters', 'exportKeyingMaterial'],
    ['server', pairing.serverBackend, 'exporters', 'exportKeyingMaterial'],
    ['client', pairing.clientBackend, 'channel-bindings', 'channelBinding'],
    ['server', pairing.serverBackend, 'channel-bindings', 'channelBinding'],
  ] as const) {
    if (has(backend, feature)) continue
    it(`the ${side}, which has no ${feature}, refuses ${call} by name`, async () => {
      using connection = await connectionBetween(pairing, await matching()).establish()
      const ask = (channel: TLSBuffer): unknown =>
        call === 'channelBinding' ? channel.channelBinding('tls-exporter') : channel.exportKeyingMaterial(label, 32)
      assert.throws(
        () => ask(connection[side]),
        (error) => error instanceof ConfigurationError && error.field === call,
      )
    })
  }
  const both = (feature: 'exporters' | 'channel-bindings'): boolean =>
    has(pairing.clientBackend, feature) && has(pairing.serverBackend, feature)

  forEachVersion(pairing, (version, bounds) => {
    if (both('exporters')) {
      it(`${version}: both sides export the same, by label, context and length`, async () => {
        const { client, server } = await matching()
        const options = { client: { ...client, ...bounds }, server }
        using connection = await connectionBetween(pairing, options).establish()
        const exported = (...of: Parameters<TLSBuffer['exportKeyingMaterial']>): string => {
          const material = hex(connection.client.exportKeyingMaterial(...of))
          assert.equal(material.length, 2 * of[1])
          assert.equal(hex(connection.server.exportKeyingMaterial(...of)), material)
          return material
        }
        const none = exported(label, 32)
        const different = [none, exported(label, 32, context), exported(label, 32, Buffer.from('another'))]
        different.push(exported('EXPORTER-other', 32), exported(label, 8160, context).slice(-64))
        assert.equal(new Set(different).size, different.length)
        // RFC 5705, Section 4, tells them apart; RFC 9846, Section 7.5, does not.
        assert.equal(none === exported(label, 32, new Uint8Array(0)), version === 'TLSv1.3')
        using other = await connectionBetween(pairing, options).establish()
        assert.notEqual(hex(other.client.exportKeyingMaterial(label, 32)), none)
      })

      it(`${version}: what cannot be exported is refused`, async () => {
        const { client, server } = await matching()
        using connection = connectionBetween(pairing, { client: { ...client, ...bounds }, server })
        assert.throws(() => connection.client.exportKeyingMaterial(label, 32), UsageError)
        await connection.establish()
        for (const side of ['client', 'server'] as const) {
          const channel = connection[side]
          for (const length of [0, -1, 1.5, 8161, Number.NaN]) {
            assert.throws(() => channel.exportKeyingMaterial(label, length), UsageError, `${length}`)
          }
          assert.throws(() => channel.exportKeyingMaterial('key expansion', 32), UsageError)
          assert.throws(() => channel.exportKeyingMaterial('x'.repeat(250), 32), UsageError)
          assert.throws(() => channel.exportKeyingMaterial('', 32), TypeError)
          assert.throws(() => channel.exportKeyingMaterial(label, 32, 'text' as never), TypeError)
          assert.throws(() => channel.exportKeyingMaterial(label, 32, new Uint8Array(65_536)), UsageError)
          const most = 958 - Buffer.byteLength(label)
          assert.equal(channel.exportKeyingMaterial(label, 32, new Uint8Array(most)).byteLength, 32)
          // Nothing of that hurts the connection.
          assert.equal(connection.transfer(side, Buffer.from('on')).toString(), 'on')
        }
      })
    }

    if (both('channel-bindings')) {
      it(`${version}: both sides have the same channel bindings`, async () => {
        const { client, server } = await matching()
        using connection = await connectionBetween(pairing, { client: { ...client, ...bounds }, server }).establish()
        const bindings = (side: Side): readonly string[] =>
          (['tls-exporter', 'tls-server-end-point'] as const).map((type) => hex(connection[side].channelBinding(type)))
        assert.deepEqual(bindings('client'), bindings('server'))
        const exported = connection.client.exportKeyingMaterial('EXPORTER-Channel-Binding', 32, new Uint8Array(0))
        const [leaf] = derChain(await serverIdentity())
        // The tests' certificates are signed with SHA-256.
        const hash = createHash('sha256').update(leaf as Uint8Array)
        assert.deepEqual(bindings('client'), [hex(exported), hash.digest('hex')])
        assert.throws(() => connection.client.channelBinding('tls-unique' as never), UsageError)
      })

      it(`${version}: a resumed connection is bound to the certificate that its session began with`, async () => {
        if (!has(pairing.clientBackend, 'sessions') || !has(pairing.serverBackend, 'sessions')) return
        const issuer = await makeAuthority({ name: 'an authority', keyKind: 'ecdsa-p256' })
        const issue = (keyKind: KeyKind) => issuer.issue({ name: hostName, names: [hostName], keyKind })
        const [p256, p384] = [signingChain(await issue('ecdsa-p256')), signingChain(await issue('ecdsa-p384'))]
        const keys = [{ name: randomBytes(16), secret: randomBytes(32) }]
        const store = new StoreOfEntries()
        for (const sessions of [
          { kind: 'stateless', ticketKeys: { current: () => keys } },
          { kind: 'stateful', store },
        ] as const) {
          const serving = (...certificateChain: readonly SigningChain[]): Contexts =>
            contextsFor(pairing, {
              client: { trustStore: trusting(issuer), ...bounds },
              server: { certificateChain, sessions },
            })
          const { client, server } = serving(p256)
          const endPoints: string[] = []
          // The certificate may have been changed meanwhile, and be one of several.
          for (const each of [server, serving(p384).server, serving(p384, p256).server]) {
            using connection = await establish(resumingConnection({ client, server: each }))
            assert.equal(connection.server.facts.resumed, each !== server)
            for (const side of ['client', 'server'] as const)
              endPoints.push(hex(connection[side].channelBinding('tls-server-end-point')))
          }
          assert.deepEqual(new Set(endPoints).size, 1, sessions.kind)
        }
      })
    }
  })

  it('where nobody has shown a certificate, there is none to be bound to', async () => {
    const { clientBackend, serverBackend } = pairing
    if (!both('channel-bindings') || !has(clientBackend, 'pre-shared-keys') || !has(serverBackend, 'pre-shared-keys'))
      return
    const { client, server } = await matching()
    const key = new PreSharedKey({ identity: 'a device', secret: randomBytes(32) })
    const pair = contextsFor(pairing, {
      client: { ...client, preSharedKeys: [key] },
      // It has one, for others.
      server: { ...server, findPreSharedKey: () => key },
    })
    using connection = await establish(resumingConnection(pair))
    for (const side of ['client', 'server'] as const)
      assert.throws(() => connection[side].channelBinding('tls-server-end-point'), UsageError, side)
  })
})

/** A store of a program's own, which several contexts share. */
class StoreOfEntries implements SessionStore {
  readonly #entries = new Map<string, Uint8Array>()

  put(id: Uint8Array, session: Uint8Array): void {
    this.#entries.set(hex(id), session)
  }

  get(id: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(hex(id))
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
