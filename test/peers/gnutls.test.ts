import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import {
  AlertReceivedError,
  CertificateError,
  NegotiationError,
  type ServerOptions,
  type TLSSocket,
  TLSVersion,
} from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { chainFor } from '../support/elsewhere.ts'
import { connectTo, exchange, failureOf, finish, OwnServer, receives, versions } from './support/endpoints.ts'
import { factsOfDescription, namedFacts, priorityFor, startGnuTLSClient, startGnuTLSServer } from './support/gnutls.ts'
import { type Identities, makeIdentities, serverKeyKinds } from './support/identities.ts'
import { patiently } from './support/patience.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

const demanding = ['--require-client-cert', '--verify-client-cert']

forEachBackend('our client and gnutls-serv', (backend) => {
  const echo = async (socket: TLSSocket): Promise<void> => {
    socket.write('there and back\n')
    await receives(socket, 'there and back\n')
  }

  for (const version of versions) {
    for (const kind of serverKeyKinds) {
      it(`agree on ${version} with a certificate for ${kind}, and on the facts`, async () => {
        await using server = await startGnuTLSServer(identities, [priorityFor(version), '--disable-client-cert'], kind)
        const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
        await echo(socket)
        assert.equal(socket.facts.version, version)
        await server.reports(/Description: .*\n/)
        assert.deepEqual(namedFacts(socket.facts), factsOfDescription(server.report))
        await finish(socket)
      })
    }

    it(`agree on ${version} with client certificates`, async () => {
      await using server = await startGnuTLSServer(identities, [priorityFor(version), ...demanding])
      const socket = await connectTo(backend, server.port, {
        trustStore: identities.trustStore,
        certificateChain: identities.client.signingChain,
      })
      await echo(socket)
      await server.reports(/Status: The certificate is trusted/)
      await server.reports(/Subject: CN=A Client/)
      await finish(socket)
    })

    it(`part over ${version} when the server demands a certificate and the client has none`, async () => {
      await using server = await startGnuTLSServer(identities, [priorityFor(version), ...demanding])
      const error = await failureOf(connectTo(backend, server.port, { trustStore: identities.trustStore }))
      assert.ok(error instanceof AlertReceivedError, String(error))
      // GnuTLS has found no certificate in the message where it looked for one.
      assert.equal(error.alert, version === 'TLSv1.3' ? 'certificate_required' : 'decode_error')
    })

    it(`agree on ${version} and on a protocol inside`, async () => {
      await using server = await startGnuTLSServer(identities, [
        ...[priorityFor(version), '--disable-client-cert', '--alpn=http/1.1'],
      ])
      const socket = await connectTo(backend, server.port, {
        trustStore: identities.trustStore,
        innerProtocols: ['h2', 'http/1.1'],
      })
      await server.reports(/Application protocol: http\/1\.1/)
      assert.equal(socket.facts.innerProtocol, 'http/1.1')
      await finish(socket)
    })

    it(`part over ${version} without a protocol inside that both speak`, async () => {
      await using server = await startGnuTLSServer(identities, [
        ...[priorityFor(version), '--disable-client-cert', '--alpn=h2', '--alpn-fatal'],
      ])
      const error = await failureOf(
        connectTo(backend, server.port, { trustStore: identities.trustStore, innerProtocols: ['postgresql'] }),
      )
      assert.ok(error instanceof AlertReceivedError, String(error))
      assert.equal(error.alert, 'no_application_protocol')
    })
  }

  for (const [has, wants, options] of [
    ['TLSv1.2', 'demands TLS 1.3', { lowestSupportedVersion: TLSVersion.TLSv1_3 }],
    ['TLSv1.3', 'is held to TLS 1.2', { highestSupportedVersion: TLSVersion.TLSv1_2 }],
  ] as const) {
    it(`part with a reason when the server has only ${has} and the client ${wants}`, async () => {
      await using server = await startGnuTLSServer(identities, [priorityFor(has)])
      const error = await failureOf(connectTo(backend, server.port, { trustStore: identities.trustStore, ...options }))
      assert.ok(error instanceof AlertReceivedError, String(error))
      // Other servers say protocol_version. GnuTLS looks at the suites first, and none of them is for its version.
      assert.equal(error.alert, 'handshake_failure')
      assert.match(error.hint ?? '', /versions/)
    })
  }
})

