import type { Random } from './random.ts'

/** One part of the library that takes bytes from strangers. */
export interface FuzzTarget {
  readonly name: string
  /** How many inputs the ordinary tests give it. */
  readonly short: number
  /** Takes one input, made of nothing but the numbers; says how it ended. Throws where something happened that must not. */
  run(random: Random): 'accepted' | 'refused'
}
