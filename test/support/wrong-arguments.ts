import assert from 'node:assert/strict'
import * as net from 'node:net'
import { test } from 'node:test'
import { ConfigurationError, TLSSocket, UsageError } from 'polytls'

/** What is of no use, whatever was wanted. */
const anything = {
  undefined: undefined,
  null: null,
  'not a number': Number.NaN,
  'a negative number': -1,
  'a huge number': 1e308,
  'a fraction': 1.5,
  zero: 0,
  'an empty text': '',
  text: 'text',
  'an object': {},
  'an array': [],
  'a symbol': Symbol('wrong'),
  'a function': () => {},
  'a large number': 10n,
  true: true,
  'an object without a prototype': Object.create(null),
}
export type Kind = keyof typeof anything

export const objects = ['an object', 'an object without a prototype'] as const

/** A place among the arguments, and which of all these are right there. */
export interface Place {
  readonly path: readonly (string | number)[]
  /** How errors call it, where that is not the end of the path. */
  readonly name?: string
  readonly fits?: readonly Kind[]
}

/** A function, arguments that it would take, and where among them something can be wrong. */
export interface Call {
  readonly name: string
  readonly call: (...parameters: never[]) => unknown
  readonly base: () => readonly unknown[]
  readonly places: readonly Place[]
}

/** Defines a test for each: that everything of no use is refused by name, before anything is done with it. */
export function refusesWhatIsOfNoUse(calls: readonly Call[]): void {
  for (const { name, call, base, places } of calls) {
    test(name, async () => {
      for (const {
        path,
        name: called = String(typeof path.at(-1) === 'string' ? path.at(-1) : name.split(' ')[0]),
        fits = [],
      } of places) {
        for (const [kind, value] of Object.entries(anything)) {
          if ((fits as readonly string[]).includes(kind)) continue
          // An object that lacks something is told what it lacks.
          if (
            path.length === 1 &&
            (objects as readonly string[]).includes(kind) &&
            fits.length === 0 &&
            called === name.split(' ')[0]
          )
            continue
          const what = `${name}, ${path.join('.')}: ${kind}`
          const error = await failureOf(() => call(...(replaced(base(), path, value) as never[])), what)
          const isRefusal =
            error instanceof TypeError ||
            error instanceof RangeError ||
            error instanceof ConfigurationError ||
            error instanceof UsageError
          assert.ok(isRefusal, `${what}: ${error.stack}`)
          const named = called.split('.').at(-1) as string
          assert.ok(error.message.includes(named), `${what}: "${error.message}" does not name ${named}`)
          assert.doesNotMatch(error.message, /undefined \(reading|destructure|is not a function|is not iterable/, what)
        }
      }
    })
  }
}

function replaced(parameters: readonly unknown[], path: readonly (string | number)[], value: unknown): unknown[] {
  const copy = [...parameters]
  let at = copy as unknown as Record<string | number, unknown>
  for (const step of path.slice(0, -1)) {
    at[step] = { ...(at[step] as object) }
    at = at[step] as Record<string | number, unknown>
  }
  at[path.at(-1) as string] = value
  return copy
}

/** What a call throws, or rejects with, before anything could have come from the network. */
async function failureOf(call: () => unknown, what: string): Promise<Error> {
  try {
    const answer = call()
    if (answer instanceof TLSSocket || answer instanceof net.Server) {
      if (answer instanceof TLSSocket) answer.on('error', () => {}).destroy()
      throw new assert.AssertionError({ message: `${what}: was taken` })
    }
    const late = new Promise((_, reject) =>
      setTimeout(reject, 1_000, new assert.AssertionError({ message: `${what}: no answer` })).unref(),
    )
    await Promise.race([answer, late])
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    return error as Error
  }
  throw new assert.AssertionError({ message: `${what}: was taken` })
}
