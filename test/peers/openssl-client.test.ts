import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import {
  AlertReceivedError,
  CertificateError,
  NegotiationError,
  type ServerOptions,
  SignatureScheme,
  type TLSSocket,
  TLSVersion,
} from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { chainFor } from '../support/elsewhere.ts'
import { exchange, OwnServer, versions } from './support/endpoints.ts'
import { type Identities, makeIdentities, serverKeyKinds } from './support/identities.ts'
import { clientIdentity, factsOfTrace, onlyVersion, startSClient } from './support/openssl.ts'
import { patiently } from './support/patience.ts'
import type { Program } from './support/program.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

/** Has s_client close the connection, and sees both sides come to their end. */
async function quit(socket: TLSSocket, client: Program): Promise<void> {
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.resume()
  client.stdin.write('Q\n')
  assert.deepEqual(await client.ended(), { code: 0, signal: null })
  await patiently('the end of the connection', closed)
  assert.equal(socket.errored, null)
}

forEachBackend('openssl s_client and our server', (backend) => {
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
        await using client = startSClient(identities, server.port, [onlyVersion[version], '-trace'])
        const socket = await server.accepted()
        await exchange(socket, client)
        const { clientSignature, serverSignature, ...traced } = factsOfTrace(client.report)
        const { cipherSuite, group, signatureScheme } = socket.facts
        assert.deepEqual(
          { version: socket.facts.version, cipherSuite, group, signatureScheme },
          { ...traced, signatureScheme: serverSignature },
        )
        assert.equal(socket.facts.version, version)
        assert.equal(clientSignature, undefined)
        assert.equal(socket.facts.serverName, 'server.test')
        assert.equal(socket.facts.peerCertificate, undefined)
        await quit(socket, client)
      })
    }

    it(`agree on ${version} on what openssl sums up`, async () => {
      await using server = await serve({
        certificateChain: [chainFor(backend, identities.server('rsa-2048').identity)],
      })
      await using client = startSClient(identities, server.port, [onlyVersion[version], '-brief'])
      const socket = await server.accepted()
      await client.reports(new RegExp(`^Protocol version: ${version}$`, 'm'))
      await client.reports(/^Hash used: SHA256$/m)
      await client.reports(/^Signature type: RSA-PSS$/m)
      await client.reports(/^Verification: OK$/m)
      await client.reports(/^Server Temp Key: X25519, 253 bits$/m)
      assert.equal(socket.facts.signatureScheme, SignatureScheme.rsa_pss_rsae_sha256)
    })

    it(`agree on ${version} with client certificates`, async () => {
      await using server = await serve(demandingClients())
      await using client = startSClient(identities, server.port, [
        onlyVersion[version],
        '-trace',
        ...clientIdentity(identities),
      ])
      const socket = await server.accepted()
      await exchange(socket, client)
      assert.equal(socket.facts.verified, true)
      assert.equal(socket.facts.peerChain.length, 2)
      assert.equal(socket.getPeerX509Certificate()?.subject, 'CN=A Client')
      assert.equal(socket.facts.signatureScheme, factsOfTrace(client.report).clientSignature)
      await quit(socket, client)
    })

    it(`part over ${version} when the server demands a certificate and the client has none`, async () => {
      await using server = await serve(demandingClients())
      await using client = startSClient(identities, server.port, [onlyVersion[version]])
      const error = await server.refused()
      assert.ok(error instanceof CertificateError, String(error))
      assert.equal(error.reason, 'missing')
      const alert = version === 'TLSv1.3' ? 'certificate required' : 'handshake failure'
      await client.reports(new RegExp(`alert ${alert}`))
      assert.equal((await client.ended()).code, 1)
    })

    it(`agree on ${version} without a client certificate that was only requested`, async () => {
      await using server = await serve({ ...demandingClients(), clientAuthentication: 'requested' })
      await using client = startSClient(identities, server.port, [onlyVersion[version]])
      const socket = await server.accepted()
      await exchange(socket, client)
      assert.equal(socket.facts.verified, false)
      await quit(socket, client)
    })

    it(`part over ${version} when the server does not trust the client's certificate`, async () => {
      await using server = await serve({ ...demandingClients(), clientAuthentication: 'requested' })
      const { chainFile, keyFile } = identities.strangeClient
      await using client = startSClient(identities, server.port, [
        onlyVersion[version],
        ...['-cert', chainFile, '-key', keyFile],
      ])
      const error = await server.refused()
      assert.ok(error instanceof CertificateError, String(error))
      assert.equal(error.reason, 'unknown-issuer')
      await client.reports(/alert unknown ca/)
    })

    it(`agree on ${version} and on a protocol inside by the server's preference`, async () => {
      await using server = await serve({ innerProtocols: ['http/1.1', 'h2'] })
      await using client = startSClient(identities, server.port, [onlyVersion[version], '-alpn', 'h2,http/1.1'])
      const socket = await server.accepted()
      assert.equal(socket.facts.innerProtocol, 'http/1.1')
      await client.reports(/^ALPN protocol: http\/1\.1$/m)
      await quit(socket, client)
    })

    it(`part over ${version} without a protocol inside that both speak`, async () => {
      await using server = await serve({ innerProtocols: ['h2'] })
      await using client = startSClient(identities, server.port, [onlyVersion[version], '-alpn', 'postgresql'])
      const error = await server.refused()
      assert.ok(error instanceof NegotiationError, String(error))
      assert.equal(error.subject, 'inner-protocol')
      await client.reports(/alert no application protocol/)
    })

    it(`make a new session over ${version} whenever the client comes again`, async () => {
      await using server = await serve()
      await using client = startSClient(identities, server.port, [onlyVersion[version], '-reconnect'])
      // The first connection, and then five more that offer its session.
      for (let count = 1; count <= 6; count++) {
        const socket = await server.accepted()
        socket.resume()
        assert.equal(socket.facts.resumed, false)
      }
      await client.reports(new RegExp(`(?:^New, ${version},.*){6}`, 'ms'))
      assert.doesNotMatch(client.report, /^Reused,/m)
      client.stdin.write('Q\n')
      assert.equal((await client.ended()).code, 0)
    })

    it(`part over ${version} when the client does not know the authority, and the server is told why`, async () => {
      await using server = await serve()
      await using client = startSClient(identities, server.port, [
        onlyVersion[version],
        ...['-CAfile', identities.strangeAuthorityFile],
      ])
      const error = await server.refused()
      assert.ok(error instanceof AlertReceivedError, String(error))
      assert.equal(error.alert, 'unknown_ca')
      await client.reports(/unable to get local issuer certificate|self-signed certificate/)
    })
  }

  it('part with a reason when the server demands TLS 1.3 and the client has only TLS 1.2', async () => {
    await using server = await serve({ lowestSupportedVersion: TLSVersion.TLSv1_3 })
    await using client = startSClient(identities, server.port, ['-tls1_2'])
    const error = await server.refused()
    assert.ok(error instanceof NegotiationError, String(error))
    assert.equal(error.subject, 'version')
    await client.reports(/alert protocol version/)
  })

  it('part with a reason when the server is held to TLS 1.2 and the client has only TLS 1.3', async () => {
    await using server = await serve({ highestSupportedVersion: TLSVersion.TLSv1_2 })
    await using client = startSClient(identities, server.port, ['-tls1_3'])
    const error = await server.refused()
    assert.ok(error instanceof NegotiationError, String(error))
    assert.equal(error.subject, 'version')
    await client.reports(/alert protocol version/)
  })

  for (const old of ['-tls1', '-tls1_1']) {
    it(`part when the client has only ${old}`, async () => {
      await using server = await serve()
      await using client = startSClient(identities, server.port, [old, '-cipher', 'ALL:@SECLEVEL=0'])
      const error = await server.refused()
      assert.ok(error instanceof NegotiationError, String(error))
      assert.equal(error.subject, 'version')
      await client.reports(/alert protocol version/)
    })
  }

  it('part when the client has no suite with forward secrecy and an AEAD', async () => {
    await using server = await serve({ certificateChain: [chainFor(backend, identities.server('rsa-2048').identity)] })
    await using client = startSClient(identities, server.port, [
      '-tls1_2',
      '-cipher',
      'AES128-SHA:ECDHE-RSA-AES128-SHA',
    ])
    const error = await server.refused()
    assert.ok(error instanceof NegotiationError, String(error))
    assert.equal(error.subject, 'cipher-suite')
    await client.reports(/alert handshake failure/)
  })

  it('choose by what the client can verify between RSA and ECDSA', async () => {
    const both = [
      identities.server('ecdsa-p256').signingChain,
      chainFor(backend, identities.server('rsa-2048').identity),
    ]
    await using server = await serve({ certificateChain: both })
    // In TLS 1.2 suites say it, in TLS 1.3 only signature schemes; those that the authorities used have to be among them.
    for (const [options, signature] of [
      [['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'], 'RSA-PSS'],
      [['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'], 'ECDSA'],
      [['-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha256:ecdsa_secp384r1_sha384'], 'RSA-PSS'],
      [['-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256'], 'ECDSA'],
    ] as const) {
      await using client = startSClient(identities, server.port, options)
      const socket = await server.accepted()
      await client.reports(new RegExp(`^Peer signature type: ${signature}$`, 'm'))
      await quit(socket, client)
    }
  })

  it('go on after the client has changed its keys, and after it had the server change its own', async () => {
    await using server = await serve()
    await using client = startSClient(identities, server.port, ['-tls1_3', '-state'])
    const socket = await server.accepted()
    await exchange(socket, client)
    client.stdin.write('k\n')
    await client.reports(/write client key update/)
    await exchange(socket, client)
    client.stdin.write('K\n')
    await client.reports(/(?:write client key update.*){2}/s)
    await exchange(socket, client)
    // The answer may wait until the one who gives it has data to send: RFC 9846, Section 4.6.3.
    await exchange(socket, client)
    await client.reports(/read server key update/)
    await quit(socket, client)
  })

  it('part over TLS 1.2 when the client insists on negotiating anew, which the server refuses', async () => {
    await using server = await serve()
    await using client = startSClient(identities, server.port, ['-tls1_2', '-trace'])
    const socket = await server.accepted()
    await exchange(socket, client)
    socket.resume()
    client.stdin.write('R\n')
    await client.reports(/no renegotiation/)
    await client.ended()
  })
})
