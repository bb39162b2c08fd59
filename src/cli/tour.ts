import process from 'node:process'
import { chooseBackend } from './backend-choice.ts'
import { ExitCode } from './exit-code.ts'
import { explain } from './explanation.ts'
import { packageVersion } from './package-version.ts'
import { grouped, type Terminal, terminalOn, wrap } from './terminal.ts'
import { prepareStage, type Stage } from './tour-stage.ts'
import type { Step } from './tour-step.ts'
import { steps } from './tour-steps.ts'

export interface TourOptions {
  readonly backend?: string
}

/** `polytls tour`: shows the library at work and checks what it shows; ends with 1 where anything is not as it should be. */
export async function runTour(options: TourOptions): Promise<ExitCode> {
  const backend = chooseBackend(options.backend)
  const terminal = terminalOn(process.stdout)
  const { style, print, width } = terminal
  const startedAt = performance.now()
  print(
    `${style.bold(`polytls ${packageVersion()}`)}  one TLS API, any TLS stack underneath`,
    ...wrap(
      `A tour on real sockets of this machine, with the backend ${backend.name} (${backend.version}) on ${runtime()}.`,
      { width },
    ).map(style.dim),
    '',
  )
  let stage: Stage
  try {
    stage = await prepareStage(backend)
  } catch (error) {
    return failed(error, terminal)
  }
  let failures = 0
  try {
    for (const [index, step] of steps.entries()) {
      // The first step shows what the preparation made, and so its time is that of the preparation too.
      const since = index === 0 ? startedAt : performance.now()
      if (!(await runStep({ step, number: index + 1, since }, stage, terminal))) failures++
    }
  } finally {
    await stage.close()
  }
  const took = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`
  if (failures > 0) {
    print(style.red(`${failures} of ${steps.length} steps did not end as they should (${took}).`))
    return ExitCode.INTERNAL
  }
  print(
    `All ${steps.length} steps ended as they should, in ${took}.`,
    style.dim('Go on with: npm start -- connect example.org, or polytls --help'),
  )
  return ExitCode.OK
}

interface Turn {
  readonly step: Step
  readonly number: number
  readonly since: number
}

async function runStep({ step, number, since }: Turn, stage: Stage, terminal: Terminal): Promise<boolean> {
  const { style, symbols, print, width } = terminal
  let lines: readonly string[]
  let passed = true
  try {
    lines = await within(stepMilliseconds, step.run(stage, terminal))
  } catch (error) {
    passed = false
    lines = wrap(explain(error, { phase: 'handshake' }).message, { width: width - indent.length }).map(style.red)
  }
  const took = `${grouped(Math.round(performance.now() - since))} ms`
  const mark = passed ? style.green(symbols.yes) : style.red(symbols.no)
  const title = step.title.padEnd(width - indent.length - took.length)
  print(`${mark} ${number}  ${style.bold(title)}${style.dim(took)}`, ...lines.map((line) => indent + line), '')
  return passed
}

/** What a step shows stands below its title. */
const indent = '     '

/** Far more than any step needs: one that hangs is one that fails. */
const stepMilliseconds = 10_000

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened for ${milliseconds} ms`)), milliseconds)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}

function failed(error: unknown, { style, print }: Terminal): ExitCode {
  // A missing package is for the caller to tell.
  if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') throw error
  print(style.red(explain(error).message))
  return ExitCode.INTERNAL
}

function runtime(): string {
  return `Node ${process.versions.node}`
}
