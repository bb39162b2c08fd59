import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import {
  AlertReceivedError,
  CertificateError,
  NamedGroup,
  NegotiationError,
  SignatureScheme,
  TLSVersion,
} from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { connectTo, exchange, failureOf, finish, readToEnd, versions } from './support/endpoints.ts'
import { type Identities, makeIdentities, serverKeyKinds } from './support/identities.ts'
import { factsOfTrace, onlyVersion, startSServer } from './support/openssl.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

forEachBackend('our client and openssl s_server', (backend) => {
  for (const version of versions) {
    for (const kind of serverKeyKinds) {
      it(`agree on ${version} with a certificate for ${kind}, and on the facts`, async () => {
        await using server = await startSServer(identities, [onlyVersion[version], '-trace'], { kind })
        const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
        await exchange(socket, server)
        const { clientSignature, serverSignature, ...traced } = factsOfTrace(server.report)
        const { cipherSuite, group, signatureScheme } = socket.facts
        assert.deepEqual(
          { version: socket.facts.version, cipherSuite, group, signatureScheme },
          { ...traced, signatureScheme: serverSignature },
        )
        assert.equal(socket.facts.version, version)
        assert.equal(clientSignature, undefined)
        assert.equal(socket.facts.verified, true)
        assert.equal(socket.facts.resumed, false)
        assert.equal(socket.facts.peerChain.length, 2)
        await finish(socket)
        await server.reports(/Received Record.*close notify\(0\)/s)
      })
    }

    it(`agree on ${version} with client certificates, and on how the client signed`, async () => {
      const required = ['-Verify', '2', '-CAfile', identities.authorityFile, '-verify_return_error']
      await using server = await startSServer(identities, [onlyVersion[version], '-trace', ...required])
      const socket = await connectTo(backend, server.port, {
        trustStore: identities.trustStore,
        certificateChain: identities.client.signingChain,
      })
      await exchange(socket, server)
      await server.reports(/^depth=0 CN = A Client$/m)
      assert.equal(factsOfTrace(server.report).clientSignature, SignatureScheme.ecdsa_secp256r1_sha256)
      await finish(socket)
    })

    it(`part over ${version} when the server demands a certificate and the client has none`, async () => {
      const required = ['-Verify', '2', '-CAfile', identities.authorityFile, '-verify_return_error']
      await using server = await startSServer(identities, [onlyVersion[version], ...required])
      const error = await failureOf(connectTo(backend, server.port, { trustStore: identities.trustStore }))
      assert.ok(error instanceof AlertReceivedError, String(error))
      assert.equal(error.alert, version === 'TLSv1.3' ? 'certificate_required' : 'handshake_failure')
    })

    it(`part over ${version} when the server does not trust the client's certificate`, async () => {
      const required = ['-Verify', '2', '-CAfile', identities.authorityFile, '-verify_return_error']
      await using server = await startSServer(identities, [onlyVersion[version], ...required])
      const error = await failureOf(
        connectTo(backend, server.port, {
          trustStore: identities.trustStore,
          certificateChain: identities.strangeClient.signingChain,
        }),
      )
      assert.ok(error instanceof AlertReceivedError, String(error))
      assert.equal(error.alert, 'unknown_ca')
    })

    it(`agree on ${version} and on a protocol inside`, async () => {
      await using server = await startSServer(identities, [onlyVersion[version], '-alpn', 'http/1.1,h2'])
      const socket = await connectTo(backend, server.port, {
        trustStore: identities.trustStore,
        innerProtocols: ['h2', 'http/1.1'],
      })
      await server.reports(/ALPN protocols selected: http\/1\.1/)
      assert.equal(socket.facts.innerProtocol, 'http/1.1')
      await finish(socket)
    })

    it(`part over ${version} without a protocol inside that both speak`, async () => {
      await using server = await startSServer(identities, [onlyVersion[version], '-alpn', 'h2'])
      const error = await failureOf(
        connectTo(backend, server.port, { trustStore: identities.trustStore, innerProtocols: ['postgresql'] }),
      )
      assert.ok(error instanceof AlertReceivedError, String(error))
      assert.equal(error.alert, 'no_application_protocol')
    })

    it(`serve and read a status page over ${version}`, async () => {
      await using server = await startSServer(identities, [onlyVersion[version], '-www'])
      const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
      socket.write('GET / HTTP/1.0\r\n\r\n')
      const { text, error } = await readToEnd(socket)
      assert.equal(error, undefined)
      assert.match(text, /^HTTP\/1\.0 200 ok\r\n/)
      assert.match(text, new RegExp(`^ +Protocol +: ${version}$`, 'm'))
      assert.match(text, /<\/html>/i)
    })
  }

  for (const group of [NamedGroup.x25519, NamedGroup.secp256r1, NamedGroup.secp384r1, NamedGroup.secp521r1]) {
    const [name] = Object.entries(NamedGroup).find(([, value]) => value === group) as [string, number]
    it(`agree on ${name} when the server accepts nothing else, in TLS 1.3 by a second ClientHello`, async () => {
      for (const version of versions) {
        await using server = await startSServer(identities, [
          onlyVersion[version],
          '-groups',
          opensslGroup(name),
          '-trace',
        ])
        const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
        await exchange(socket, server)
        assert.equal(socket.facts.group, group)
        assert.equal(factsOfTrace(server.report).group, group)
        await finish(socket)
      }
    })
  }

  it('part with a reason when the server has only TLS 1.2 and the client demands TLS 1.3', async () => {
    await using server = await startSServer(identities, ['-tls1_2'])
    const error = await failureOf(
      connectTo(backend, server.port, {
        trustStore: identities.trustStore,
        lowestSupportedVersion: TLSVersion.TLSv1_3,
      }),
    )
    assert.ok(error instanceof AlertReceivedError, String(error))
    assert.equal(error.alert, 'protocol_version')
    assert.match(error.hint ?? '', /versions/)
  })

  it('part with a reason when the server demands TLS 1.3 and the client is held to TLS 1.2', async () => {
    await using server = await startSServer(identities, ['-tls1_3'])
    const error = await failureOf(
      connectTo(backend, server.port, {
        trustStore: identities.trustStore,
        highestSupportedVersion: TLSVersion.TLSv1_2,
      }),
    )
    assert.ok(error instanceof AlertReceivedError, String(error))
    assert.equal(error.alert, 'protocol_version')
    assert.match(error.hint ?? '', /TLS 1\.3/)
  })

  it('part when the server has nothing newer than TLS 1.1', async () => {
    await using server = await startSServer(identities, ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'])
    const error = await failureOf(connectTo(backend, server.port, { trustStore: identities.trustStore }))
    assert.ok(error instanceof AlertReceivedError || error instanceof NegotiationError, String(error))
    assert.equal(error.alert, 'protocol_version')
  })

  it('part when the client does not know the authority, and the server is told why', async () => {
    await using server = await startSServer(identities, [])
    const error = await failureOf(connectTo(backend, server.port, { trustStore: identities.strangeTrustStore }))
    assert.ok(error instanceof CertificateError, String(error))
    assert.equal(error.reason, 'unknown-issuer')
    await server.reports(/alert unknown ca:.*SSL alert number 48/)
  })

  it('go on after the server has changed its keys, and after it had the client change its own', async () => {
    await using server = await startSServer(identities, ['-tls1_3', '-state'])
    const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
    await exchange(socket, server)
    server.stdin.write('k\n')
    await server.reports(/write server key update/)
    await exchange(socket, server)
    server.stdin.write('K\n')
    await server.reports(/(?:write server key update.*){2}/s)
    await exchange(socket, server)
    // The answer may wait until the one who gives it has data to send: RFC 9846, Section 4.6.3.
    await exchange(socket, server)
    await server.reports(/read client key update/)
    await finish(socket)
  })

  it('part over TLS 1.2 when the server insists on negotiating anew, which the client refuses', async () => {
    await using server = await startSServer(identities, ['-tls1_2', '-trace'])
    const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
    await exchange(socket, server)
    server.stdin.write('r\n')
    const { error } = await readToEnd(socket)
    // The refusal itself is a warning, which leaves it to the server to go on without.
    await server.reports(/Level=warning\(1\), description=no renegotiation\(100\)/)
    assert.ok(error instanceof AlertReceivedError, String(error))
    assert.equal(error.alert, 'handshake_failure')
  })
})

function opensslGroup(name: string): string {
  return { x25519: 'X25519', secp256r1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }[name] ?? name
}