forEachBackend('gnutls-cli and our server', (backend) => {
  // Without sessions: sessions.test.ts has those, and their tickets would stand between the lines that clients print.
  const serve = (options: Partial<ServerOptions> = {}): Promise<OwnServer> =>
    OwnServer.start(backend, { certificateChain: [identities.server().signingChain], sessions: 'none', ...options })
  const demandingClients = (): Partial<ServerOptions> => ({
    clientAuthentication: 'required',
    trustStore: identities.trustStore,
  })

  for (const version of versions) {
    for (const kind of serverKeyKinds) {
      it(`agree on ${version} with a certificate for ${kind}, and on the facts`, async () => {
        await using server = await serve({ certificateChain: [chainFor(backend, identities.server(kind).identity)] })
        await using client = startGnuTLSClient(identities, server.port, [priorityFor(version)])
        const socket = await server.accepted()
        await exchange(socket, client)
        assert.equal(socket.facts.version, version)
        assert.deepEqual(namedFacts(socket.facts), factsOfDescription(client.report))
        await client.reports(/Status: The certificate is trusted/)
        const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
        socket.resume()
        client.stdin.end()
        await patiently('the end of the connection', closed)
        assert.equal(socket.errored, null)
      })
    }

    it(`agree on ${version} with client certificates`, async () => {
      await using server = await serve(demandingClients())
      const { chainFile, keyFile } = identities.client
      await using client = startGnuTLSClient(identities, server.port, [
        ...[priorityFor(version), '--x509certfile', chainFile, '--x509keyfile', keyFile],
      ])
      const socket = await server.accepted()
      await exchange(socket, client)
      assert.equal(socket.facts.verified, true)
      assert.equal(socket.getPeerX509Certificate()?.subject, 'CN=A Client')
    })

    it(`part over ${version} when the server demands a certificate and the client has none`, async () => {
      await using server = await serve(demandingClients())
      await using client = startGnuTLSClient(identities, server.port, [priorityFor(version)])
      const error = await server.refused()
      assert.ok(error instanceof CertificateError, String(error))
      assert.equal(error.reason, 'missing')
      await client.reports(version === 'TLSv1.3' ? /Certificate is required/ : /Handshake failed/)
    })

    it(`make a new session over ${version} when the client offers to resume`, async () => {
      await using server = await serve()
      // The client closes its first connection by itself and comes again.
      await using client = startGnuTLSClient(identities, server.port, [priorityFor(version), '--resume'])
      const first = await server.accepted()
      first.resume()
      const second = await server.accepted()
      assert.equal(first.facts.resumed, false)
      assert.equal(second.facts.resumed, false)
      await exchange(second, client)
      assert.doesNotMatch(client.report, /This is a resumed session/)
    })
  }

  it('part when the client does not know the authority, and the server is told why', async () => {
    await using server = await serve()
    await using client = startGnuTLSClient(identities, server.port, ['--x509cafile', identities.strangeAuthorityFile])
    // GnuTLS's client decides after its handshake is done, so in TLS 1.3 the server has accepted it by then or has just not.
    await client.reports(/The certificate issuer is unknown/)
    assert.notEqual((await client.ended()).code, 0)
  })

  it('part with a reason when one has only TLS 1.2 and the other demands TLS 1.3', async () => {
    await using modern = await serve({ lowestSupportedVersion: TLSVersion.TLSv1_3 })
    await using old = await serve({ highestSupportedVersion: TLSVersion.TLSv1_2 })
    for (const [server, version] of [
      [modern, 'TLSv1.2'],
      [old, 'TLSv1.3'],
    ] as const) {
      await using client = startGnuTLSClient(identities, server.port, [priorityFor(version)])
      const error = await server.refused()
      assert.ok(error instanceof NegotiationError, String(error))
      assert.equal(error.subject, 'version')
      await client.reports(/protocol version|Error in protocol version/i)
    }
  })
})
