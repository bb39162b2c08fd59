import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { patienceMilliseconds, patiently } from './patience.ts'
import { isListening } from './ports.ts'

export interface ProgramOptions {
  /** The folder that it works in. */
  readonly folder?: string
  /** Leaves standard output to the test, as a stream of bytes. Standard error is collected all the same. */
  readonly streamsOutput?: boolean
}

/** How a program ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A program that a test has started: what it prints is collected, and it does not outlive the test. */
export class Program implements AsyncDisposable {
  readonly name: string
  /** Settles when the program is gone and its output is complete. */
  readonly #ended: Promise<Ending>
  readonly #child: ChildProcessWithoutNullStreams
  #stdout = ''
  #stderr = ''
  #isGone = false
  readonly #watchers = new Set<() => void>()

  constructor(name: string, options: readonly string[], { folder, streamsOutput = false }: ProgramOptions = {}) {
    this.name = name
    const { PATH } = process.env
    this.#child = spawn(name, options, {
      cwd: folder,
      // Debian keeps servers where only root's PATH looks. Messages are read by tests, so they are to be in one language.
      env: { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin`, LC_ALL: 'C' },
    })
    running.add(this.#child)
    this.#child.stdin.on('error', () => {})
    if (!streamsOutput) {
      this.#child.stdout.setEncoding('latin1').on('data', (text: string) => {
        this.#stdout += text
        this.#tell()
      })
    }
    this.#child.stderr.setEncoding('latin1').on('data', (text: string) => {
      this.#stderr += text
      this.#tell()
    })
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', (error) =>
        reject(new Error(`${name} did not start; "npm run test:peers" installs what is missing`, { cause: error })),
      )
      this.#child.once('close', (code, signal) => resolve({ code, signal }))
    })
    const gone = (): void => {
      this.#isGone = true
      running.delete(this.#child)
      this.#tell()
    }
    this.#ended.then(gone, gone)
  }

  get stdin(): Writable {
    return this.#child.stdin
  }
  get stdout(): Readable {
    return this.#child.stdout
  }
  get isGone(): boolean {
    return this.#isGone
  }

  /** Waits until the program is gone and its output is complete. */
  ended(): Promise<Ending> {
    return patiently(`the end of ${this.name}`, this.#ended)
  }

  /** Everything that it has printed so far; what it printed on standard error comes last. */
  get report(): string {
    return `${this.#stdout}\n${this.#stderr}`
  }

  /** Waits until it has printed something. Fails when it ends without, or keeps silent for too long. */
  async reports(pattern: RegExp, milliseconds?: number): Promise<RegExpExecArray> {
    return this.#until(`printed ${pattern}`, () => pattern.exec(this.report) ?? undefined, milliseconds)
  }

  /** Waits until it listens on a port. */
  async listensOn(port: number): Promise<void> {
    const retry = setInterval(() => this.#tell(), 10)
    try {
      await this.#until(`listened on port ${port}`, () => isListening(port) || undefined)
    } finally {
      clearInterval(retry)
    }
  }

  /** Ends it, gently first, and waits until it is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.#isGone) this.#child.kill(signal)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopMilliseconds)
    try {
      await this.#ended.catch(() => {})
    } finally {
      clearTimeout(timer)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher()
  }

  #until<T>(what: string, look: () => T | undefined, milliseconds = patienceMilliseconds): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        this.#watchers.delete(watcher)
        act()
      }
      const fail = (why: string): void =>
        settle(() =>
          reject(new Error(`${this.name} ${why} and has not ${what}. It printed:\n${this.report.slice(-2000)}`)),
        )
      const watcher = (): void => {
        const found = look()
        if (found !== undefined) settle(() => resolve(found))
        else if (this.#isGone) fail('has ended')
      }
      const timer = setTimeout(() => fail(`runs for ${milliseconds / 1000} s`), milliseconds)
      this.#watchers.add(watcher)
      watcher()
    })
  }
}

/** Runs a program to its end. */
export async function run(
  name: string,
  options: readonly string[],
  input = '',
): Promise<Ending & { readonly report: string }> {
  await using program = new Program(name, options)
  program.stdin.end(input)
  const ending = await program.ended()
  return { ...ending, report: program.report }
}

const stopMilliseconds = 3_000

/** A test that throws, or is given up, leaves no program behind. */
const running = new Set<ChildProcessWithoutNullStreams>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
