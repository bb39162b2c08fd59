import { certificates } from './certificates.ts'
import { handshakes12, handshakes13 } from './handshakes.ts'
import { clientHellos, compressedCertificates, der, messages } from './messages.ts'
import { randomOf } from './random.ts'
import { records } from './records.ts'
import type { FuzzTarget } from './target.ts'

export const targets: readonly FuzzTarget[] = [
  records,
  messages,
  clientHellos,
  compressedCertificates,
  der,
  handshakes12,
  handshakes13,
  certificates,
]

export interface FuzzReport {
  readonly accepted: number
  readonly refused: number
  readonly slowestMilliseconds: number
  readonly slowestInput: number
}

/**
 * Gives a target so many inputs, from `first` on. Where one does what must not happen, the error says how to repeat it.
 * @throws Error with what happened as its cause.
 */
export function fuzz(target: FuzzTarget, inputs: number, seed: number, first = 0): FuzzReport {
  let accepted = 0
  let slowestMilliseconds = 0
  let slowestInput = first
  for (let input = first; input < first + inputs; input++) {
    const start = performance.now()
    try {
      if (target.run(randomOf(seed, input)) === 'accepted') accepted++
    } catch (cause) {
      const again = `npm run fuzz -- --target ${target.name} --seed ${seed} --first ${input} --inputs 1`
      throw new Error(`${again}\n${cause instanceof Error ? cause.stack : String(cause)}`, { cause })
    }
    const milliseconds = performance.now() - start
    if (milliseconds > slowestMilliseconds) {
      slowestMilliseconds = milliseconds
      slowestInput = input
    }
    if (milliseconds > tooLongMilliseconds)
      throw new Error(`${target.name}: input ${input} of seed ${seed} took ${milliseconds} ms`)
  }
  return { accepted, refused: inputs - accepted, slowestMilliseconds, slowestInput }
}

/** Much longer than any input takes, with room for a machine that is busy with something else. */
const tooLongMilliseconds = 5000
