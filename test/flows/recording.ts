import type { Part } from './participant.ts'

/** A conversation with a real peer, as a file. */
export interface Recording {
  /** Whom it was recorded with, in that program's words. */
  readonly peer: string
  readonly part: Part
  /** In the order in which it happened: what came, and what was sent, base64. */
  readonly events: readonly (readonly ['in' | 'out', string])[]
  /** The data that came. */
  readonly received: string
  readonly cipherSuite: number
  readonly group: number
  readonly helloRetried: boolean
}
