import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Certificate, RaggedEOFError } from 'polytls'
import { describeCertificate } from '#polytls/cli/certificate-description.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { formatEndpoint, parseEndpoint } from '#polytls/cli/endpoint.js'
import { parseExpectations } from '#polytls/cli/expectation.js'
import { explain } from '#polytls/cli/explanation.js'
import { nearest } from '#polytls/cli/nearest.js'
import { hasColour, printable, wrap } from '#polytls/cli/terminal.js'

describe('the words of the command line', () => {
  it('reads hosts and ports, with brackets around IPv6', () => {
    assert.deepEqual(parseEndpoint('example.org'), { host: 'example.org', port: 443 })
    assert.deepEqual(parseEndpoint('example.org:5671'), { host: 'example.org', port: 5671 })
    assert.deepEqual(parseEndpoint('[::1]:8443'), { host: '::1', port: 8443 })
    assert.deepEqual(parseEndpoint('[2001:db8::1]'), { host: '2001:db8::1', port: 443 })
    assert.deepEqual(parseEndpoint('::1'), { host: '::1', port: 443 })
    assert.deepEqual(parseEndpoint('bücher.example:1'), { host: 'xn--bcher-kva.example', port: 1 })
    for (const text of ['', ':443', 'a:b', 'a:0', 'a:65536', '[::1', '[a]:1', 'a b', 'a/b', 'http://a']) {
      assert.throws(() => parseEndpoint(text), { name: 'UsageFailure' }, text)
    }
    assert.equal(formatEndpoint({ host: '::1', port: 1 }), '[::1]:1')
  })

  it('reads expectations, and refuses what it would not check', () => {
    const report = {
      backend: 'openssl',
      version: 'TLSv1.3',
      cipherSuite: 'TLS_AES_128_GCM_SHA256',
      group: 'x25519',
      signatureScheme: 'ed25519',
      alpn: 'h2',
      serverName: 'a',
      resumed: false,
      earlyData: null,
      preSharedKey: null,
      ocsp: null,
      verified: true,
      chain: [],
      starttls: null,
      milliseconds: { connect: 1.5, handshake: 20 },
    }
    const holds =
      'version>=1.2,version!=1.2,cipher=tls_aes_128_gcm_sha256,group=X25519,signature=ED25519,alpn=h2,resumed=no,connect<2,handshake==20'
    for (const each of parseExpectations(holds)) assert.equal(each.violation(report), undefined, each.text)
    const violated = parseExpectations('version<1.3,group=secp256r1,alpn=none,verified=no,connect>=2,days>0,days!=3')
    assert.deepEqual(
      violated.map((each) => each.violation(report)),
      ['TLSv1.3', 'x25519', 'h2', 'yes', '1.5', 'none', 'none'],
    )
    for (const text of [
      '',
      'version',
      'version>',
      'version>=1.4',
      'color=red',
      'days>soon',
      'alpn>h2',
      'verified=maybe',
      'a=1,',
    ]) {
      assert.throws(() => parseExpectations(text), { name: 'UsageFailure' }, text)
    }
  })

  it('suggests what was probably meant, and nothing where nothing is close', () => {
    assert.equal(nearest('conect', ['connect', 'serve']), 'connect')
    assert.equal(nearest('X25519MLKEM786', ['x25519', 'X25519MLKEM768']), 'X25519MLKEM768')
    assert.equal(nearest('banana', ['connect', 'serve']), undefined)
  })

  it('describes certificates without a subject, and names with commas', async () => {
    const { certificate } = await makeSelfSigned({ name: 'a, "b"', names: ['x.example', '2001:db8::1'] })
    const source = Certificate.fromBuffer(Buffer.from(certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64')).source
    assert.equal(source.kind, 'buffer')
    const { subject, subjectAltNames } = describeCertificate(source.kind === 'buffer' ? source.bytes : new Uint8Array())
    assert.equal(subject, 'CN=a\\, \\"b\\"')
    assert.deepEqual(subjectAltNames, ['x.example', '2001:db8::1'])
  })

  it('breaks lines at spaces and never inside words', () => {
    assert.deepEqual(wrap('aa bb cc', { width: 5 }), ['aa bb', 'cc'])
    assert.deepEqual(wrap('aa bb cc', { width: 6, indent: '  ' }), ['  aa', '  bb', '  cc'])
    assert.deepEqual(wrap('a-long-word b', { width: 4 }), ['a-long-word', 'b'])
  })

  it('decides about colour by NO_COLOR, then FORCE_COLOR, then the terminal', () => {
    assert.equal(hasColour(true, {}), true)
    assert.equal(hasColour(false, {}), false)
    assert.equal(hasColour(true, { NO_COLOR: '1' }), false)
    assert.equal(hasColour(true, { NO_COLOR: '' }), true)
    assert.equal(hasColour(false, { FORCE_COLOR: '1' }), true)
    assert.equal(hasColour(true, { FORCE_COLOR: '0' }), false)
    assert.equal(hasColour(true, { FORCE_COLOR: '1', NO_COLOR: '1' }), false)
    assert.equal(hasColour(true, { TERM: 'dumb' }), false)
  })

  it('keeps what a peer wrote from steering the terminal', () => {
    assert.equal(printable('a\u001b[2Jb\u202ec\nd'), 'a\\u{1b}[2Jb\\u{202e}c\\u{a}d')
    assert.equal(printable('bücher 東京'), 'bücher 東京')
  })

  it('tells the cut of a connection from a refusal by the phase', () => {
    const cut = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' })
    assert.equal(explain(cut, { phase: 'handshake' }).exitCode, 4)
    assert.equal(explain(cut, { phase: 'data' }).exitCode, 3)
    assert.equal(explain(new RaggedEOFError('handshake'), { phase: 'handshake' }).exitCode, 4)
    assert.equal(explain(new RaggedEOFError('data'), { phase: 'data' }).exitCode, 3)
    assert.equal(explain(new AggregateError([cut]), { phase: 'connect' }).code, 'ECONNRESET')
    assert.equal(explain(new TypeError('a defect')).exitCode, 1)
  })
})
