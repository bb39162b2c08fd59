import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import {
  AlertReceivedError,
  CertificateError,
  type ClientOptions,
  ConfigurationError,
  type FindPreSharedKey,
  PreSharedKey,
  ProtocolError,
  type ServerOptions,
  TLSClientConfiguration,
  TLSServerConfiguration,
} from 'polytls'
import { forEachBackend, forEachPair, has, only } from '../support/backends.ts'
import { type Contexts, contextsFor } from '../support/connection.ts'
import { makeAuthority, matching, trusting } from '../support/identities.ts'
import { establish, negotiate, resumingConnection } from '../support/resumption.ts'

const key = new PreSharedKey({ identity: 'a device', secret: randomBytes(32) })
const longer = new PreSharedKey({ identity: 'another', secret: randomBytes(48), hash: 'sha384' })

forEachPair('external keys', (pairing) => {
  if (!has(pairing.clientBackend, 'pre-shared-keys') || !has(pairing.serverBackend, 'pre-shared-keys')) return

  const contexts = async (client: ClientOptions, server: Partial<ServerOptions>): Promise<Contexts> => {
    const fitting = await matching()
    return contextsFor(pairing, { client: { ...fitting.client, ...client }, server: { ...fitting.server, ...server } })
  }
  const finding =
    (...keys: readonly PreSharedKey[]): FindPreSharedKey =>
    (identity) =>
      keys.find((each) => Buffer.from(each.identity).equals(identity))

  for (const used of [key, longer]) {
    it(`${used.hash}: both sides prove that they have the key, without certificates`, async () => {
      const pair = await contexts(
        { preSharedKeys: [used], trustStore: trusting(await makeAuthority({ name: 'nobody' })) },
        { certificateChain: [], findPreSharedKey: finding(key, longer) },
      )
      for (let count = 0; count < 2; count++) {
        using connection = await establish(resumingConnection(pair))
        for (const side of ['client', 'server'] as const) {
          const { facts } = connection[side]
          assert.deepEqual(facts.preSharedKeyIdentity, used.identity, side)
          assert.equal(facts.verified, true, side)
          assert.equal(facts.resumed, false, side)
          assert.deepEqual(facts.peerChain, [], side)
          assert.ok(facts.group, side)
        }
        assert.equal(String(connection.transfer('client', Buffer.from('hello'))), 'hello')
      }
    })
  }

  it('the key may be found later, and a name that nobody knows goes on with certificates', async () => {
    const find: FindPreSharedKey = async (identity) => finding(key)(identity)
    const known = await contexts({ preSharedKeys: [key] }, { findPreSharedKey: find })
    using connection = resumingConnection(known)
    const { client, server, asked } = await negotiate(connection)
    assert.deepEqual([client, server], ['done', 'done'])
    assert.deepEqual(asked, ['find-pre-shared-key'])
    assert.deepEqual(connection.server.facts.preSharedKeyIdentity, key.identity)
    const unknown = await contexts({ preSharedKeys: [longer] }, { findPreSharedKey: find })
    using other = await establish(resumingConnection(unknown))
    for (const side of ['client', 'server'] as const) {
      assert.equal(other[side].facts.preSharedKeyIdentity, undefined, side)
    }
    assert.equal(other.client.facts.verified, true)
    assert.equal(other.client.facts.peerChain.length > 0, true)
  })

  it('a key of the same name and another secret ends the handshake', async () => {
    const impostor = new PreSharedKey({ identity: key.identity, secret: randomBytes(32) })
    const pair = await contexts({ preSharedKeys: [impostor] }, { findPreSharedKey: finding(key) })
    using connection = resumingConnection(pair)
    const { client, server } = await negotiate(connection)
    assert.ok(server instanceof Error, String(server))
    assert.ok(client instanceof Error, String(client))
    assert.ok(!String(server).includes(Buffer.from(key.identity).toString()))
  })

  it('a server without keys, and one without the key and without certificates', async () => {
    const none = await contexts({ preSharedKeys: [key] }, {})
    using connection = await establish(resumingConnection(none))
    assert.equal(connection.client.facts.preSharedKeyIdentity, undefined)
    assert.equal(connection.client.facts.verified, true)
    const bare = await contexts({ preSharedKeys: [key] }, { certificateChain: [], findPreSharedKey: finding() })
    using failing = resumingConnection(bare)
    const { client, server } = await negotiate(failing)
    assert.ok(server instanceof Error, String(server))
    assert.ok(client instanceof Error, String(client))
  })

  it('sessions go on beside keys: the server asks nobody about its own tickets', async () => {
    const asked: string[] = []
    const pair = await contexts(only('TLSv1.3'), {
      findPreSharedKey: (identity) => {
        asked.push(Buffer.from(identity).toString('latin1'))
        return undefined
      },
    })
    using first = await establish(resumingConnection(pair))
    using second = await establish(resumingConnection(pair))
    assert.equal(first.client.facts.resumed, false)
    assert.equal(second.client.facts.resumed, true)
    assert.deepEqual(asked, [])
  })

  it('a name as long as any is found, whatever sessions are named by', async () => {
    for (const kind of ['stateless', 'stateful'] as const) {
      for (const length of [1, 31, 32, 33, 200]) {
        const named = new PreSharedKey({ identity: Buffer.alloc(length, 'n'), secret: randomBytes(32) })
        const server = { findPreSharedKey: finding(named), sessions: { kind } }
        using connection = await establish(resumingConnection(await contexts({ preSharedKeys: [named] }, server)))
        assert.deepEqual(connection.server.facts.preSharedKeyIdentity, named.identity, `${kind}, ${length} bytes`)
      }
    }
  })

  it('a veto hears of a peer without certificates', async () => {
    const chains: number[] = []
    const pair = await contexts(
      {
        preSharedKeys: [key],
        verifyPeer: ({ chain }) => {
          chains.push(chain.length)
          return { accept: false, reason: 'not by a key alone' }
        },
      },
      { findPreSharedKey: finding(key) },
    )
    using connection = resumingConnection(pair)
    const { client } = await negotiate(connection)
    assert.ok(client instanceof CertificateError, String(client))
    assert.deepEqual(chains, [0])
  })

  it('one that cannot be found because the search failed fails the connection', async () => {
    const failure = new Error('no directory')
    const pair = await contexts({ preSharedKeys: [key] }, { findPreSharedKey: () => Promise.reject(failure) })
    using connection = resumingConnection(pair)
    const { client, server } = await negotiate(connection)
    assert.ok(server instanceof Error && server.cause === failure, String(server))
    assert.ok(client instanceof AlertReceivedError && client.alert === 'internal_error', String(client))
  })

  it('a key that is to be imported is never used as it is', async () => {
    const secret = randomBytes(32)
    const asItIs = new PreSharedKey({ identity: 'a device', secret })
    const imported = new PreSharedKey({ identity: 'a device', secret, importContext: '' })
    const pair = await contexts({ preSharedKeys: [asItIs] }, { findPreSharedKey: () => imported })
    using connection = resumingConnection(pair)
    const { client, server } = await negotiate(connection)
    // To a server that imports, the name is one that it does not know. RFC 9258, Section 5.1.
    if (has(pairing.serverBackend, 'imported-pre-shared-keys')) assert.deepEqual([client, server], ['done', 'done'])
    else assert.ok(server instanceof ConfigurationError && server.field === 'findPreSharedKey', String(server))
    assert.equal(connection.client.facts.preSharedKeyIdentity, undefined)
    assert.equal(connection.server.facts.preSharedKeyIdentity, undefined)
  })

  it('a key that is too long for the server fails the connection, and is not passed over', async () => {
    const long = new PreSharedKey({ identity: 'a device', secret: randomBytes(513) })
    const pair = await contexts({ preSharedKeys: [key] }, { findPreSharedKey: () => long })
    using connection = resumingConnection(pair)
    const { client, server } = await negotiate(connection)
    // It is another key, so that whoever can use it finds the binder wrong.
    const isRefused = server instanceof ConfigurationError && server.field === 'findPreSharedKey'
    assert.ok(isRefused || (server instanceof ProtocolError && server.alert === 'decrypt_error'), String(server))
    assert.ok(client instanceof AlertReceivedError, String(client))
  })

  it('a key of one hash is used although the server likes suites of the other', async () => {
    for (const used of [key, longer]) {
      for (const ciphers of [
        [0x1301, 0x1302],
        [0x1302, 0x1301],
      ]) {
        const pair = await contexts({ preSharedKeys: [used] }, { ciphers, findPreSharedKey: finding(key, longer) })
        using connection = await establish(resumingConnection(pair))
        assert.deepEqual(connection.client.facts.preSharedKeyIdentity, used.identity)
        assert.equal(connection.client.facts.cipherSuite, used === key ? 0x1301 : 0x1302)
      }
    }
  })
})

