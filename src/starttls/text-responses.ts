import type { Reading } from './dialogue.ts'
import type { Talk } from './talk.ts'

/** The lines of a response that ends with a dot alone, without the dots that were put before others. RFC 1939, Section 3; RFC 3977. */
export function* readMultiline(talk: Talk): Reading<readonly string[]> {
  const lines: string[] = []
  for (;;) {
    const line = yield* talk.line()
    if (line === '.') return lines
    lines.push(line.startsWith('.') ? line.slice(1) : line)
  }
}

/** A response of one line that begins with a code of three digits. */
export function* readStatus(
  talk: Talk,
): Reading<{ readonly code: number; readonly text: string; readonly said: string }> {
  const said = yield* talk.line()
  const [, code, text = ''] = /^([1-5]\d\d)(?: (.*))?$/.exec(said) ?? []
  if (code === undefined) throw talk.malformed('a response with a code', said)
  return { code: Number(code), text, said }
}
