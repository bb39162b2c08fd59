import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fuzz, targets } from './targets.ts'

describe('changed inputs', () => {
  for (const target of targets) {
    it(`${target.name}: nothing is thrown but TLSError, in a bounded time`, () => {
      const { accepted, refused } = fuzz(target, target.short, 1)
      assert.ok(accepted > target.short / 100, `only ${accepted} accepted: the changes do not get far`)
      assert.ok(refused > target.short / 100, `only ${refused} refused: the changes change nothing`)
    })
  }
})
