import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import { AlertReceivedError, type Session, type TicketKey, TLSError } from 'polytls'
import { decodeSessionState, encodeSessionState, type SessionState } from '#polytls/backends/portable/session-state.js'
import { stateOf } from '#polytls/config/session.js'
import { forEachPair, forEachVersion, has } from '../support/backends.ts'
import { type Contexts, contextsFor } from '../support/connection.ts'
import { matching } from '../support/identities.ts'
import { alteredSession, establish, negotiate, resumingConnection } from '../support/resumption.ts'

/** Tickets that somebody has worked on. Whatever they were changed into, the server makes nothing of them, and nobody breaks. */
forEachPair('tampered tickets', (pairing) => {
  if (!has(pairing.clientBackend, 'sessions') || !has(pairing.serverBackend, 'sessions')) return

  forEachVersion(pairing, (version, bounds) => {
    const key: TicketKey = { name: randomBytes(16), secret: randomBytes(32) }
    const begin = async (): Promise<{ readonly pair: Contexts; readonly session: Session }> => {
      const { client, server } = await matching()
      const sessions = { kind: 'stateless', ticketKeys: { current: () => [key] } } as const
      const pair = contextsFor(pairing, { client: { ...client, ...bounds }, server: { ...server, sessions } })
      using first = await establish(resumingConnection(pair))
      const [session] = first.client.takeSessions()
      assert.ok(session)
      return { pair, session }
    }

    it(`${version}: a bit that is flipped anywhere in one leads to a full handshake`, async () => {
      const { pair, session } = await begin()
      // A ticket begins with the name of its key, whatever the client's backend keeps around it.
      const state = Buffer.from(stateOf(session))
      const start = state.indexOf(key.name)
      assert.ok(start > 0)
      for (const offset of [0, 15, 16, 31, 32, 40, 100]) {
        const flipped = Buffer.from(state)
        flipped.writeUInt8((flipped[start + offset] as number) ^ 0x10, start + offset)
        const altered = alteredSession(session, { state: flipped })
        using connection = await establish(resumingConnection(pair, { session: altered }))
        for (const side of ['client', 'server'] as const) {
          assert.equal(connection[side].facts.resumed, false, `${side}, byte ${offset}`)
          assert.equal(connection[side].facts.version, version)
        }
      }
      using untouched = await establish(resumingConnection(pair, { session }))
      assert.equal(untouched.client.facts.resumed, true)
    })

    // What another backend keeps cannot be taken apart here.
    if (!pairing.clientBackend.name.startsWith('portable')) return
    const changed = (session: Session, change: (state: SessionState) => SessionState): Session => {
      const state = decodeSessionState(stateOf(session)) as SessionState
      return alteredSession(session, { state: encodeSessionState(change(state)) })
    }

    it(`${version}: one that is cut short, or longer than it was, leads to a full handshake`, async () => {
      const { pair, session } = await begin()
      const { ticket } = decodeSessionState(stateOf(session)) as SessionState
      for (const length of [1, 15, 16, 17, 31, 32, 33, 48, ticket.length - 1]) {
        const altered = changed(session, (state) => ({ ...state, ticket: ticket.subarray(0, length) }))
        using connection = await establish(resumingConnection(pair, { session: altered }))
        assert.equal(connection.server.facts.resumed, false, `${length} bytes`)
      }
      for (const more of [1, 16, 10_000]) {
        const altered = changed(session, (state) => ({ ...state, ticket: Buffer.concat([ticket, Buffer.alloc(more)]) }))
        using connection = await establish(resumingConnection(pair, { session: altered }))
        assert.equal(connection.server.facts.resumed, false, `${more} bytes more`)
      }
    })

    it(`${version}: somebody who has the ticket and not its secret does not get in`, async () => {
      const { pair, session } = await begin()
      const stolen = changed(session, (state) =>
        state.version === 'TLSv1.3'
          ? { ...state, preSharedKey: randomBytes(state.preSharedKey.length) }
          : { ...state, masterSecret: randomBytes(48) },
      )
      using connection = resumingConnection(pair, { session: stolen })
      const { client, server } = await negotiate(connection)
      if (version === 'TLSv1.3') {
        // RFC 9846, Section 4.2.11: a binder that does not fit ends the handshake.
        assert.ok(server instanceof TLSError, String(server))
        assert.ok(client instanceof AlertReceivedError, String(client))
        assert.ok(['decrypt_error', 'illegal_parameter'].includes(client.alert ?? ''), client.alert)
      } else {
        // The server's own Finished is the first that shows it.
        assert.ok(client instanceof TLSError, String(client))
        assert.notEqual(server, 'done')
      }
    })
  })
})
