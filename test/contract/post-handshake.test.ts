import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  AlertReceivedError,
  BackendError,
  CertificateError,
  type CertificateRequest,
  type ClientOptions,
  ConfigurationError,
  type PeerIdentity,
  ProtocolError,
  type ServerOptions,
  TLSClientConfiguration,
  UsageError,
} from 'polytls'
import { forEachBackend, forEachPair, has, only, type Pairing } from '../support/backends.ts'
import { byteByByte, type Connection, connectionBetween, contextsFor } from '../support/connection.ts'
import {
  authority,
  clientIdentity,
  derChain,
  makeAuthority,
  matching,
  signingChain,
  trusting,
} from '../support/identities.ts'
import { exchange } from '../support/late.ts'
import { establish, resumingConnection } from '../support/resumption.ts'

const feature = 'post-handshake-authentication'

forEachBackend('post-handshake authentication', (backend) => {
  if (has(backend, feature)) return
  it('a backend that does not have it refuses to offer it', async () => {
    const { client } = await matching()
    assert.throws(
      () => backend.clientContext(new TLSClientConfiguration({ ...client, postHandshakeAuthentication: true })),
      (error) => error instanceof ConfigurationError && error.field === 'postHandshakeAuthentication',
    )
  })
})

forEachPair('post-handshake authentication', (pairing) => {
  const { clientBackend, serverBackend } = pairing
  if (!has(clientBackend, feature) || !has(serverBackend, feature)) return

  it('a server asks for the certificate at any time, with data in flight, and takes it for the identity', async () => {
    using connection = await connected(pairing)
    assert.equal(connection.server.facts.peerCertificate, undefined)
    connection.client.write(Buffer.from('before'))
    const request = connection.server.requestClientCertificate()
    assert.equal(request.peer, undefined)
    connection.server.write(Buffer.from('you are asked'))
    connection.client.write(Buffer.from(' and behind'))
    const { client, server, asked } = await exchange(connection)
    assert.deepEqual(asked, [])
    assert.deepEqual([client.ending, server.ending], ['want-read', 'want-read'])
    assert.equal(server.data.toString(), 'before and behind')
    assert.equal(client.data.toString(), 'you are asked')
    const chain = derChain(await clientIdentity())
    assert.deepEqual(request.peer, { chain, serverName: undefined })
    assert.deepEqual(connection.server.facts.peerChain, chain)
    assert.deepEqual(connection.server.facts.peerCertificate, chain[0])
    assert.equal(connection.server.facts.verified, true)
    assert.equal(connection.transfer('client', Buffer.from('now you know')).toString(), 'now you know')
    assert.equal(connection.transfer('server', Buffer.from('so I do')).toString(), 'so I do')
  })

  it('an answer that comes byte by byte is the same answer', async () => {
    using connection = await connected(pairing, {}, {}, { fragmentation: byteByByte })
    const request = connection.server.requestClientCertificate()
    for (let answered = false; !answered; answered = request.peer !== undefined) {
      connection.flow()
      await exchange(connection)
    }
    assert.deepEqual(request.peer?.chain, derChain(await clientIdentity()))
  })

  it('data and new keys can come while half of an answer is there', async () => {
    using connection = await connected(pairing)
    const request = connection.server.requestClientCertificate()
    connection.flow()
    assert.equal(connection.client.read(100), 'want-read')
    const answer = connection.client.processOutgoing()
    connection.server.processIncoming(answer.subarray(0, answer.length - 10))
    assert.equal(connection.server.read(100), 'want-read')
    // A channel that cannot write here says so, and nothing is lost.
    const early = connection.server.write(Buffer.from('while it comes'))
    assert.ok(early === 14 || early === 'want-read', String(early))
    connection.server.processIncoming(answer.subarray(answer.length - 10))
    assert.equal(connection.server.read(100), 'want-read')
    assert.ok(request.peer)
    if (early !== 14) assert.equal(connection.server.write(Buffer.from('while it comes')), 14)
    const { client } = await exchange(connection)
    assert.equal(client.data.toString(), 'while it comes')
  })

  it('requests can be many: one behind the other, and several at once, up to four', async () => {
    using connection = await connected(pairing)
    const chain = derChain(await clientIdentity())
    for (let round = 0; round < 3; round++) {
      const requests = Array.from({ length: 4 }, () => connection.server.requestClientCertificate())
      assert.throws(() => connection.server.requestClientCertificate(), UsageError)
      await exchange(connection)
      for (const { peer } of requests) assert.deepEqual(peer?.chain, chain)
      assert.equal(connection.transfer('client', Buffer.from('data')).toString(), 'data')
    }
  })

  it('keys may change before, between and behind', async () => {
    using connection = await connected(pairing)
    for (const requestPeer of [false, true]) {
      connection.client.updateKeys({ requestPeer })
      const request = connection.server.requestClientCertificate()
      connection.server.updateKeys({ requestPeer })
      await exchange(connection)
      assert.deepEqual(request.peer?.chain, derChain(await clientIdentity()))
      for (const side of ['client', 'server'] as const)
        assert.equal(connection.transfer(side, Buffer.from('data')).toString(), 'data')
    }
  })

  it('new keys that are wanted while half of an answer is there come behind it', async () => {
    using connection = await connected(pairing)
    const request = connection.server.requestClientCertificate()
    connection.flow()
    assert.equal(connection.client.read(100), 'want-read')
    const answer = connection.client.processOutgoing()
    connection.server.processIncoming(answer.subarray(0, answer.length - 10))
    assert.equal(connection.server.read(100), 'want-read')
    connection.server.updateKeys()
    connection.server.sendTicket()
    connection.server.processIncoming(answer.subarray(answer.length - 10))
    await exchange(connection)
    assert.ok(request.peer)
    for (const side of ['client', 'server'] as const)
      assert.equal(connection.transfer(side, Buffer.from('data')).toString(), 'data')
    assert.ok(connection.client.takeSessions().length > 0)
  })

  it('a client without a certificate declines, and stays who it was', async () => {
    using stranger = await connected(pairing, { certificateChain: undefined })
    const declined = stranger.server.requestClientCertificate()
    await exchange(stranger)
    assert.deepEqual(declined.peer, { chain: [], serverName: undefined })
    assert.deepEqual(stranger.server.facts.peerChain, [])
    assert.equal(stranger.server.facts.verified, false)
    assert.equal(stranger.transfer('client', Buffer.from('still here')).toString(), 'still here')

    let asked = 0
    const mine = signingChain(await clientIdentity())
    const chooseCertificate = () => (asked++ === 0 ? mine : undefined)
    using known = await connected(
      pairing,
      { certificateChain: undefined, chooseCertificate },
      { clientAuthentication: 'requested' },
    )
    const again = known.server.requestClientCertificate()
    await exchange(known)
    assert.equal(asked, 2)
    assert.deepEqual(again.peer, { chain: [], serverName: undefined })
    assert.deepEqual(known.server.facts.peerChain, derChain(await clientIdentity()))
    assert.equal(known.server.facts.verified, true)
    assert.equal(known.transfer('server', Buffer.from('I know you')).toString(), 'I know you')
  })

  it('a server that requires a certificate refuses a client that declines', async () => {
    let asked = 0
    const mine = signingChain(await clientIdentity())
    const chooseCertificate = () => (asked++ === 0 ? mine : undefined)
    using connection = await connected(
      pairing,
      { certificateChain: undefined, chooseCertificate },
      { clientAuthentication: 'required' },
    )
    const request = connection.server.requestClientCertificate()
    const { client, server } = await exchange(connection)
    assert.ok(server.ending instanceof CertificateError, String(server.ending))
    assert.equal(server.ending.reason, 'missing')
    assert.ok(client.ending instanceof AlertReceivedError, String(client.ending))
    assert.equal(client.ending.alert, 'certificate_required')
    assert.equal(request.peer, undefined)
  })

  it('a certificate that nobody vouches for ends the connection, as in the handshake', async () => {
    const stranger = await (await makeAuthority({ name: 'A Stranger' })).issue({ name: 'Nobody' })
    using connection = await connected(pairing, { certificateChain: signingChain(stranger) })
    const request = connection.server.requestClientCertificate()
    const { client, server } = await exchange(connection)
    assert.ok(server.ending instanceof CertificateError, String(server.ending))
    assert.equal(server.ending.reason, 'unknown-issuer')
    assert.ok(client.ending instanceof AlertReceivedError, String(client.ending))
    assert.equal(client.ending.alert, 'unknown_ca')
    assert.equal(request.peer, undefined)
    assert.equal(connection.server.facts.verified, false)
    assert.deepEqual(connection.server.facts.peerChain, [])
  })

  it('the veto is asked about each answer, before the data behind it, and may take its time', async () => {
    const seen: PeerIdentity[] = []
    using connection = await connected(
      pairing,
      {},
      {
        verifyPeer: async (peer) => {
          seen.push(peer)
          return { accept: true }
        },
      },
    )
    assert.equal(seen.length, 0, 'who has not been asked is nobody to judge')
    const requests = [connection.server.requestClientCertificate(), connection.server.requestClientCertificate()]
    connection.flow()
    assert.equal(connection.client.read(100), 'want-read')
    connection.client.write(Buffer.from('behind the first answers'))
    connection.flow()
    assert.equal(connection.server.read(100), 'paused')
    assert.equal(connection.server.pause?.kind, 'verify-peer')
    assert.equal(connection.server.read(100), 'paused')
    assert.equal(requests[0]?.peer, undefined)
    const { server } = await exchange(connection)
    assert.equal(server.data.toString(), 'behind the first answers')
    const chain = derChain(await clientIdentity())
    assert.deepEqual(
      seen.map((peer) => peer.chain),
      [chain, chain],
    )
    for (const { peer } of requests) assert.deepEqual(peer?.chain, chain)
  })

  it('a veto ends the connection, and no data behind the answer is handed over', async () => {
    using connection = await connected(pairing, {}, { verifyPeer: () => ({ accept: false, reason: 'not on my list' }) })
    const request = connection.server.requestClientCertificate()
    connection.flow()
    assert.equal(connection.client.read(100), 'want-read')
    connection.client.write(Buffer.from('let me in'))
    const { client, server } = await exchange(connection)
    assert.ok(server.ending instanceof CertificateError, String(server.ending))
    assert.match(server.ending.message, /not on my list/)
    assert.equal(server.data.length, 0)
    // OpenSSL is done with the answer by then, and can only close.
    assert.ok(client.ending === 'closed' || client.ending instanceof AlertReceivedError, String(client.ending))
    assert.equal(request.peer, undefined)
    assert.deepEqual(connection.server.facts.peerChain, [])
  })

  it('a client chooses by what it is asked for, now or later', async () => {
    const requests: CertificateRequest[] = []
    const mine = signingChain(await clientIdentity())
    using connection = await connected(pairing, {
      certificateChain: undefined,
      chooseCertificate: async (request) => {
        requests.push(request)
        await Promise.resolve()
        return mine
      },
    })
    assert.equal(requests.length, 0)
    const request = connection.server.requestClientCertificate()
    connection.server.write(Buffer.from('behind the request'))
    connection.flow()
    assert.equal(connection.client.read(100), 'paused')
    assert.equal(connection.client.read(100), 'paused')
    assert.equal(connection.client.shutdown(), 'paused')
    const { client, asked } = await exchange(connection)
    assert.deepEqual(asked, ['client: choose-certificate'])
    assert.equal(client.data.toString(), 'behind the request')
    assert.deepEqual(request.peer?.chain, derChain(await clientIdentity()))
    assert.equal(requests.length, 1)
    assert.equal(requests[0]?.afterHandshake, true)
    assert.equal(requests[0]?.authorities.length, 1)
    assert.ok((requests[0]?.signatureSchemes.length ?? 0) > 0)
  })

  it('a client whose choice fails gives the connection up', async () => {
    const cause = new Error('no hand free')
    using connection = await connected(pairing, {
      certificateChain: undefined,
      chooseCertificate: () => Promise.reject(cause),
    })
    connection.server.requestClientCertificate()
    const { client, server } = await exchange(connection)
    assert.ok(client.ending instanceof BackendError, String(client.ending))
    assert.equal(client.ending.cause, cause)
    assert.ok(server.ending instanceof AlertReceivedError, String(server.ending))
    assert.equal(server.ending.alert, 'internal_error')
  })

  it('a client can have shown one certificate, and show another', async () => {
    const first = await clientIdentity()
    const second = await clientIdentity('ed25519')
    const choose = ({ afterHandshake }: CertificateRequest) => signingChain(afterHandshake ? second : first)
    using connection = await connected(
      pairing,
      { certificateChain: undefined, chooseCertificate: choose },
      { clientAuthentication: 'required' },
    )
    assert.deepEqual(connection.server.facts.peerChain, derChain(first))
    connection.server.requestClientCertificate()
    await exchange(connection)
    assert.deepEqual(connection.server.facts.peerChain, derChain(second))
  })

  it('close_notify ends it: what is open stays open, and nothing more can be asked', async () => {
    using connection = await connected(pairing)
    const request = connection.server.requestClientCertificate()
    assert.equal(connection.client.shutdown(), 'want-read')
    const { server, client } = await exchange(connection)
    assert.equal(server.ending, 'closed')
    assert.equal(client.ending, 'want-read')
    assert.equal(request.peer, undefined)
    assert.throws(() => connection.server.requestClientCertificate(), UsageError)

    using other = await connected(pairing)
    other.server.requestClientCertificate()
    other.server.shutdown()
    assert.throws(() => other.server.requestClientCertificate(), UsageError)
    assert.equal((await exchange(other)).client.ending, 'closed')
  })

  it('a client that is asked again and again without any data gives up', async () => {
    using connection = await connected(pairing)
    let ending: unknown
    for (let asked = 0; asked < 40 && !(ending instanceof Error); asked++) {
      connection.server.requestClientCertificate()
      ending = (await exchange(connection)).client.ending
    }
    assert.ok(ending instanceof ProtocolError, String(ending))
  })

  it('is refused where it cannot be, and the connection goes on', async () => {
    const unoffered = await connected(pairing, { postHandshakeAuthentication: false })
    const trustless = await connected(pairing, {}, { trustStore: undefined })
    const old = await connected(pairing, only('TLSv1.2'))
    for (const [connection, kind] of [
      [unoffered, UsageError],
      [trustless, ConfigurationError],
      [old, UsageError],
    ] as const) {
      using refused = connection
      assert.throws(() => refused.client.requestClientCertificate(), UsageError)
      assert.throws(() => refused.server.requestClientCertificate(), kind)
      assert.equal(refused.transfer('client', Buffer.from('all the same')).toString(), 'all the same')
    }
    const { client, server } = await options()
    using unfinished = connectionBetween(pairing, { client, server })
    assert.throws(() => unfinished.server.requestClientCertificate(), UsageError)
  })

  for (const kind of ['stateless', 'stateful'] as const) {
    it(`${kind} sessions: tickets from then on are for the identity, and a session can be asked again`, async () => {
      const { client, server } = await options({}, { sessions: { kind } })
      const contexts = contextsFor(pairing, { client, server })
      using connection = await establish(resumingConnection(contexts))
      connection.client.takeSessions()
      connection.server.requestClientCertificate()
      await exchange(connection)
      const session = connection.client.takeSessions().at(-1)
      assert.ok(session, 'a ticket that knows of it')
      using resumed = await establish(resumingConnection(contexts, { session }))
      const chain = derChain(await clientIdentity())
      assert.equal(resumed.server.facts.resumed, true)
      assert.deepEqual(resumed.server.facts.peerChain, chain)
      assert.equal(resumed.server.facts.verified, true)
      const request = resumed.server.requestClientCertificate()
      await exchange(resumed)
      assert.deepEqual(request.peer, { chain, serverName: undefined })
      assert.equal(resumed.server.facts.resumed, true)
      assert.deepEqual(resumed.server.facts.peerChain, chain)
    })
  }

  it('a ticket from before knows nothing of it', async () => {
    const contexts = contextsFor(pairing, await options())
    using connection = await establish(resumingConnection(contexts))
    const session = connection.client.takeSessions().at(-1)
    connection.server.requestClientCertificate()
    await exchange(connection)
    assert.ok(session)
    using resumed = await establish(resumingConnection(contexts, { session }))
    assert.equal(resumed.server.facts.resumed, true)
    assert.deepEqual(resumed.server.facts.peerChain, [])
    assert.equal(resumed.server.facts.verified, false)
  })

  it('a session of one trust is not resumed under another', async () => {
    const store = new Map<string, Uint8Array>()
    const key = (id: Uint8Array): string => Buffer.from(id).toString('hex')
    const shared: ServerOptions['sessions'] = {
      kind: 'stateful',
      store: {
        put: (id, entry) => void store.set(key(id), entry),
        get: (id) => store.get(key(id)),
      },
    }
    const first = contextsFor(pairing, await options({}, { sessions: shared }))
    const other = trusting(await makeAuthority({ name: 'Another' }))
    const second = contextsFor(pairing, await options({}, { sessions: shared, trustStore: other }))
    using connection = await establish(resumingConnection(first))
    connection.server.requestClientCertificate()
    await exchange(connection)
    const session = connection.client.takeSessions().at(-1)
    assert.ok(session)
    using again = await establish(resumingConnection({ client: first.client, server: second.server }, { session }))
    assert.equal(again.server.facts.resumed, false)
    assert.deepEqual(again.server.facts.peerChain, [])
  })
})

async function options(
  client: { readonly [K in keyof ClientOptions]?: ClientOptions[K] | undefined } = {},
  server: { readonly [K in keyof ServerOptions]?: ServerOptions[K] | undefined } = {},
): Promise<{ readonly client: ClientOptions; readonly server: ServerOptions }> {
  const base = await matching()
  const own = { certificateChain: signingChain(await clientIdentity()), postHandshakeAuthentication: true }
  return {
    client: defined({ ...base.client, ...own, ...client }) as ClientOptions,
    server: defined({ ...base.server, trustStore: trusting(await authority()), ...server }) as ServerOptions,
  }
}

function defined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

async function connected(
  pairing: Pairing,
  client: { readonly [K in keyof ClientOptions]?: ClientOptions[K] | undefined } = {},
  server: { readonly [K in keyof ServerOptions]?: ServerOptions[K] | undefined } = {},
  more: Pick<Parameters<typeof connectionBetween>[1], 'fragmentation'> = {},
): Promise<Connection> {
  return establish(connectionBetween(pairing, { ...(await options(client, server)), ...more }))
}
