import process from 'node:process'
import { ExitCode, UsageFailure } from './exit-code.ts'
import { type Explanation, explain } from './explanation.ts'
import { type Terminal, terminalOn, wrap } from './terminal.ts'

/** Runs one command of the command line in this process and sets the process's exit code. */
export function runCommandLine(words: readonly string[]): void {
  // Until a command has told how it ended, an end is a defect.
  process.exitCode = ExitCode.INTERNAL
  // Whoever reads our output may go whenever he likes (`polytls … | head -1`): nothing is left to do then.
  process.stdout.on('error', leaveOnBrokenPipe)
  process.stderr.on('error', leaveOnBrokenPipe)
  execute(words).then(
    (code) => {
      process.exitCode = code
    },
    (error: unknown) => {
      const explanation = explain(orMissingPackage(error))
      printExplanation(explanation, terminalOn(process.stderr))
      process.exitCode = explanation.exitCode
    },
  )
}

/** What happened and why in one paragraph, what to try in the next. */
export function printExplanation({ message, hint, alert }: Explanation, terminal: Terminal): void {
  const { style, width, print } = terminal
  const said = alert === null || message.includes(alert) ? '' : ` (alert sent: ${alert})`
  const [first = '', ...rest] = wrap(`polytls: ${message}${said}`, { width })
  print(style.red(first), ...rest.map(style.red))
  if (hint !== null) print(...wrap(`try: ${hint}`, { width, indent: '  ' }))
}

async function execute(words: readonly string[]): Promise<ExitCode> {
  // Loaded here, so that a parser that is not installed can be told.
  const { runProgram } = await import('./program.ts')
  return runProgram(words)
}

/** Packages that are optional for programs, which need neither a command line nor fresh certificates. */
const optionalPackages: readonly string[] = ['commander', '@peculiar/x509', 'reflect-metadata']

function orMissingPackage(error: unknown): unknown {
  const { code, message = '' } = (error ?? {}) as Partial<NodeJS.ErrnoException>
  if (code !== 'ERR_MODULE_NOT_FOUND') return error
  const missing = optionalPackages.find((name) => message.includes(`'${name}'`))
  if (missing === undefined) return error
  return new UsageFailure(`the optional package ${missing} is not installed`, {
    hint: `npm install ${optionalPackages.join(' ')}`,
    cause: error,
  })
}

function leaveOnBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  process.exit(ExitCode.OK)
}
