import type { WriteStream } from 'node:tty'

/** One of the two outputs, with what it can show. */
export interface Terminal {
  readonly style: Style
  readonly symbols: Symbols
  /** Columns to fill: those of the terminal up to 100, 80 where it is none. */
  readonly width: number
  /** Writes whole lines. */
  print(...lines: readonly string[]): void
}
export type Style = { readonly [K in keyof typeof codes]: (text: string) => string }
export type Symbols = { readonly [K in keyof typeof plainSymbols]: string }

export function terminalOn(stream: NodeJS.WritableStream, environment: NodeJS.ProcessEnv = process.env): Terminal {
  const { isTTY = false, columns } = stream as Partial<WriteStream>
  return {
    style: hasColour(isTTY, environment) ? coloured : uncoloured,
    symbols: hasUnicode(environment) ? unicodeSymbols : plainSymbols,
    width: isTTY && columns !== undefined && columns >= 40 ? Math.min(columns, 100) : 80,
    print: (...lines) => {
      stream.write(lines.map((line) => `${line}\n`).join(''))
    },
  }
}

/** NO_COLOR (no-color.org) before FORCE_COLOR before what the stream is. */
export function hasColour(isTTY: boolean, environment: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = environment
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  return isTTY && TERM !== 'dumb'
}

/** Only where the locale or the terminal says that it cannot: containers have no locale, and terminals that can everything. */
function hasUnicode({ LC_ALL, LC_CTYPE, LANG, TERM }: NodeJS.ProcessEnv): boolean {
  const locale = LC_ALL || LC_CTYPE || LANG || 'UTF-8'
  return /utf-?8/i.test(locale) && TERM !== 'linux' && TERM !== 'dumb'
}

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const

function styleWith(apply: (text: string, codes: readonly [number, number]) => string): Style {
  return Object.fromEntries(
    Object.entries(codes).map(([name, pair]) => [name, (text: string) => apply(text, pair)]),
    // The entries are those of `codes`, one by one.
  ) as Style
}
const coloured: Style = styleWith((text, [open, close]) => `\u001b[${open}m${text}\u001b[${close}m`)
const uncoloured: Style = styleWith((text) => text)

const plainSymbols = { yes: '+', no: 'x', none: '-', dot: '|', arrow: '->', back: '<-', rule: '-' }
const unicodeSymbols: Symbols = { yes: '✓', no: '✗', none: '–', dot: '·', arrow: '→', back: '←', rule: '─' }

/**
 * What a peer sent, made fit for a terminal: control characters, which could move the cursor or rewrite what was printed, and those
 * that turn the direction of writing are shown by their numbers.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
}

/** Breaks prose at spaces; lines after the first are indented as well. */
export function wrap(
  text: string,
  { width, indent = '' }: { readonly width: number; readonly indent?: string },
): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, indent + line]
}

/** 1,234,567 */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}
