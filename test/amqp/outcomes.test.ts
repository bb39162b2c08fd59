import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pages } from '../docs/repository.ts'
import { outcomeOf, rows, tableOf } from './outcomes.ts'

describe('which client reaches which broker', () => {
  it('is told by the documentation as it is tried', () => {
    const page = pages().find(({ path }) => path === 'docs/amqp.md')
    assert.ok(page?.text.includes(tableOf(rows)), `docs/amqp.md has to have this table:\n\n${tableOf(rows)}`)
  })

  for (const row of rows) {
    const { client, backend, outcomes } = row
    const skip = backend.available.yes ? false : backend.available.reason
    for (const lowest of ['TLSv1.2', 'TLSv1.3'] as const) {
      it(`${client} at one from ${lowest} on`, { skip }, async () => {
        assert.equal(await outcomeOf(row, lowest), outcomes[lowest])
      })
    }
  }
})
