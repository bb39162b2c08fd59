import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { type TicketKey, TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import { only } from '../../support/backends.ts'
import { matching } from '../../support/identities.ts'
import { OpenSSLWorkshop } from '../../support/openssl-workshop.ts'
import { establish, negotiate, resumingConnection } from '../../support/resumption.ts'

/** OpenSSL has room for one key. Whether it uses that or asks must not be told from outside. */
describe('keys for tickets that OpenSSL has itself', () => {
  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    it(`${version}: one key is not asked for, and several are`, async () => {
      const { keys, connect, asked } = await server(version)
      assert.equal(await connect(), false)
      assert.equal(await connect(), true)
      assert.equal(asked(), 0)
      keys.unshift(newKey())
      assert.equal(await connect(), true, 'a ticket of the older key, which OpenSSL had itself')
      assert.ok(asked() > 0)
      assert.equal(await connect(), true)
      keys.pop()
      const before = asked()
      assert.equal(await connect(), true, 'a ticket of the newest key, for which OpenSSL has asked')
      assert.equal(asked(), before)
    })

    it(`${version}: a key that is replaced, or written over where it lies, opens nothing any more`, async () => {
      const { keys, connect, asked } = await server(version)
      assert.equal(await connect(), false)
      keys.splice(0, 1, { name: keys[0]?.name ?? randomBytes(16), secret: randomBytes(32) })
      assert.equal(await connect(), false)
      assert.equal(await connect(), true)
      keys[0]?.secret.set(randomBytes(32))
      assert.equal(await connect(), false)
      assert.equal(await connect(), true)
      keys[0]?.name.set(randomBytes(16))
      assert.equal(await connect(), false)
      assert.equal(await connect(), true)
      assert.equal(asked(), 0)
    })

    it(`${version}: without a key nothing goes on with the one that was there`, async () => {
      const { keys, connect, fail } = await server(version)
      assert.equal(await connect(), false)
      const [key] = keys.splice(0, 1)
      await fail()
      keys.push(key as TicketKey)
      assert.equal(await connect(), true)
    })
  }
})

function newKey(): TicketKey {
  return { name: randomBytes(16), secret: randomBytes(32) }
}

async function server(version: 'TLSv1.2' | 'TLSv1.3'): Promise<{
  readonly keys: TicketKey[]
  /** Whether the next connection resumes. */
  connect(): Promise<boolean>
  /** A connection that the server has to fail. */
  fail(): Promise<void>
  readonly asked: () => number
}> {
  const keys = [newKey()]
  const workshop = new OpenSSLWorkshop()
  const { client, server } = await matching()
  const sessions = { kind: 'stateless', ticketKeys: { current: () => keys } } as const
  const contexts = {
    client: workshop.clientContext(new TLSClientConfiguration({ ...client, ...only(version) })),
    server: workshop.serverContext(new TLSServerConfiguration({ ...server, ...only(version), sessions })),
  }
  return {
    keys,
    connect: async () => {
      using connection = await establish(resumingConnection(contexts))
      assert.equal(connection.server.facts.resumed, connection.client.facts.resumed)
      return connection.client.facts.resumed
    },
    fail: async () => {
      // A session that is kept for the next connection must not be used up.
      using connection = resumingConnection(contexts, { service: 'another' })
      const { server } = await negotiate(connection)
      assert.ok(server instanceof Error, String(server))
    },
    asked: workshop.count('EVP_MAC_init'),
  }
}