forEachBackend('external keys', (backend) => {
  it('what it cannot do with them, it refuses by name', async () => {
    const { client, server } = await matching()
    const imported = new PreSharedKey({ identity: 'x', secret: randomBytes(32), importContext: '' })
    for (const [feature, field, preSharedKeys] of [
      ['pre-shared-keys', 'preSharedKeys', [key]],
      ['imported-pre-shared-keys', 'preSharedKeys[0]', [imported]],
    ] as const) {
      const make = () => backend.clientContext(new TLSClientConfiguration({ ...client, preSharedKeys }))
      if (has(backend, feature)) make()
      else
        assert.throws(
          make,
          (error) => error instanceof ConfigurationError && error.field.startsWith(field.slice(0, 13)),
        )
    }
    const make = () =>
      backend.serverContext(new TLSServerConfiguration({ ...server, findPreSharedKey: () => undefined }))
    if (has(backend, 'pre-shared-keys')) make()
    else assert.throws(make, (error) => error instanceof ConfigurationError && error.field === 'findPreSharedKey')
  })
})

it('names that one ClientHello has no room for are refused before there is one', () => {
  const named = (length: number, importContext?: string): PreSharedKey =>
    new PreSharedKey({ identity: Buffer.alloc(length, 'n'), secret: key16, ...(importContext && { importContext }) })
  const key16 = randomBytes(16)
  for (const preSharedKeys of [[named(65_535)], [named(20_000), named(20_000)], [named(10_000, 'n'.repeat(3_000))]])
    assert.throws(
      () => new TLSClientConfiguration({ preSharedKeys }),
      (error) => error instanceof ConfigurationError && error.field === 'preSharedKeys',
    )
  new TLSClientConfiguration({ preSharedKeys: [named(24_000)] })
})
