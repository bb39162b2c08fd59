import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type NegotiatedVersion,
  outgoingLimitBytes,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
} from 'polytls'
import type { Pointer } from '#polytls/backends/openssl/prototypes.js'
import { only } from '../../support/backends.ts'
import { type Connection, connectionOf, step } from '../../support/connection.ts'
import { matching } from '../../support/identities.ts'
import { OpenSSLWorkshop } from '../../support/openssl-workshop.ts'

/** SSL_OP_NO_RENEGOTIATION, which the peers here do not have. */
const noRenegotiation = 0x40000000

describe('peers that ask for work', () => {
  const workshop = new OpenSSLWorkshop()
  const library = workshop.library.koffi.load(null)
  const renegotiate = library.func('int SSL_renegotiate(void*)') as (ssl: Pointer) => number
  const updateKeys = library.func('int SSL_key_update(void*, int)') as (ssl: Pointer, request: number) => number
  const clearOptions = library.func('uint64_t SSL_clear_options(void*, uint64_t)') as (
    ssl: Pointer,
    options: number,
  ) => number

  /** An established connection with what lies behind both channels. */
  const established = async (
    version: NegotiatedVersion,
  ): Promise<{ readonly connection: Connection; readonly client: Pointer; readonly server: Pointer }> => {
    const { client, server } = await matching()
    const made: Pointer[] = []
    const native = workshop.library.native as { SSL_new: (context: Pointer) => Pointer | null }
    const { SSL_new } = native
    native.SSL_new = (context) => {
      const ssl = SSL_new(context)
      if (ssl !== null) made.push(ssl)
      return ssl
    }
    try {
      const connection = connectionOf({
        client: workshop.clientContext(new TLSClientConfiguration({ ...client, ...only(version) })),
        server: workshop.serverContext(new TLSServerConfiguration(server)),
      })
      await connection.establish()
      return { connection, client: made[0] as Pointer, server: made[1] as Pointer }
    } finally {
      native.SSL_new = SSL_new
    }
  }

  it('TLSv1.3: a peer may ask for new keys as often as it likes, and data goes on', async () => {
    const { connection, server } = await established('TLSv1.3')
    for (let round = 0; round < 50; round++) {
      assert.equal(updateKeys(server, 1), 1)
      assert.equal(connection.transfer('server', Buffer.from(`down ${round}`)).toString(), `down ${round}`)
      assert.equal(connection.transfer('client', Buffer.from(`up ${round}`)).toString(), `up ${round}`)
    }
    connection[Symbol.dispose]()
  })

  it('TLSv1.3: a flood of requests for new keys makes the channel hold no more than it may', async () => {
    const { connection, server } = await established('TLSv1.3')
    flood(connection.server, connection.client, () => updateKeys(server, 1))
    assert.equal(connection.client.read(100), 'want-write')
    // Nothing was lost: once the answers are fetched, reading goes on where it was.
    connection.client.processOutgoing()
    assert.deepEqual([...(connection.client.read(1) as Uint8Array)], [1])
    connection[Symbol.dispose]()
  })

  it('TLSv1.2: a server that wants to renegotiate does not get it, and data goes on or the channel fails', async () => {
    const { connection, server } = await established('TLSv1.2')
    clearOptions(server, noRenegotiation)
    const suite = connection.client.facts.cipherSuite
    assert.equal(renegotiate(server), 1)
    connection.server.write(Buffer.from('again?'))
    connection.flow()
    const read = step(() => connection.client.read(100))
    if (read instanceof Error) assert.match(read.message, /renegotiation/)
    assert.equal(connection.client.facts.cipherSuite, suite)
    connection[Symbol.dispose]()
  })

  it('TLSv1.2: a client that wants to renegotiate does not get it', async () => {
    const { connection, client } = await established('TLSv1.2')
    clearOptions(client, noRenegotiation)
    assert.equal(renegotiate(client), 1)
    step(() => connection.client.write(Buffer.from('again?')))
    connection.flow()
    step(() => connection.server.read(100))
    connection.flow()
    const heard = step(() => connection.client.read(100))
    assert.ok(heard instanceof Error, String(heard))
    connection[Symbol.dispose]()
  })

  it('TLSv1.2: a flood of requests to renegotiate makes the channel hold no more than it may', async () => {
    const { connection, server } = await established('TLSv1.2')
    clearOptions(server, noRenegotiation)
    flood(connection.server, connection.client, () => renegotiate(server))
    connection[Symbol.dispose]()
  })

  /** A peer that asks, says a byte and asks again, while its victim reads and nobody fetches what the victim answers. */
  function flood(peer: TLSBuffer, victim: TLSBuffer, ask: () => void): void {
    let most = 0
    for (let round = 0; round < 30_000; round++) {
      ask()
      if (step(() => peer.write(Uint8Array.of(1))) instanceof Error) break
      const ciphertext = peer.processOutgoing()
      const taken = step(() => victim.processIncoming(ciphertext))
      const read = step(() => victim.read(100))
      most = Math.max(most, victim.outgoingBytesBuffered)
      if (read instanceof Error) break
      if (taken !== ciphertext.byteLength) break
    }
    // Enough to know that it is the bound that held, or the end of the patience with such a peer.
    assert.ok(most > 0)
    assert.ok(most <= 2 * outgoingLimitBytes + 1024, `${most} bytes waited`)
  }
})
