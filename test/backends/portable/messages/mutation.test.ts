import assert from 'node:assert/strict'
import { it } from 'node:test'
import { TLSError } from '#polytls/errors.js'
import { generator, mutate } from './mutation.js'
import { bodyOf, samples } from './samples.js'

/** POLYTLS_FUZZ_ITERATIONS says how many inputs there are in all; POLYTLS_FUZZ_SEED where they begin. */
const { POLYTLS_FUZZ_ITERATIONS = '20000', POLYTLS_FUZZ_SEED = '1' } = process.env
const iterations = Number(POLYTLS_FUZZ_ITERATIONS)
const seed = Number(POLYTLS_FUZZ_SEED)

it(`decoders of messages throw nothing but TLSError, over ${iterations} mutated messages`, () => {
  const random = generator(seed)
  let refused = 0
  for (let i = 0; i < iterations; i++) {
    const sample = samples[i % samples.length]
    const mutant = mutate(bodyOf(sample as (typeof samples)[number]), random)
    try {
      sample?.decode(mutant)
    } catch (error) {
      if (!(error instanceof TLSError)) {
        assert.fail(`${sample?.name}: ${String(error)} for ${Buffer.from(mutant).toString('hex')} (seed ${seed})`)
      }
      refused++
    }
  }
  assert.ok(
    refused > 0 && refused < iterations,
    `${refused} of ${iterations} refused: mutations of either kind are needed`,
  )
})
