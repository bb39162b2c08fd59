import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { schannel } from 'polytls'
import { outcomeOf, rows, turnedAway } from '../amqp/outcomes.ts'

/**
 * The clients of AMQP that this project began with, in the rows of docs/amqp.md that need Windows. A Schannel that ends at TLS 1.2 gets as far
 * as the older programs, by either structure.
 */
const hasTLS13 = schannel.available.yes && schannel.capabilities.versions.includes('TLSv1.3')

/**
 * Wine with TLS 1.3 does not heed that the old structure ends before it: TLS 1.3 is chosen, and we refuse it. What older programs see is
 * shown by Wine without TLS 1.3. A real Windows heeds it: whoever runs this there sees it fail, and takes this away.
 */
const ofWine = { 'TLSv1.2': 'NegotiationError', 'TLSv1.3': 'NegotiationError' } as const

describe(`brokers of AMQP, and a Schannel ${hasTLS13 ? 'with TLS 1.3' : 'that ends at TLS 1.2'}`, () => {
  for (const row of rows.filter(({ backend }) => backend.name.startsWith('schannel'))) {
    const outcomes = !hasTLS13 ? turnedAway : row.backend === schannel ? row.outcomes : ofWine
    for (const lowest of ['TLSv1.2', 'TLSv1.3'] as const) {
      it(`${row.client} at one from ${lowest} on`, async () => {
        assert.equal(await outcomeOf(row, lowest), outcomes[lowest])
      })
    }
  }
})
