import { memoryUsage, stdout } from 'node:process'
import { readOptions, refuse, wholeNumber } from '../../scripts/options.ts'
import { fuzz, targets } from './targets.ts'

/**
 * Gives a part of the library many changed inputs.
 * Without a target all of them. The same seed gives the same inputs. Ends with 1 where something happened that must not.
 */
const usage = 'npm run fuzz -- [--target NAME] [--inputs 100000] [--seed 1] [--first 0]'
const { values } = readOptions(usage, {
  target: { type: 'string' },
  inputs: { type: 'string', default: '100000' },
  seed: { type: 'string', default: '1' },
  first: { type: 'string', default: '0' },
})
const inputs = wholeNumber(usage, '--inputs', values.inputs, 1)
const seed = wholeNumber(usage, '--seed', values.seed, 0)
const first = wholeNumber(usage, '--first', values.first, 0)
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target)
if (chosen.length === 0)
  refuse(usage, `no target ${values.target}; there are ${targets.map(({ name }) => name).join(', ')}`)

for (const target of chosen) {
  const start = performance.now()
  const report = fuzz(target, inputs, seed, first)
  const seconds = (performance.now() - start) / 1000
  const { accepted, refused, slowestMilliseconds, slowestInput } = report
  stdout.write(
    `${target.name}: ${inputs} inputs of seed ${seed} in ${seconds.toFixed(0)} s: ${accepted} accepted, ${refused} refused; ` +
      `slowest ${slowestMilliseconds.toFixed(0)} ms (input ${slowestInput}); ${(memoryUsage().rss / 2 ** 20).toFixed(0)} MB\n`,
  )
}
