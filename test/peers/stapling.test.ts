import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { Certificate, CertificateError, ProtocolError, type TrustStore } from 'polytls'
import { longestStapledResponseBytes } from '#polytls/channel/limits.js'
import { forEachBackend, has, only } from '../support/backends.ts'
import { StapledIdentity } from '../support/stapled-identities.ts'
import { connectTo, failureOf, finish, OwnServer } from './support/endpoints.ts'
import { priorityFor } from './support/gnutls.ts'
import { serveHTTP } from './support/http.ts'
import { hostName } from './support/identities.ts'
import { onlyVersion } from './support/openssl.ts'
import { freePort } from './support/ports.ts'
import { Program, run } from './support/program.ts'

const identity = new StapledIdentity()
const { trustStore } = identity
const folder = mkdtempSync(join(tmpdir(), 'polytls-stapling-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const good = identity.status()
const revoked = identity.status({ status: { revoked: '2024-06-01' } })
const files = {
  root: write('root.pem', pemOf(firstOf(trustStore))),
  leaf: write('leaf.pem', pemOf(bytesOf(identity.chain().leaf.source))),
  key: write('key.pem', bytesOf(identity.chain().key.source)),
  good: write('good.der', good),
  revoked: write('revoked.der', revoked),
  tooLong: write('too-long.der', identity.longStatus(longestStapledResponseBytes + 1)),
}

forEachBackend('stapled states', (backend) => {
  if (!has(backend, 'ocsp-stapling')) return
  const serve = async (response: Uint8Array | undefined): Promise<OwnServer> => {
    // With the root in it: curl looks for the signer of a response among the certificates that it was sent.
    const chain = [Certificate.fromBuffer(firstOf(trustStore))]
    const certificateChain = [identity.chain({ chain, ocspResponse: () => response })] as const
    const server = await OwnServer.start(backend, { certificateChain, innerProtocols: ['http/1.1'], sessions: 'none' })
    serveHTTP(server, (_question, answer) => answer.end('an answer\n'))
    return server
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version}: curl takes what our server staples, and nothing but a good one`, async () => {
      for (const [response, code, told] of [
        [good, 0, /certificate status: good/],
        [revoked, 91, /revoked/],
        [undefined, 91, /No OCSP response received/],
      ] as const) {
        await using server = await serve(response)
        const bounds = version === 'TLSv1.3' ? ['--tlsv1.3'] : ['--tls-max', '1.2']
        const to = ['--resolve', `${hostName}:${server.port}:127.0.0.1`, `https://${hostName}:${server.port}/`]
        const demanding = ['--cert-status', '--cacert', files.root, '--verbose', '--silent', '--show-error']
        const ended = await run('curl', [...demanding, ...bounds, ...to])
        assert.equal(ended.code, code, ended.report)
        assert.match(ended.report, told)
      }
    })

    it(`${version}: gnutls-cli reads it too`, async () => {
      for (const [response, told] of [
        [good, /Status: The certificate is trusted/],
        [revoked, /revoked/],
      ] as const) {
        await using server = await serve(response)
        const names = ['--sni-hostname', hostName, '--verify-hostname', hostName]
        const options = [priorityFor(version), '--ocsp', '--x509cafile', files.root, '--port', `${server.port}`]
        await using client = new Program('gnutls-cli', [...names, ...options, '127.0.0.1'])
        await client.reports(told)
      }
    })

    it(`${version}: our client judges what s_server staples`, async () => {
      await using server = await startSServer(version, files.good)
      for (const ocspStapling of ['soft', 'hard'] as const) {
        const socket = await connectTo(backend, server.port, { trustStore, ocspStapling, ...only(version) })
        assert.deepEqual(Buffer.from(socket.facts.ocspResponse ?? []), Buffer.from(good))
        await finish(socket)
      }
      await using revoking = await startSServer(version, files.revoked)
      const error = await failureOf(connectTo(backend, revoking.port, { trustStore, ocspStapling: 'soft' }))
      assert.ok(error instanceof CertificateError, String(error))
      assert.equal(error.reason, 'revoked')
      await revoking.reports(/bad certificate status response/)
    })

    it(`${version}: our client takes no more than a response may be long`, async () => {
      await using server = await startSServer(version, files.tooLong)
      const error = await failureOf(connectTo(backend, server.port, { trustStore, ocspStapling: 'soft' }))
      // In TLS 1.2 it is a message by itself, which OpenSSL does not even read.
      if (version === 'TLSv1.2' && backend.name.startsWith('openssl')) {
        assert.ok(error instanceof ProtocolError, String(error))
        assert.match(error.message, /excessive message size/)
      } else {
        assert.ok(error instanceof CertificateError, String(error))
        assert.equal(error.reason, 'revocation-unknown')
        assert.match(error.message, /longer than any responder needs/)
      }
    })
  }
})

async function startSServer(version: keyof typeof onlyVersion, response: string): Promise<Program & { port: number }> {
  const port = await freePort()
  const options = ['-cert', files.leaf, '-key', files.key, '-status_file', response, '-rev', onlyVersion[version]]
  const program = new Program('openssl', ['s_server', '-accept', `127.0.0.1:${port}`, ...options])
  await program.listensOn(port)
  return Object.assign(program, { port })
}

function write(name: string, content: Uint8Array | string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

function pemOf(der: Uint8Array): string {
  return new X509Certificate(der).toString()
}

function firstOf({ source }: TrustStore): Uint8Array {
  assert.ok(source.kind === 'certificates')
  return bytesOf(source.certificates[0]?.source)
}

function bytesOf(source: { readonly kind: string; readonly bytes?: Uint8Array } | undefined): Uint8Array {
  assert.ok(source?.bytes)
  return source.bytes
}
