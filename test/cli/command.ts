import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MadeCertificate } from '#polytls/cli/certificates.js'
import { makeAuthority } from '../support/identities.ts'

/** Runs the built command line as a person or a script would: in a process of its own. */

export const mainFile: string = fileURLToPath(import.meta.resolve('#polytls/cli/main.js'))

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** What stdin gives before it ends; without it stdin is /dev/null. */
  readonly input?: Uint8Array | string
  readonly environment?: NodeJS.ProcessEnv
  readonly program?: string
}

/** Runs a command to its end. */
export async function polytls(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = start(words, options)
  child.stdin?.on('error', () => {})
  child.stdin?.end(options.input)
  const [stdout, stderr, [code, signal]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
  ])
  return { code, signal, stdout, stderr }
}

/** Starts a command; it is killed with the test if it lives too long. */
export function start(
  words: readonly string[],
  { input, environment, program = mainFile }: RunOptions = {},
): ChildProcess {
  const stdin = input === undefined ? 'ignore' : 'pipe'
  const options: SpawnOptions = { stdio: [stdin, 'pipe', 'pipe'], env: cleanEnvironment(environment), timeout: 30_000 }
  return spawn(process.execPath, [program, ...words], options)
}

/** What the test runner sets must not decide about colours. */
function cleanEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { NO_COLOR, FORCE_COLOR, NODE_OPTIONS, NODE_V8_COVERAGE, SSL_CERT_FILE, LC_ALL, LANG, ...rest } = process.env
  return { ...rest, ...more }
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString('utf8')
}

export interface Served {
  readonly port: number
  readonly ca: string
  readonly child: ChildProcess
  /** Resolves once what it tells about its connections matches: that comes by a pipe, so perhaps after the peer was served. */
  logged(pattern: RegExp): Promise<void>
  /** Ends it by a signal. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** `polytls serve` on a free port, ready. */
export async function serve(words: readonly string[] = []): Promise<Served> {
  const child = start(['serve', '--port', '0', '--json', ...words])
  let log = ''
  child.stderr?.on('data', (chunk) => {
    log += String(chunk)
  })
  const closed = once(child, 'close') as Promise<[number | null]>
  const line = await Promise.race([firstLine(child.stdout), closed.then(() => undefined)])
  if (line === undefined) throw new Error(`polytls serve did not start: ${log}`)
  const { port, ca } = JSON.parse(line) as { port: number; ca: string }
  return {
    port,
    ca,
    child,
    async logged(pattern) {
      while (!pattern.test(log)) {
        await Promise.race([child.stderr === null ? closed : once(child.stderr, 'data'), closed])
        if (child.exitCode !== null && !pattern.test(log))
          throw new Error(`polytls serve did not tell ${pattern}: ${log}`)
      }
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      return (await closed)[0]
    },
  }
}

async function firstLine(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = ''
  while (!text.includes('\n')) {
    const [chunk] = (await once(stream as NodeJS.ReadableStream, 'data')) as [Buffer]
    text += String(chunk)
  }
  return text
}

/** A folder with an authority and certificates of it, as files, for the options of the command line. */
export interface Files {
  readonly authority: MadeCertificate
  readonly folder: string
  readonly ca: string
  write(name: string, content: string): string
  remove(): void
}

export async function makeFiles(): Promise<Files> {
  const folder = mkdtempSync(join(tmpdir(), 'polytls-test-'))
  const authority = await makeAuthority({ name: 'Test Authority' })
  const write = (name: string, content: string): string => {
    const file = join(folder, name)
    writeFileSync(file, content)
    return file
  }
  return {
    authority,
    folder,
    ca: write('ca.pem', authority.certificate),
    write,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
