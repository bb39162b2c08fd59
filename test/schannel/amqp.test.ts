import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { schannel } from 'polytls'
import { outcomeOf, rows } from '../amqp/outcomes.ts'

/** The clients of AMQP that this project began with, in the rows of docs/amqp.md that need Windows. */
const needsTLS13 = schannel.available.yes && schannel.capabilities.versions.includes('TLSv1.3')

describe('brokers of AMQP', { skip: needsTLS13 ? false : 'this Schannel ends at TLS 1.2' }, () => {
  for (const row of rows.filter(({ backend }) => backend.name.startsWith('schannel'))) {
    for (const lowest of ['TLSv1.2', 'TLSv1.3'] as const) {
      it(`${row.client} at one from ${lowest} on`, async () => {
        assert.equal(await outcomeOf(row, lowest), row.outcomes[lowest])
      })
    }
  }
})
