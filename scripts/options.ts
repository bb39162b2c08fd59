import { exit, stderr, stdout } from 'node:process'
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The options of a developer's command. `--help` prints how it is used, and ends it; so does, with 2, what cannot be read. */
export function readOptions<T extends NonNullable<ParseArgsConfig['options']>>(
  usage: string,
  options: T,
  allowPositionals: boolean = false,
): ReturnType<typeof parseArgs<{ options: T & typeof help; allowPositionals: boolean }>> {
  try {
    const parsed = parseArgs({ options: { ...options, ...help }, allowPositionals })
    if ('help' in parsed.values) {
      stdout.write(`usage: ${usage}\n`)
      exit()
    }
    return parsed
  } catch (error) {
    refuse(usage, (error as Error).message)
  }
}

/** What an option says; whatever is no whole number from `least` on ends the command. */
export function wholeNumber(usage: string, option: string, text: string, least: number): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(number) || number < least)
    refuse(usage, `${option}: expected a whole number, at least ${least}, got ${text}`)
  return number
}

/** What an option says, which has to be one of these. */
export function oneOf<const T extends string>(usage: string, option: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((each) => each === text)
  return choice ?? refuse(usage, `${option}: expected ${choices.join(' or ')}, got ${text}`)
}

/** Ends a command that is used wrongly. */
export function refuse(usage: string, why: string): never {
  stderr.write(`${why}\nusage: ${usage}\n`)
  exit(2)
}

const help = { help: { type: 'boolean' } } as const
