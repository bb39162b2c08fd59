import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { type Terminal, wrap } from './terminal.ts'
import type { Stage } from './tour-stage.ts'

export interface Step {
  readonly title: string
  /** Answers what to show below the title. @throws where anything is not as it should be. */
  run(stage: Stage, terminal: Terminal): Promise<readonly string[]>
}

/** The tour shows nothing that is not so. */
export function check(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new Error(`not as it should be: ${claim}`)
}

/** Resolves with the error that something must fail with. */
export async function failureOf(work: Promise<unknown>, claim: string): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error(`not as it should be: ${claim}`)
}

/** Labels and values below each other, the values broken at spaces. */
export function aligned(
  rows: readonly (readonly [label: string, value: string])[],
  { style }: Terminal,
): readonly string[] {
  const width = Math.max(...rows.map(([label]) => label.length)) + 2
  return rows.flatMap(([label, value]) =>
    wrap(value, { width: valueWidth - width }).map(
      (line, index) => style.dim((index === 0 ? label : '').padEnd(width)) + line,
    ),
  )
}
/** What 80 columns leave below a title. */
const valueWidth = 75

/** Says a text and hears as much in answer. */
export async function answerTo(stream: Duplex, text: string): Promise<string> {
  stream.write(text)
  return hear(stream, text.length)
}

/** The next `length` bytes as text. */
export async function hear(stream: Duplex, length: number): Promise<string> {
  for (;;) {
    const bytes: unknown = stream.read(length)
    if (bytes !== null) return String(bytes)
    if (stream.readableEnded || stream.destroyed) throw new Error('the connection ended early')
    await once(stream, 'readable')
  }
}
