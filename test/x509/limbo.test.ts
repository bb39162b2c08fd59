import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readLimboCases, runLimbo } from '../../scripts/limbo/cases.ts'
import { deliberateAcceptances } from '../../scripts/limbo/deliberate.ts'
import { portableVerifier } from '../../scripts/limbo/portable.ts'

const { POLYTLS_VECTORS: vectors } = process.env
const skip = vectors === undefined ? 'POLYTLS_VECTORS does not name a folder with x509-limbo/limbo.json' : false

for (const profile of ['strict', 'interoperable'] as const) {
  test(`x509-limbo, profile ${profile}: no false reject, and every false accept is deliberate`, { skip }, () => {
    const verifier = portableVerifier(profile)
    const { falseAccept, falseReject, skipped } = runLimbo(readLimboCases(vectors ?? ''), verifier)
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
