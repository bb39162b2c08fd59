import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { AlertReceivedError, CertificateError, NegotiationError, type ServerOptions, TLSVersion } from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { chainFor } from '../support/elsewhere.ts'
import { OwnServer } from './support/endpoints.ts'
import { serveHTTP } from './support/http.ts'
import { hostName, type Identities, makeIdentities, serverKeyKinds } from './support/identities.ts'
import { type Ending, run } from './support/program.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

/** Exit codes of curl(1). */
const curl = { ok: 0, connectFailed: 35, receiveFailed: 56, peerNotVerified: 60 } as const

/** What curl prints: its own account of the handshake on standard error, and of the answer on standard output. */
function ask(
  { port }: OwnServer,
  options: readonly string[],
  { host = hostName, authorityFile = identities.authorityFile } = {},
): Promise<Ending & { readonly report: string }> {
  const resolve = ['--resolve', `${host}:${port}:127.0.0.1`]
  const common = ['--silent', '--show-error', '--verbose', '--max-time', '20', '--cacert', authorityFile]
  const told = ['--write-out', '\nstatus %{http_code} over HTTP/%{http_version}, verified %{ssl_verify_result}\n']
  return run('curl', [...common, ...resolve, ...told, ...options, `https://${host}:${port}/a/page`])
}

forEachBackend('curl and our server', (backend) => {
  const serve = async (options: Partial<ServerOptions> = {}): Promise<OwnServer> => {
    const server = await OwnServer.start(backend, {
      certificateChain: [identities.server().signingChain],
      innerProtocols: ['http/1.1'],
      ...options,
    })
    serveHTTP(server, (question, answer) => answer.end(`you asked for ${question.url}\n`))
    return server
  }
  const demandingClients = (): Partial<ServerOptions> => ({
    clientAuthentication: 'required',
    trustStore: identities.trustStore,
  })

  for (const [version, option] of [
    ['TLSv1.3', ['--tlsv1.3']],
    ['TLSv1.2', ['--tls-max', '1.2']],
  ] as const) {
    for (const kind of serverKeyKinds) {
      it(`speak HTTP over ${version} with a certificate for ${kind}`, async () => {
        await using server = await serve({ certificateChain: [chainFor(backend, identities.server(kind).identity)] })
        const { code, report } = await ask(server, option)
        assert.equal(code, curl.ok, report)
        assert.match(report, /^you asked for \/a\/page$/m)
        assert.match(report, /^status 200 over HTTP\/1\.1, verified 0$/m)
        assert.match(report, new RegExp(`SSL connection using ${version} /`))
        assert.match(report, /ALPN: server accepted http\/1\.1/)
        const { facts } = await server.accepted()
        assert.equal(facts.version, version)
        assert.equal(facts.innerProtocol, 'http/1.1')
      })
    }

    it(`speak HTTP over ${version} with client certificates`, async () => {
      await using server = await serve(demandingClients())
      const { chainFile, keyFile } = identities.client
      const { code, report } = await ask(server, [...option, '--cert', chainFile, '--key', keyFile])
      assert.equal(code, curl.ok, report)
      assert.match(report, /^status 200/m)
      assert.equal((await server.accepted()).facts.verified, true)
    })

    it(`part over ${version} when the server demands a certificate and curl has none`, async () => {
      await using server = await serve(demandingClients())
      const { code, report } = await ask(server, option)
      assert.equal(code, version === 'TLSv1.3' ? curl.receiveFailed : curl.connectFailed, report)
      assert.match(report, version === 'TLSv1.3' ? /alert certificate required/ : /alert handshake failure/)
      const error = await server.refused()
      assert.ok(error instanceof CertificateError, String(error))
      assert.equal(error.reason, 'missing')
    })

    it(`part over ${version} when curl has another authority`, async () => {
      await using server = await serve()
      const { code, report } = await ask(server, option, { authorityFile: identities.strangeAuthorityFile })
      assert.equal(code, curl.peerNotVerified, report)
      const error = await server.refused()
      assert.ok(error instanceof AlertReceivedError, String(error))
      assert.equal(error.alert, 'unknown_ca')
    })

    it(`part over ${version} when curl wants another host`, async () => {
      await using server = await serve()
      const { code, report } = await ask(server, option, { host: 'other.test' })
      assert.equal(code, curl.peerNotVerified, report)
      assert.match(report, /no alternative certificate subject name matches target host name 'other\.test'/)
    })
  }

  it('part when the server demands TLS 1.3 and curl is held to TLS 1.2', async () => {
    await using server = await serve({ lowestSupportedVersion: TLSVersion.TLSv1_3 })
    const { code, report } = await ask(server, ['--tls-max', '1.2'])
    assert.equal(code, curl.connectFailed, report)
    assert.match(report, /alert protocol version/)
    const error = await server.refused()
    assert.ok(error instanceof NegotiationError, String(error))
    assert.equal(error.subject, 'version')
  })

  it('part when the server has only TLS 1.2 and curl demands TLS 1.3', async () => {
    await using server = await serve({ highestSupportedVersion: TLSVersion.TLSv1_2 })
    const { code, report } = await ask(server, ['--tlsv1.3'])
    assert.equal(code, curl.connectFailed, report)
    assert.match(report, /alert protocol version/)
    const error = await server.refused()
    assert.ok(error instanceof NegotiationError, String(error))
    assert.equal(error.subject, 'version')
  })
})
