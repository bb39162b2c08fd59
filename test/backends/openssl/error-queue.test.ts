import assert from 'node:assert/strict'
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto'
import { describe, it, mock } from 'node:test'
import {
  Certificate,
  PrivateKey,
  systemOpenSSL,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
  UsageError,
} from 'polytls'
import { StepAnswers } from '#polytls/backends/openssl/step-answers.js'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { byteByByte, type Connection, type ConnectionOptions, connectionOf, step } from '../../support/connection.ts'
import { authority, matching, serverIdentity, signingChain, trusting } from '../../support/identities.ts'
import { OpenSSLWorkshop } from '../../support/openssl-workshop.ts'

// Errors that a side leaves would be swept away by the next step of its peer, so the peer is of the other library where there is one.
const embedded = new OpenSSLWorkshop('embedded')
const system = systemOpenSSL.available.yes ? new OpenSSLWorkshop('system') : undefined

const throwing = (): never => {
  throw new Error('the disk is full')
}

const bothVersions = ['TLSv1.2', 'TLSv1.3'] as const

for (const { what, workshop, peer } of [
  { what: 'embedded OpenSSL', workshop: embedded, peer: system ?? embedded },
  ...(system === undefined ? [] : [{ what: "system's OpenSSL", workshop: system, peer: embedded }]),
]) {
  for (const role of ['client', 'server'] as const) {
    describe(`the error queue of the ${what} as ${role}`, () => {
      const connectionFor = ({ client = {}, server, fragmentation }: ConnectionOptions): Connection =>
        connectionOf(
          {
            client: (role === 'client' ? workshop : peer).clientContext(new TLSClientConfiguration(client)),
            server: (role === 'server' ? workshop : peer).serverContext(new TLSServerConfiguration(server)),
          },
          fragmentation === undefined ? {} : { fragmentation },
        )

      const assertClean = (after: string): void => assert.equal(workshop.waitingError(), undefined, after)

      for (const version of bothVersions) {
        const bounds = { lowestSupportedVersion: version, highestSupportedVersion: version }

        it(`${version}: no step of a connection that goes well leaves anything in it`, async () => {
          const { client, server } = await matching()
          using connection = connectionFor({ client: { ...client, ...bounds }, server, fragmentation: byteByByte })
          assertClean('creation')
          connection.client.handshake()
          assertClean('the first step')
          await connection.establish()
          assertClean('the handshake')
          void connection.client.facts
          void connection.server.facts
          assertClean('reading facts')
          connection.transfer('client', Buffer.alloc(40_000))
          assertClean('data')
          connection.client.read(1)
          assertClean('a read that has to wait')
          connection.client.shutdown()
          assertClean('shutdown')
          connection.flow()
          connection.server.read(1)
          assertClean('closed')
          connection.server.shutdown()
          connection.flow()
          connection.client.shutdown()
          assertClean('done')
          connection[Symbol.dispose]()
          assertClean('disposal')
        })

        it(`${version}: no way to fail leaves anything in it`, async () => {
          const { client, server } = await matching()
          const stranger = trusting(await makeAuthority({ name: 'Somebody else' }))
          const ways: readonly (readonly [string, ConnectionOptions, ((connection: Connection) => unknown)?])[] = [
            ['an unknown authority', { client: { ...bounds, trustStore: stranger }, server }],
            ['a veto', { client: { ...client, ...bounds, verifyPeer: () => ({ accept: false, reason: '' }) }, server }],
            [
              'a key log that throws',
              {
                client: { ...client, ...bounds, keyLog: throwing },
                server: { ...server, keyLog: throwing },
              },
            ],
            [
              'a missing client certificate',
              {
                client: { ...client, ...bounds },
                server: { ...server, clientAuthentication: 'required', trustStore: stranger },
              },
            ],
            [
              'no protocol in common',
              { client: { ...client, ...bounds, innerProtocols: ['a'] }, server: { ...server, innerProtocols: ['b'] } },
            ],
            [
              'a record that was altered behind one that was not',
              { client: { ...client, ...bounds }, server },
              async (connection) => {
                await connection.establish()
                const [reader, writer] = [connection[role], connection[role === 'client' ? 'server' : 'client']]
                writer.write(Buffer.from('good'))
                const good = writer.processOutgoing()
                writer.write(Buffer.from('evil'))
                const evil = Buffer.from(writer.processOutgoing())
                evil[evil.length - 1] = (evil[evil.length - 1] as number) ^ 1
                reader.processIncoming(Buffer.concat([good, evil]))
                reader.read(100)
                assertClean('what was good')
              },
            ],
            [
              'plain text',
              { client: { ...client, ...bounds }, server },
              (connection) => {
                connection.client.handshake()
                connection.client.processIncoming(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
                step(() => connection.client.handshake())
                connection.server.processIncoming(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
                step(() => connection.server.handshake())
              },
            ],
            [
              'a callback that throws',
              { client: { ...client, ...bounds, innerProtocols: ['x'] }, server: { ...server, innerProtocols: ['x'] } },
              async (connection) => {
                const mocks = (['selectProtocol', 'verifyChain'] as const).map((method) =>
                  mock.method(StepAnswers.prototype, method, throwing),
                )
                try {
                  await connection.negotiate()
                } finally {
                  for (const each of mocks) each.mock.restore()
                }
              },
            ],
            [
              'an end without close_notify',
              { client: { ...client, ...bounds }, server },
              async (connection) => {
                await connection.establish()
                connection[role].endIncoming()
                step(() => connection[role].read(1))
              },
            ],
            [
              'a call at the wrong time',
              { client: { ...client, ...bounds }, server },
              (connection) => assert.throws(() => connection.client.write(Buffer.from('x')), UsageError),
            ],
          ]
          for (const [what, options, act] of ways) {
            using connection = connectionFor(options)
            if (act === undefined) await connection.negotiate()
            else await act(connection)
            assertClean(what)
            step(() => connection.client.read(1))
            step(() => connection.server.read(1))
            assertClean(`${what}, and a read`)
            connection[Symbol.dispose]()
            assertClean(`${what}, and disposal`)
          }
        })

        it(`${version}: what others left in it does not disturb any step`, async () => {
          const { client, server } = await matching()
          const configuration = new TLSClientConfiguration({ ...client, ...bounds, innerProtocols: ['x'] })
          workshop.leaveStaleErrors()
          const clientContext = workshop.clientContext(configuration)
          workshop.leaveStaleErrors()
          const serverContext = workshop.serverContext(new TLSServerConfiguration({ ...server, innerProtocols: ['x'] }))
          workshop.leaveStaleErrors()
          using connection = connectionOf({ client: clientContext, server: serverContext })
          for (const side of [connection.client, connection.server]) {
            workshop.leaveStaleErrors()
            assert.equal(side.handshake(), 'want-read')
          }
          // Every step from here on finds errors that are not its own.
          const steps: (() => unknown)[] = [
            () => connection.server.processIncoming(connection.client.processOutgoing()),
            () => connection.server.handshake(),
            () => connection.client.processIncoming(connection.server.processOutgoing()),
            () => connection.client.handshake(),
          ]
          for (let round = 0; round < 3; round++) {
            for (const each of steps) {
              workshop.leaveStaleErrors()
              each()
            }
          }
          assert.equal(connection.client.handshake(), 'done')
          assert.equal(connection.server.handshake(), 'done')
          workshop.leaveStaleErrors()
          assert.equal(connection.client.write(Buffer.from('data')), 4)
          connection.flow()
          workshop.leaveStaleErrors()
          assert.equal(Buffer.from(connection.server.read(100) as Uint8Array).toString(), 'data')
          workshop.leaveStaleErrors()
          assert.equal(connection.server.read(100), 'want-read')
          workshop.leaveStaleErrors()
          assert.equal(connection.client.shutdown(), 'want-read')
          connection.flow()
          workshop.leaveStaleErrors()
          assert.equal(connection.server.read(100), 'closed')
          workshop.waitingError()
        })
      }

      it('no refusal of a source leaves anything in it', async () => {
        const good = signingChain(await serverIdentity())
        for (const chain of [
          { ...good, key: PrivateKey.fromBuffer('no key') },
          { ...good, key: PrivateKey.fromBuffer(Buffer.alloc(50, 1)) },
          { ...good, key: PrivateKey.fromBuffer((await serverIdentity('ed25519')).key) },
          { ...good, leaf: Certificate.fromBuffer('no certificate') },
          { ...good, leaf: Certificate.fromBuffer(Buffer.alloc(50, 1)) },
          { ...good, chain: [Certificate.fromBuffer('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')] },
        ]) {
          assert.throws(() => workshop.serverContext(new TLSServerConfiguration({ certificateChain: [chain] })))
          assertClean('a bad chain')
        }
        const trustStore = TrustStore.fromBuffer('no certificate')
        assert.throws(() => workshop.clientContext(new TLSClientConfiguration({ trustStore })))
        assertClean('a bad trust store')
      })

      it('a bundle is read to its end without leaving the end in it', async () => {
        const { certificate } = await authority()
        workshop.clientContext(
          new TLSClientConfiguration({ trustStore: TrustStore.fromBuffer(`${certificate}${certificate}`) }),
        )
        assertClean('a bundle')
      })
    })
  }
}

describe('node:crypto, which shares the embedded library', () => {
  it('works as ever right after anything of ours failed', async () => {
    const workshop = new OpenSSLWorkshop()
    const { server } = await matching()
    const clientContext = workshop.clientContext(
      new TLSClientConfiguration({ trustStore: trusting(await makeAuthority({ name: 'Somebody else' })) }),
    )
    const serverContext = workshop.serverContext(new TLSServerConfiguration(server))
    const { certificate, key } = await serverIdentity()
    for (let round = 0; round < 3; round++) {
      using connection = connectionOf({ client: clientContext, server: serverContext })
      const endings = await connection.negotiate()
      assert.ok(endings.client instanceof Error)
      const privateKey = createPrivateKey(key)
      const signature = sign('sha256', Buffer.from('message'), privateKey)
      assert.ok(verify('sha256', Buffer.from('message'), createPublicKey(certificate), signature))
      assert.ok(new X509Certificate(certificate).checkPrivateKey(privateKey))
      assert.equal(createHash('sha256').update('').digest('hex').slice(0, 8), 'e3b0c442')
      generateKeyPairSync('ec', { namedCurve: 'P-256' })
    }
  })

  it('tells of its own errors, not of ours, and ours not of its', async () => {
    const workshop = new OpenSSLWorkshop()
    const { client, server } = await matching()
    using connection = connectionOf({
      client: workshop.clientContext(new TLSClientConfiguration(client)),
      server: workshop.serverContext(new TLSServerConfiguration(server)),
    })
    connection.client.handshake()
    connection.client.processIncoming(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const ours = step(() => connection.client.handshake())
    assert.ok(ours instanceof Error && /HTTP/.test(ours.message))
    assert.throws(
      () => createPrivateKey('no key at all'),
      (error: Error) => !/ssl|record|version/i.test(error.message),
    )
    using another = connectionOf({
      client: workshop.clientContext(new TLSClientConfiguration(client)),
      server: workshop.serverContext(new TLSServerConfiguration(server)),
    })
    for (const failing of [
      () => createPrivateKey('no key at all'),
      () => new X509Certificate('no certificate'),
      () => createPublicKey({ key: Buffer.alloc(20), format: 'der', type: 'spki' }),
    ]) {
      assert.throws(failing)
      another.advance()
    }
    await another.establish()
  })
})
