import assert from 'node:assert/strict'
import { it } from 'node:test'
import { TLSError } from '#polytls/errors.js'
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

function mutate(body: Uint8Array, random: (limit: number) => number): Uint8Array {
  let bytes = [...body]
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(bytes.length + 1)
    switch (random(6)) {
      case 0:
        bytes[at % Math.max(bytes.length, 1)] = random(256)
        break
      case 1:
        bytes[at % Math.max(bytes.length, 1)] = [0, 1, 0x7f, 0x80, 0xff][random(5)] as number
        break
      case 2:
        bytes = bytes.slice(0, at)
        break
      case 3:
        bytes.splice(at, 0, ...Array.from({ length: 1 + random(4) }, () => random(256)))
        break
      case 4:
        bytes.splice(at, 1 + random(8))
        break
      default:
        bytes.splice(at, 0, ...bytes.slice(at, at + random(40)))
    }
  }
  return Uint8Array.from(bytes)
}

/** Xorshift: small, and the same on every machine. */
function generator(start: number): (limit: number) => number {
  let state = start >>> 0 || 1
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}
