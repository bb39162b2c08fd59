import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import type * as tls from 'node:tls'
import { connect, createConnection, TLSClientConfiguration, type TLSSocket, UsageError } from 'polytls'
import { forEachBackend, has, only } from '../support/backends.ts'
import { derChain, matching, serverIdentity } from '../support/identities.ts'
import { memoryPair } from './memory-duplex.ts'
import { client, destroyAfter, host, hostName, nodeServer, rawServer, securedPair, server } from './peers.ts'

const label = 'EXPORTER-test'
const context = Buffer.from('a context')

forEachBackend('key material of sockets', (backend) => {
  if (!has(backend, 'exporters') || !has(backend, 'channel-bindings')) return

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version}: it is called as node:tls does, and gives the same`, async (t) => {
      let accept: (socket: tls.TLSSocket) => void = () => {}
      const accepted = new Promise<tls.TLSSocket>((resolve) => {
        accept = resolve
      })
      const ours = await client(t, await nodeServer(t, accept), { backend, ...only(version) })
      const theirs = await accepted
      for (const length of [1, 32, 500]) {
        const exported = ours.exportKeyingMaterial(length, label)
        assert.ok(Buffer.isBuffer(exported))
        // Node's types want a context, Node itself does not.
        assert.deepEqual(exported, (theirs.exportKeyingMaterial as (...of: unknown[]) => Buffer)(length, label))
        assert.deepEqual(
          ours.exportKeyingMaterial(length, label, context),
          theirs.exportKeyingMaterial(length, label, context),
        )
      }
      const empty = Buffer.alloc(0)
      assert.deepEqual(
        ours.channelBinding('tls-exporter'),
        theirs.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', empty),
      )
      const [leaf] = derChain(await serverIdentity())
      const hash = createHash('sha256')
        .update(leaf as Uint8Array)
        .digest()
      assert.deepEqual(ours.channelBinding('tls-server-end-point'), hash)
    })
  }

  test('what is exported of early data is the same while the handshake goes on', async (t) => {
    const exported: string[] = []
    const { server: made, port } = await server(t, (socket) => socket.resume(), { maxEarlyDataBytes: 1000, backend })
    made.on('earlyConnection', (socket) => {
      exported.push(socket.exportEarlyKeyingMaterial(32, label, context).toString('hex'))
      assert.throws(() => socket.exportKeyingMaterial(32, label), UsageError)
    })
    const shared = backend.clientContext(new TLSClientConfiguration((await matching()).client))
    const to = (earlyData?: Buffer): Promise<TLSSocket> =>
      connect({ host, port, serverName: hostName, context: shared, ...(earlyData && { earlyData }) })
    const first = destroyAfter(t, await to())
    await once(first, 'session')
    assert.throws(() => first.exportEarlyKeyingMaterial(32, label), UsageError)
    const second = destroyAfter(t, await to(Buffer.from('early')))
    assert.equal(second.facts.earlyData, 'accepted')
    assert.deepEqual(exported, [second.exportEarlyKeyingMaterial(32, label, context).toString('hex')])
  })
})

describe('key material of sockets', () => {
  test('there is none before the handshake is done, and none after the end', async (t) => {
    const port = await rawServer(t, () => {})
    const waiting = destroyAfter(
      t,
      createConnection({ host, port, serverName: hostName, ...(await matching()).client }),
    )
    for (const ask of [
      () => waiting.exportKeyingMaterial(32, label),
      () => waiting.exportEarlyKeyingMaterial(32, label),
      () => waiting.channelBinding('tls-exporter'),
    ]) {
      assert.throws(ask, UsageError)
    }
    const [here] = await securedPair(t, memoryPair())
    assert.equal(here.exportKeyingMaterial(32, label).length, 32)
    assert.throws(() => here.exportKeyingMaterial(0, label), UsageError)
    assert.throws(() => here.channelBinding('tls-unique' as never), UsageError)
    here.destroy()
    assert.throws(() => here.exportKeyingMaterial(32, label), { code: 'ERR_TLS_DISPOSED' })
  })
})
