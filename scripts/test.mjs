// Runs compiled tests: `node scripts/test.mjs [--verbose] [path below test/ …]`. Without a path: all but those that need servers from
// elsewhere (test/peers), those that need Windows (test/schannel) and those of the finished package (test/packaging). Names every file
// itself, because what node:test makes of folders and patterns differs between Node 20 and its successors.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve, sep } from 'node:path'
import process, { argv, execPath, exit, version } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const apart = ['peers', 'schannel', 'packaging'].map((name) => join(root, 'test', name) + sep)
// Long enough for the slowest test on a slow machine; without it, a test that waits for ever would hold up everything.
const timeoutMilliseconds = 300_000
const wholeRunMilliseconds = 900_000

const verbose = argv.includes('--verbose')
const wanted = argv.slice(2).filter((each) => each !== '--verbose')
const sources = wanted.length > 0 ? wanted.flatMap((path) => testsIn(resolve(path))) : allButApart()
const compiled = sources.map((path) => join(root, 'build', path.slice(root.length, -'.ts'.length).concat('.js')))
const missing = compiled.filter((path) => !existsSync(path))
if (compiled.length === 0) fail(`no tests in ${wanted.join(', ') || 'test/'}`)
if (missing.length > 0) fail(`not compiled yet, so run "npm run build" first: ${missing.join(', ')}`)

console.log(`${compiled.length} test files on Node ${version.slice(1)}`)
const reporter = verbose ? 'spec' : new URL('test-reporter.mjs', import.meta.url).href
const options = [
  '--test',
  '--enable-source-maps',
  `--test-concurrency=${availableParallelism()}`,
  `--test-timeout=${timeoutMilliseconds}`,
  `--test-reporter=${reporter}`,
  '--test-reporter-destination=stdout',
]
run()

// node:test gives up on a test that takes too long, but from Node 24 on it waits for ever for a file that leaves something open.
function run() {
  const child = spawn(execPath, [...options, ...compiled], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  })
  const end = (signal) => process.kill(-child.pid, signal)
  const timer = setTimeout(() => {
    console.error(
      `stopped after ${wholeRunMilliseconds / 60_000} minutes: a test file leaves something open; --verbose shows which`,
    )
    end('SIGKILL')
  }, wholeRunMilliseconds)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(signal))
  child.on('exit', (status) => {
    clearTimeout(timer)
    process.exitCode = status ?? 1
  })
}

function allButApart() {
  return testsIn(join(root, 'test')).filter((path) => !apart.some((folder) => path.startsWith(folder)))
}

function testsIn(path) {
  if (!existsSync(path)) fail(`${path} does not exist`)
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(path, name))
    .sort()
}

function fail(message) {
  console.error(message)
  exit(1)
}
