import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { SessionStore } from 'polytls'
import { stateOf } from '#polytls/config/session.js'
import { forEachPair, only } from '../../support/backends.ts'
import { contextsFor } from '../../support/connection.ts'
import { matching } from '../../support/identities.ts'
import { alteredSession, establish, resumingConnection } from '../../support/resumption.ts'

forEachPair('freshness of early data', (pairing) => {
  const drives = (name: string): boolean => name.startsWith('openssl')
  if (!drives(pairing.clientBackend.name) || !drives(pairing.serverBackend.name)) return

  for (const [seconds, outcome] of [
    [0, 'accepted'],
    [20, 'rejected'],
  ] as const) {
    it(`a client that says that its ticket is ${seconds} seconds older than it is: ${outcome}`, async () => {
      const { client, server } = await matching()
      const pair = contextsFor(pairing, {
        client: { ...client, ...only('TLSv1.3') },
        server: { ...server, maxEarlyDataBytes: 100 },
      })
      using first = await establish(resumingConnection(pair))
      const [session] = first.client.takeSessions()
      assert.ok(session)
      const altered = alteredSession(session, { state: agedBy(seconds, stateOf(session)) })
      using connection = await establish(
        resumingConnection(pair, { session: altered, earlyData: Buffer.from('early') }),
      )
      assert.equal(connection.client.facts.resumed, true)
      assert.equal(connection.client.facts.earlyData, outcome)
    })
  }

  it('a hello that is repeated when its ticket has grown older: rejected', async () => {
    const { client, server } = await matching()
    const entries = new Map<string, Uint8Array>()
    const keyOf = (id: Uint8Array): string => Buffer.from(id).toString('hex')
    const store: SessionStore = {
      put: (id, session) => {
        entries.set(keyOf(id), session)
      },
      // As if 20 seconds had passed, of which the hello knows nothing.
      get: (id) => agedBy(20, entries.get(keyOf(id)) as Uint8Array),
    }
    const pair = contextsFor(pairing, {
      client: { ...client, ...only('TLSv1.3') },
      server: { ...server, maxEarlyDataBytes: 100, sessions: { kind: 'stateful', store } },
    })
    using first = await establish(resumingConnection(pair))
    const [session] = first.client.takeSessions()
    using connection = await establish(resumingConnection(pair, { session, earlyData: Buffer.from('early') }))
    assert.equal(connection.client.facts.resumed, true)
    assert.equal(connection.client.facts.earlyData, 'rejected')
  })
})

/** OpenSSL writes when a session began as an INTEGER in the context tag 1. */
function agedBy(seconds: number, state: Uint8Array): Uint8Array {
  const aged = Buffer.from(state)
  const at = aged.indexOf(Buffer.from([0xa1, 0x06, 0x02, 0x04]))
  assert.ok(at > 0)
  aged.writeUInt32BE(aged.readUInt32BE(at + 4) - seconds, at + 4)
  return aged
}
