import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parseFlags, Unimplemented } from './flags.js'

describe("the flags of BoGo's shim", () => {
  it('make one connection, with credentials in their order', () => {
    const [request, ...others] = parseFlags(
      '-port 4433 -shim-id 7 -ipv6 -server -cert-file c -key-file k -new-x509-credential -cert-file d -key-file l'.split(
        ' ',
      ),
    )
    assert.equal(others.length, 0)
    assert.equal(request?.port, 4433)
    assert.equal(request?.shimId, 7n)
    assert.equal(request?.host, '::1')
    assert.deepEqual(
      request?.credentials.map(({ index, certificateFile, keyFile }) => [index, certificateFile, keyFile]),
      [
        [-1, 'c', 'k'],
        [0, 'd', 'l'],
      ],
    )
  })

  it('that are not known make the test unimplemented, wherever they stand', () => {
    assert.throws(() => parseFlags(['-dtls']), Unimplemented)
    assert.throws(() => parseFlags(['-on-resume-dtls']), Unimplemented)
    assert.throws(() => parseFlags(['-on-handshaker-on-resume-dtls']), Unimplemented)
  })

  it('can hold for one connection of several', () => {
    const requests = parseFlags(
      '-resume-count 1 -expect-session-miss -on-initial-expect-version 771 -on-resume-max-version 772'.split(' '),
    )
    assert.deepEqual(
      requests.map(({ numbers }) => [numbers.get('-expect-version'), numbers.get('-max-version')]),
      [
        [[771], undefined],
        [undefined, [772]],
      ],
    )
    assert.deepEqual(
      requests.map(({ resumes }) => resumes),
      [false, true],
    )
  })

  it('can hold for what follows early data that was rejected', () => {
    const flags = '-resume-count 1 -on-resume-shim-writes-first -on-retry-expect-cipher 4865 -expect-alpn foo'
    const [initial, resumed] = parseFlags(flags.split(' '))
    assert.equal(initial?.retry, undefined)
    assert.equal(resumed?.flags.has('-shim-writes-first'), true)
    assert.equal(resumed?.numbers.has('-expect-cipher'), false)
    const retry = resumed?.retry
    assert.equal(retry?.resumes, true)
    assert.equal(retry?.flags.has('-shim-writes-first'), false)
    assert.deepEqual(retry?.numbers.get('-expect-cipher'), [4865])
    assert.equal(retry?.texts.get('-expect-alpn'), 'foo')
  })

  it('give a credential what stands beside it', () => {
    const [request] = parseFlags(
      '-cert-file c -key-file k -ocsp-response AQI= -new-psk-credential -psk-importer-sha384 -psk-importer-key AwQ='.split(
        ' ',
      ),
    )
    const [certificate, key] = request?.credentials ?? []
    assert.deepEqual(certificate?.ocspResponse, Uint8Array.of(1, 2))
    assert.equal(certificate?.preSharedKey.secret, undefined)
    assert.deepEqual(key?.preSharedKey, { hash: 'sha384', secret: Uint8Array.of(3, 4) })
    assert.equal(key?.certificateFile, undefined)
  })
})

it('no test of BoGo is left out without a reason that the page on conformance has', () => {
  const page = readFileSync('docs/conformance.md', 'utf8')
  const { DisabledTests: disabled } = JSON.parse(readFileSync('test/bogo/config.json', 'utf8'))
  const reasons = Object.values<unknown>(disabled)
  assert.ok(reasons.length > 0)
  for (const reason of reasons) assert.ok(typeof reason === 'string' && page.includes(`| ${reason} |`), String(reason))
})
