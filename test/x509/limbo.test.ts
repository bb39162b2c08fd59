import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { encodePem } from '#polytls/codec/pem.js'
import { readCase, readLimboCases, runLimbo } from '../../scripts/limbo/cases.ts'
import { deliberateAcceptances } from '../../scripts/limbo/deliberate.ts'
import { opensslVerifier } from '../../scripts/limbo/openssl.ts'
import { portableVerifier } from '../../scripts/limbo/portable.ts'
import { Authority } from './verify.ts'

const root = new Authority('CN=Root')
const pem = (der: Uint8Array) => encodePem('CERTIFICATE', der)
const plainCase = {
  id: 'good',
  validation_kind: 'SERVER',
  expected_result: 'SUCCESS',
  trusted_certs: [pem(root.root())],
  untrusted_intermediates: [],
  peer_certificate: pem(root.issue('a.example')),
  validation_time: '2025-01-01T00:00:00+00:00',
  expected_peer_name: { kind: 'DNS', value: 'a.example' },
}

const { POLYTLS_VECTORS: vectors } = process.env
const skip = vectors === undefined ? 'POLYTLS_VECTORS does not name a folder with x509-limbo/limbo.json' : false

for (const profile of ['strict', 'interoperable'] as const) {
  test(`x509-limbo, profile ${profile}: no false reject, and every false accept is deliberate`, { skip }, () => {
    const verifier = portableVerifier(profile, 'node')
    const { falseAccept, falseReject, skipped } = runLimbo(readLimboCases(`${vectors}/x509-limbo/limbo.json`), verifier)
    assert.deepEqual(falseReject, [])
    assert.deepEqual(skipped, [])
    assert.deepEqual(falseAccept.map(({ id }) => id).sort(), [...verifier.deliberate.keys()].sort())
  })
}

test('the page on verification explains every deliberate acceptance', () => {
  const page = readFileSync(new URL('../../../docs/verification.md', import.meta.url), 'utf8').replace(/ +/g, ' ')
  for (const [id, reason] of deliberateAcceptances('interoperable'))
    assert.ok(page.includes(`| \`${id}\` | ${reason} |`), id)
})

test('cases that cannot be read or carried out are skipped with the reason, and none keeps others from being run', () => {
  const { id: _id, ...good } = plainCase
  const cases: readonly unknown[] = [
    plainCase,
    { ...good, something: ['new'], features: ['never-heard-of'] },
    { ...plainCase, id: 'a::list::null', crls: null, key_usage: null, expected_peer_name: null, max_chain_depth: null },
    {
      ...plainCase,
      id: 'no::pem',
      untrusted_intermediates: ['no PEM', '-----BEGIN CERTIFICATE-----'],
      expected_result: 'FAILURE',
    },
    { ...plainCase, id: 'expected', expected_result: 'MAYBE' },
    { ...plainCase, id: 'kind', validation_kind: 'PEER' },
    { ...plainCase, id: 'time', validation_time: 'tomorrow' },
    { ...plainCase, id: 'name', expected_peer_name: { kind: 'RFC822', value: 'a@b.example' } },
    { ...plainCase, id: 'purpose', extended_key_usage: ['serverAuth', 'codeSigning'] },
    { ...plainCase, id: 'algorithm', signature_algorithms: ['ED25519'] },
    { id: 'empty' },
    null,
    'text',
  ]
  const folder = mkdtempSync(join(tmpdir(), 'polytls-limbo-'))
  const file = join(folder, 'cases.json')
  try {
    writeFileSync(file, JSON.stringify({ version: 2, testcases: cases }))
    for (const verifier of [portableVerifier('interoperable', 'node'), opensslVerifier('openssl', 'embedded')]) {
      const outcome = runLimbo(readLimboCases(file), verifier)
      assert.deepEqual(outcome.falseReject, [], verifier.name)
      assert.deepEqual([outcome.total, outcome.ok, outcome.skipped.length, outcome.crashed.length], [13, 4, 9, 0])
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a verifier that crashes is told of, and the other cases are run', () => {
  const outcome = runLimbo([readCase(plainCase, 0), readCase(plainCase, 1)], {
    name: 'broken',
    deliberate: new Map(),
    verify: () => {
      throw new TypeError('broken')
    },
  })
  assert.deepEqual(outcome.crashed, ['good', 'good'])
  assert.equal(outcome.ok, 0)
})
