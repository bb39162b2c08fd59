import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { providersUnderTest } from './providers.ts'
import { runWycheproof, wycheproofFiles } from './wycheproof.ts'

const { POLYTLS_VECTORS: directory } = process.env
const skip = directory === undefined ? 'POLYTLS_VECTORS does not say where the vectors are' : false

for (const under of providersUnderTest) {
  describe(`Wycheproof, ${under.crypto.name}`, { skip }, () => {
    for (const file of wycheproofFiles) {
      test(file, () => {
        const report = runWycheproof(file, directory ?? '', under)
        const skipped = report.skipped.reduce((sum, { count }) => sum + count, 0)
        assert.deepEqual(report.failed, [])
        assert.equal(report.ok + skipped, report.total)
      })
    }
  })
}
