/**
 * `npm run conformance:bogo`: BoringSSL's conformance runner against the portable backend,
 * with node:crypto or with the noble provider. The environment variable BOGO_RUNNER names the runner, compiled with `go test -c` in
 * BoringSSL's ssl/test/runner, or the folder it lies in as `runner`; without it there is nothing to do. See docs/conformance.md. Ends with
 * 1 where a test failed.
 */
import { spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { createPortableBackend } from 'polytls'
import { certificateCodecs } from '../test/bogo/codecs.ts'
import { type Outcome, serveShims } from '../test/bogo/serve.ts'
import { oneOf, readOptions, wholeNumber } from './options.ts'

const usage = 'npm run conformance:bogo -- [--test PATTERN] [--crypto node|noble] [--workers 2] [--verbose]'
const { values } = readOptions(usage, {
  test: { type: 'string', default: '' },
  crypto: { type: 'string', default: 'node' },
  workers: { type: 'string', default: '2' },
  verbose: { type: 'boolean', default: false },
})

const crypto = oneOf(usage, '--crypto', values.crypto, ['node', 'noble'])
const workers = String(wholeNumber(usage, '--workers', values.workers, 1))

const { BOGO_RUNNER: given } = process.env
if (given === undefined) {
  console.log('BOGO_RUNNER is not set: it names the compiled conformance runner of BoringSSL. Skipped.')
} else {
  process.exitCode = await run(resolve(statSync(given).isDirectory() ? join(given, 'runner') : given))
}

async function run(runner: string): Promise<number> {
  const folder = resolve('test/bogo')
  const config = join(folder, 'config.json')
  const missing = new Map<string, number>()
  const backend = createPortableBackend({ name: `portable with ${crypto}`, crypto, certificateCodecs })
  const server = await serveShims(backend, ({ exitCode, text }: Outcome) => {
    if (exitCode === 89) missing.set(text, (missing.get(text) ?? 0) + 1)
  })
  const counts = { PASSED: 0, FAILED: 0, UNIMPLEMENTED: 0 }
  const failures: string[] = []
  const { port } = server.address() as AddressInfo
  const child = spawn(
    runner,
    [
      ...['-shim-path', join(folder, 'shim.sh'), '-shim-config', config],
      ...['-num-workers', workers, '-test', values.test, '-pipe', '-allow-unimplemented'],
    ],
    { env: { ...process.env, POLYTLS_BOGO_PORT: String(port) }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let failing = false
  for await (const line of createInterface({ input: child.stdout })) {
    const [, state, name] = /^(PASSED|FAILED|UNIMPLEMENTED) \((.*)\)$/.exec(line) ?? []
    if (state !== undefined && name !== undefined) {
      counts[state as keyof typeof counts]++
      failing = state === 'FAILED'
      if (failing) failures.push(name)
    }
    if (failing || values.verbose) console.log(line)
  }
  server.close()

  const { DisabledTests: disabled } = JSON.parse(readFileSync(config, 'utf8')) as Config
  console.log(`not run (${Object.keys(disabled).length} patterns):`)
  for (const [pattern, reason] of Object.entries(disabled)) console.log(`  ${pattern}: ${reason}`)
  console.log('unimplemented:')
  for (const [what, count] of [...missing].sort(([, a], [, b]) => b - a)) console.log(`  ${count} ${what}`)
  if (failures.length > 0) console.log(`failed:\n  ${failures.join('\n  ')}`)
  console.log(`${counts.PASSED} passed, ${counts.FAILED} failed, ${counts.UNIMPLEMENTED} unimplemented`)
  // A runner that ran nothing has proved nothing.
  return counts.FAILED > 0 || counts.PASSED === 0 ? 1 : 0
}

interface Config {
  readonly DisabledTests: { readonly [pattern: string]: string }
}
