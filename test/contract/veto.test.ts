import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  AlertReceivedError,
  CertificateError,
  ConfigurationError,
  type PeerIdentity,
  TLSClientConfiguration,
  TLSServerConfiguration,
  UsageError,
  type Verdict,
  type VerifyPeer,
} from 'polytls'
import { forEachPair, forEachVersion, has, type OneVersion } from '../support/backends.ts'
import { answerVeto, type Connection, connectionBetween, type Ending, type Side, step } from '../support/connection.ts'
import {
  authority,
  clientIdentity,
  derChain,
  hostName,
  makeAuthority,
  matching,
  serverIdentity,
  signingChain,
  trusting,
} from '../support/identities.ts'

const accept: VerifyPeer = () => ({ accept: true })

forEachPair('veto', (pairing) => {
  if (!has(pairing.clientBackend, 'verify-peer') || !has(pairing.serverBackend, 'verify-peer')) {
    it('a backend without it refuses verifyPeer by name', async () => {
      const { client, server } = await matching()
      const refused = (error: unknown): boolean => error instanceof ConfigurationError && error.field === 'verifyPeer'
      if (!has(pairing.clientBackend, 'verify-peer')) {
        const configuration = new TLSClientConfiguration({ ...client, verifyPeer: accept })
        assert.throws(() => pairing.clientBackend.clientContext(configuration), refused)
      }
      if (!has(pairing.serverBackend, 'verify-peer')) {
        const { trustStore } = client
        const options = { ...server, trustStore, clientAuthentication: 'required', verifyPeer: accept } as const
        assert.throws(() => pairing.serverBackend.serverContext(new TLSServerConfiguration(options)), refused)
      }
    })
    return
  }

  /** Both sides show a certificate; the given one has the veto. */
  const withVeto = async (side: Side, bounds: OneVersion, verifyPeer: VerifyPeer): Promise<Connection> => {
    const { client, server } = await matching()
    return connectionBetween(pairing, {
      client: {
        ...client,
        ...bounds,
        certificateChain: signingChain(await clientIdentity()),
        ...(side === 'client' && { verifyPeer }),
      },
      server: {
        ...server,
        clientAuthentication: 'required',
        trustStore: trusting(await authority()),
        ...(side === 'server' && { verifyPeer }),
      },
    })
  }

  forEachVersion(pairing, (version, bounds) => {
    for (const side of ['client', 'server'] as const) {
      const other = side === 'client' ? 'server' : 'client'

      it(`${version}: the ${side}'s veto is asked once, with the chain and the name, and may accept`, async () => {
        const asked: PeerIdentity[] = []
        using connection = await withVeto(side, bounds, (peer) => {
          asked.push(peer)
          return { accept: true }
        })
        await connection.establish()
        assert.equal(asked.length, 1)
        const identity = side === 'client' ? await serverIdentity() : await clientIdentity()
        assert.deepEqual(asked[0]?.chain, derChain(identity))
        if (side === 'client') assert.equal(asked[0]?.serverName, hostName)
        assert.equal(connection[side].facts.verified, true)
        assert.equal(connection[side].pause, undefined)
        assert.equal(connection.transfer('client', Buffer.from('up')).toString(), 'up')
        assert.equal(connection.transfer('server', Buffer.from('down')).toString(), 'down')
      })

      it(`${version}: the ${side}'s veto may accept later, by a promise`, async () => {
        let decide: ((verdict: Verdict) => void) | undefined
        using connection = await withVeto(
          side,
          bounds,
          () =>
            new Promise((resolve) => {
              decide = resolve
            }),
        )
        assert.equal(connection.advance()[side], 'paused')
        const answered = answerVeto(connection[side])
        // However often the channel is asked meanwhile, it waits, and says nothing.
        for (let round = 0; round < 3; round++) {
          assert.equal(connection[side].handshake(), 'paused')
          assert.equal(connection.advance()[side], 'paused')
        }
        decide?.({ accept: true })
        await answered
        await connection.establish()
        assert.equal(connection[side].facts.verified, true)
      })

      for (const { what, verifyPeer, message } of [
        {
          what: 'with a reason',
          verifyPeer: () => ({ accept: false, reason: 'not on the list' }),
          message: /not on the list/,
        },
        {
          what: 'with a reason, later',
          verifyPeer: async () => ({ accept: false, reason: 'not on the list' }),
          message: /not on the list/,
        },
      ] satisfies readonly { what: string; verifyPeer: VerifyPeer; message: RegExp }[]) {
        it(`${version}: the ${side}'s veto refuses ${what}, and no application byte was exchanged`, async () => {
          using connection = await withVeto(side, bounds, verifyPeer)
          const endings = await connection.negotiate()
          const error = endings[side]
          assert.ok(error instanceof CertificateError, String(error))
          assert.equal(error.reason, 'vetoed')
          assert.match(error.message, message)
          assertHeard(endings[other], error, side)
          assert.equal(connection[side].facts.verified, false)
          assert.equal(
            step<unknown>(() => connection[side].write(Buffer.from('x'))),
            error,
          )
          assert.equal(
            step<unknown>(() => connection[side].read(1)),
            error,
          )
          assert.equal(
            step<unknown>(() => connection[side].handshake()),
            error,
          )
        })
      }

      it(`${version}: a veto of the ${side} that fails refuses the peer, with the failure as cause`, async () => {
        const failure = new Error('the database is gone')
        for (const verifyPeer of [
          (): Verdict => {
            throw failure
          },
          (): Promise<Verdict> => Promise.reject(failure),
        ]) {
          using connection = await withVeto(side, bounds, verifyPeer)
          const endings = await connection.negotiate()
          const error = endings[side]
          assert.ok(error instanceof CertificateError, String(error))
          assert.equal(error.reason, 'vetoed')
          assert.equal(error.cause, failure)
          assertHeard(endings[other], error, side)
        }
      })

      it(`${version}: a verdict of the ${side}'s veto that is not plainly yes is no`, async () => {
        for (const verdict of [{ accept: 'yes' }, { accept: 1 }, { accept: undefined }, { accept: null, reason: '' }]) {
          using connection = await withVeto(side, bounds, () => verdict as never)
          const endings = await connection.negotiate()
          const error = endings[side]
          assert.ok(error instanceof CertificateError, `${JSON.stringify(verdict)}: ${error}`)
          assert.equal(error.reason, 'vetoed')
        }
      })

      it(`${version}: the ${side} reads and writes nothing before the veto accepted`, async () => {
        using connection = await withVeto(side, bounds, accept)
        assert.equal(connection.advance()[side], 'paused')
        const channel = connection[side]
        assert.equal(channel.pause?.kind, 'verify-peer')
        assert.throws(() => channel.write(Buffer.from('secret')), UsageError)
        assert.throws(() => channel.read(100), UsageError)
        assert.throws(() => channel.shutdown(), UsageError)
        assert.equal(channel.facts.version, undefined)
        assert.equal(channel.facts.verified, false)
        // Where the peer is done already, what it says has to wait.
        const early = connection[other].handshake() === 'done'
        if (early) {
          connection[other].write(Buffer.from('impatient'))
          connection.flow()
          assert.throws(() => channel.read(100), UsageError)
        }
        await answerVeto(channel)
        await connection.establish()
        if (early) assert.equal(Buffer.from(channel.read(100) as Uint8Array).toString(), 'impatient')
      })

      it(`${version}: resume of the ${side} takes only an answer of the request's kind, once`, async () => {
        using connection = await withVeto(side, bounds, accept)
        const channel = connection[side]
        assert.throws(() => channel.resume({ accept: true }), UsageError)
        assert.equal(connection.advance()[side], 'paused')
        for (const wrong of [undefined, null, true, 'yes', 1, {}, [], Buffer.from('signature')]) {
          assert.throws(() => channel.resume(wrong as never), TypeError, String(wrong))
          assert.equal(channel.handshake(), 'paused')
        }
        channel.resume({ accept: true })
        assert.equal(channel.pause, undefined)
        assert.throws(() => channel.resume({ accept: true }), UsageError)
        await connection.establish()
      })

      it(`${version}: a transport that ends while the ${side} waits for the verdict is noticed afterwards`, async () => {
        using connection = await withVeto(side, bounds, accept)
        assert.equal(connection.advance()[side], 'paused')
        connection[side].endIncoming()
        assert.equal(connection[side].handshake(), 'paused')
        await answerVeto(connection[side])
        const ending = step(() => {
          const answer = connection[side].handshake()
          return answer === 'done' ? connection[side].read(1) : answer
        })
        assert.ok(ending instanceof Error, String(ending))
        assert.equal((ending as { code?: string }).code, 'ERR_TLS_RAGGED_EOF')
      })
    }

    it(`${version}: the veto is not asked about a peer that verification refused`, async () => {
      let asked = 0
      const { server } = await matching()
      using connection = connectionBetween(pairing, {
        client: {
          ...bounds,
          trustStore: trusting(await makeAuthority({ name: 'Another Root' })),
          verifyPeer: () => {
            asked++
            return { accept: true }
          },
        },
        server,
      })
      const { client } = await connection.negotiate()
      assert.ok(client instanceof CertificateError, String(client))
      assert.equal(client.reason, 'unknown-issuer')
      assert.equal(asked, 0)
    })

    it(`${version}: a server's veto is asked about a client without a certificate, with an empty chain`, async () => {
      const { client, server } = await matching()
      const asked: PeerIdentity[] = []
      const options = (verdict: Verdict) => ({
        client: { ...client, ...bounds },
        server: {
          ...server,
          clientAuthentication: 'requested' as const,
          trustStore: client.trustStore,
          verifyPeer: (peer: PeerIdentity) => {
            asked.push(peer)
            return verdict
          },
        },
      })
      using good = await connectionBetween(pairing, options({ accept: true })).establish()
      assert.deepEqual(asked[0]?.chain, [])
      assert.equal(good.server.facts.verified, false)
      using bad = connectionBetween(pairing, options({ accept: false, reason: 'no strangers' }))
      const endings = await bad.negotiate()
      assert.ok(endings.server instanceof CertificateError)
      assertHeard(endings.client, endings.server, 'server')
    })

    it(`${version}: both sides may have a veto`, async () => {
      const { client, server } = await matching()
      const asked: string[] = []
      using connection = connectionBetween(pairing, {
        client: {
          ...client,
          ...bounds,
          certificateChain: signingChain(await clientIdentity()),
          verifyPeer: async () => {
            asked.push('by the client')
            return { accept: true }
          },
        },
        server: {
          ...server,
          clientAuthentication: 'required',
          trustStore: client.trustStore,
          verifyPeer: async () => {
            asked.push('by the server')
            return { accept: true }
          },
        },
      })
      await connection.establish()
      assert.deepEqual(asked, ['by the client', 'by the server'])
    })
  })

  it('a client that refuses shows nothing of itself', async () => {
    // In TLS 1.3 the certificate of a client is encrypted, so the server's facts are the witness; in both versions it never sees a byte of it.
    for (const version of pairing.serverBackend.capabilities.versions) {
      if (!pairing.clientBackend.capabilities.versions.includes(version)) continue
      const bounds = { lowestSupportedVersion: version, highestSupportedVersion: version }
      using connection = await withVeto('client', bounds, () => ({ accept: false, reason: 'no' }))
      assert.equal(connection.advance().client, 'paused')
      assert.equal(connection.client.outgoingBytesBuffered, 0)
      await connection.negotiate()
      assert.equal(connection.server.facts.peerCertificate, undefined)
    }
  })

  it('a server that asks nobody for a certificate refuses a veto that would never be asked', async () => {
    const { server } = await matching()
    const configuration = new TLSServerConfiguration({ ...server, verifyPeer: accept })
    assert.throws(
      () => pairing.serverBackend.serverContext(configuration),
      (error) => error instanceof ConfigurationError && error.field === 'verifyPeer',
    )
  })
})

/**
 * What the peer of a side that refused gets to know. A server may be past the point where it can still send an alert (its own handshake
 * ends with the client's last message); then it closes, and its error must not claim an alert.
 */
function assertHeard(ending: Ending, error: CertificateError, refusedBy: Side): void {
  if (refusedBy === 'server' && ending === 'closed') {
    assert.equal(error.alert, undefined)
    return
  }
  assert.ok(ending instanceof AlertReceivedError, String(ending))
  assert.equal(ending.alert, 'bad_certificate')
  assert.equal(error.alert, 'bad_certificate')
}
