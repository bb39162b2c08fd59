import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Files, makeFiles, polytls } from './command.ts'
import { nodeTLSServer, type Peer } from './peers.ts'

describe('polytls connect', () => {
  let files: Files
  let peer: Peer
  let old: Peer
  let chain: readonly string[]

  before(async () => {
    files = await makeFiles()
    const intermediate = await files.authority.issueAuthority({ name: 'Intermediate, Inc.' })
    const made = await intermediate.issue({
      name: 'localhost',
      names: ['localhost', '127.0.0.1', '::1', '*.lan.example'],
    })
    chain = [made.certificate, ...made.chain]
    peer = await nodeTLSServer(made, { ALPNProtocols: ['h2', 'http/1.1'], minVersion: 'TLSv1.2' })
    old = await nodeTLSServer(made, { maxVersion: 'TLSv1.2' })
  })
  after(async () => {
    await peer.close()
    await old.close()
    files.remove()
  })

  it('prints exactly one object on stdout with --json, and nothing on stderr', async () => {
    const words = ['connect', `localhost:${peer.port}`, '--ca', files.ca, '--alpn', 'h2,http/1.1', '--json']
    const { code, stdout, stderr } = await polytls(words)
    assert.equal(stderr, '')
    assert.equal(code, 0)
    assert.equal(stdout.trimEnd().split('\n').length, 1)
    const report = JSON.parse(stdout)
    const [leaf, issuer] = report.chain
    assert.deepEqual(Object.keys(report), [
      'backend',
      'version',
      'cipherSuite',
      'group',
      'signatureScheme',
      'alpn',
      'serverName',
      'resumed',
      'earlyData',
      'preSharedKey',
      'ocsp',
      'verified',
      'chain',
      'starttls',
      'milliseconds',
    ])
    assert.equal(report.version, 'TLSv1.3')
    assert.match(report.cipherSuite, /^TLS_AES_/)
    assert.match(report.group, /25519/)
    assert.equal(report.signatureScheme, 'ecdsa_secp256r1_sha256')
    assert.equal(report.alpn, 'h2')
    assert.equal(report.serverName, 'localhost')
    assert.equal(report.resumed, false)
    assert.equal(report.verified, true)
    assert.deepEqual(Object.keys(report.milliseconds), ['connect', 'handshake'])
    assert.ok(report.milliseconds.handshake > 0)
    assert.equal(report.chain.length, 2)
    assert.deepEqual(Object.keys(leaf), ['subject', 'issuer', 'subjectAltNames', 'notBefore', 'notAfter', 'sha256'])
    assert.equal(leaf.subject, 'CN=localhost')
    assert.equal(leaf.issuer, 'CN=Intermediate\\, Inc.')
    assert.deepEqual(leaf.subjectAltNames, ['localhost', '127.0.0.1', '::1', '*.lan.example'])
    assert.equal(issuer.issuer, 'CN=Test Authority')
    const certificate = new X509Certificate(chain[0] ?? '')
    assert.equal(leaf.notAfter, new Date(certificate.validTo).toISOString())
    assert.equal(leaf.sha256, createHash('sha256').update(certificate.raw).digest('hex'))
  })

  it('tells a person on stdout what was agreed and with whom', async () => {
    const { code, stdout, stderr } = await polytls(['connect', `127.0.0.1:${peer.port}`, '--ca', files.ca])
    assert.equal(code, 0, stderr)
    assert.match(stdout, /verified {2}127\.0\.0\.1 at 127\.0\.0\.1:\d+/)
    assert.match(stdout, /version +TLSv1\.3/)
    assert.match(stdout, /protocol +none agreed/)
    assert.match(stdout, /0 {2}CN=localhost\n +for +localhost, 127\.0\.0\.1, ::1, \*\.lan\.example/)
    assert.match(stdout, /1 {2}CN=Intermediate/)
    assert.match(stdout, /(29|30) days left/)
    assert.match(stdout, /sha256 +[0-9a-f]{64}/)
  })

  it('keeps to 80 columns where it is piped', async () => {
    const { stdout } = await polytls(['connect', `localhost:${peer.port}`, '--ca', files.ca])
    assert.deepEqual(
      stdout.split('\n').filter((line) => [...line].length > 80),
      [],
    )
  })

  it('reads versions, groups and suites in the spellings that people use', async () => {
    const { code, stdout, stderr } = await polytls([
      ...['connect', `localhost:${peer.port}`, '--ca', files.ca, '--json', '--min', '1.2', '--max', 'tlsv1.2'],
      ...['--groups', 'prime256v1', '--ciphers', 'tls_ecdhe_ecdsa_with_chacha20_poly1305_sha256'],
    ])
    assert.equal(code, 0, stdout + stderr)
    const report = JSON.parse(stdout)
    assert.equal(report.version, 'TLSv1.2')
    assert.equal(report.group, 'secp256r1')
    assert.equal(report.cipherSuite, 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256')
  })

  it('asks for the name of --sni and expects it in the certificate', async () => {
    const words = ['connect', `127.0.0.1:${peer.port}`, '--ca', files.ca, '--sni', 'www.lan.example', '--json']
    const { code, stdout } = await polytls(words)
    assert.equal(code, 0, stdout)
    assert.equal(JSON.parse(stdout).serverName, 'www.lan.example')
  })

  it('uses the backend of --backend, and refuses one that there is not', async () => {
    const words = ['connect', `localhost:${peer.port}`, '--ca', files.ca, '--json', '--backend']
    const { stdout } = await polytls([...words, 'openssl'])
    assert.equal(JSON.parse(stdout).backend, 'openssl')
    const refused = await polytls([...words, 'opensl'])
    assert.equal(refused.code, 2)
    assert.match(JSON.parse(refused.stdout).error.hint, /did you mean openssl\?/)
  })

  it('writes the secrets to a file that only its owner can read', async () => {
    const file = join(files.folder, 'keys.log')
    const { code } = await polytls(['connect', `localhost:${peer.port}`, '--ca', files.ca, '--keylog', file])
    assert.equal(code, 0)
    assert.match(readFileSync(file, 'utf8'), /^CLIENT_HANDSHAKE_TRAFFIC_SECRET [0-9a-f]{64} [0-9a-f]{64,96}$/m)
    if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('ends with 0 when every expectation holds, and with 6 and what is instead when one does not', async () => {
    const words = ['connect', `localhost:${old.port}`, '--ca', files.ca, '--json', '--expect']
    const met = await polytls([...words, 'version=1.2, days>14, verified=yes, alpn=none, handshake<100000'])
    assert.equal(met.code, 0, met.stderr)
    const missed = await polytls([...words, 'version>=1.3,days<1000'])
    assert.equal(missed.code, 6)
    assert.equal(JSON.parse(missed.stdout).version, 'TLSv1.2')
    assert.match(missed.stderr, /expected version>=1\.3, but it is TLSv1\.2/)
    assert.doesNotMatch(missed.stderr, /days/)
  })

  it('colours only for terminals, and NO_COLOR wins over FORCE_COLOR', async () => {
    const words = ['connect', `localhost:${peer.port}`, '--ca', files.ca]
    const escapeSequence = '\u001b['
    assert.ok(!(await polytls(words)).stdout.includes(escapeSequence))
    assert.ok((await polytls(words, { environment: { FORCE_COLOR: '1' } })).stdout.includes(escapeSequence))
    const both = await polytls(words, { environment: { FORCE_COLOR: '1', NO_COLOR: '1' } })
    assert.ok(!both.stdout.includes(escapeSequence))
    const plain = await polytls(words, { environment: { LC_ALL: 'C' } })
    assert.match(plain.stdout, /^[\x20-\x7e\n]+$/)
  })
})
