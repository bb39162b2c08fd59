// Runs the contract suite with Windows' Schannel, the command line with it, and the tests of its own for Windows, on the Schannel that Wine has:
// `[--wine10] [--verbose] [--record] [part of a file's name …]`.
//
// Twice: as it is, Wine speaks TLS 1.2; with an empty file of priorities for GnuTLS, on which it stands, TLS 1.3 as well. What Wine cannot is
// listed with its reason in wine/limits.mjs, and how many tests each reason stops, in wine/counts.json. A test that fails for none of them
// fails this run, and so does a reason that stops more tests or fewer than it did; `--record` writes down how many it stops now.
//
// With `--wine10`, on Wine 10, which has the server's side, in a tree of Debian 13 that is made for it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv, exit } from 'node:process'
import { fileURLToPath } from 'node:url'
import { limitOf, limits } from './wine/limits.mjs'
import { app, fail, passes, prepareWindows } from './wine/windows.mjs'

const options = new Set(argv.slice(2).filter((each) => each.startsWith('--')))
const wanted = argv.slice(2).filter((each) => !each.startsWith('--'))
for (const option of options)
  if (!['--wine10', '--verbose', '--record'].includes(option)) fail(`there is no option ${option}`)
const isWhole = wanted.length === 0
if (options.has('--record') && !isWhole) fail('--record counts the whole run, not a part of it')

const countsFile = fileURLToPath(new URL('wine/counts.json', import.meta.url))
const recorded = JSON.parse(readFileSync(countsFile, 'utf8'))
const { name: wine, runNode } = prepareWindows({ wine10: options.has('--wine10') })
const complaints = Object.entries(passes).flatMap(([name, environment]) => pass(name, environment))
// Its servers have two certificates, of which Wine's Schannel can use one.
if (isWhole && !options.has('--wine10')) complaints.push(...leaks())
if (options.has('--record')) writeFileSync(countsFile, `${JSON.stringify(recorded, null, 2)}\n`)
for (const complaint of complaints) console.error(`✖ ${complaint}`)
exit(complaints.length === 0 ? 0 : 1)

/** One run of the suite; answers everything that is not as it should be. */
function pass(name, environment) {
  const results = runTests(name, environment)
  const failed = results.filter(({ ok }) => !ok)
  const reasons = new Map(failed.map((result) => [result, reasonFor(result, name)]))
  const unexplained = failed.filter((result) => reasons.get(result) === undefined)
  const passed = results.filter(({ ok, skipped }) => ok && !skipped).length
  console.log(
    `${wine}, ${name}: ${passed} passed, ${failed.length - unexplained.length} beyond what Wine can, ${unexplained.length} failed`,
  )
  if (options.has('--verbose'))
    for (const [each, limit] of reasons) console.log(`  ${limit?.key ?? 'no reason'}: ${describe(each)}`)
  const counts = Object.fromEntries(
    limits
      .map(({ key }) => [key, failed.filter((each) => reasons.get(each)?.key === key).length])
      .filter(([, count]) => count > 0),
  )
  const title = `${wine}, ${name}`
  const unexpected = isWhole && !options.has('--record') ? compare(title, counts) : []
  if (options.has('--record')) recorded[title] = counts
  return [...unexplained.map((each) => `${name}: ${describe(each)}`), ...unexpected]
}

function describe({ file, suite, test, error }) {
  return `${file} › ${suite} › ${test}\n    ${error}`
}

function runTests(name, environment) {
  const folders = ['contract', 'schannel'].flatMap((folder) =>
    readdirSync(join(app, 'build', 'test', folder)).map((file) => `build/test/${folder}/${file}`),
  )
  const files = [...folders, 'build/test/backends/schannel/windows.test.js'].filter(
    (file) => file.endsWith('.test.js') && (isWhole || wanted.some((each) => file.includes(each))),
  )
  const words = ['--test', '--test-concurrency=2', '--test-timeout=120000', '--test-reporter=./reporter.mjs']
  const since = performance.now()
  const { output } = runNode(
    [...words, '--test-reporter-destination=stdout', ...files],
    {
      POLYTLS_TEST_BACKENDS: 'schannel',
      // What is held to TLS 1.2 is for the first pass alone.
      POLYTLS_TEST_VERSIONS: name.replace('TLS ', 'TLSv'),
      // Wine imports no keys on elliptic curves, and does not verify every signature by one: test/schannel/signatures.test.ts.
      POLYTLS_TEST_KEY_KIND: 'rsa-2048',
      NODE_OPTIONS: '--import=./user.mjs',
      ...environment,
    },
    900_000,
  )
  console.log(`${wine}, ${name}: ${files.length} files in ${Math.round((performance.now() - since) / 1000)} s`)
  const results = output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  if (!results.some(({ ok, skipped }) => ok && !skipped)) fail(`nothing ran; Wine said: ${output.slice(-2000)}`)
  return results
}

/** Many connections in one process, whose memory has to stay flat; `npm run leak:schannel` makes more of them. */
function leaks() {
  const since = performance.now()
  const words = ['--expose-gc', 'build/scripts/leak.js', '3000', 'schannel']
  const { output, status } = runNode(words, passes['TLS 1.3'], 300_000)
  const [verdict] = /^growth .*$/m.exec(output) ?? ['it did not end']
  console.log(`${wine}, 3,000 connections in ${Math.round((performance.now() - since) / 1000)} s: ${verdict}`)
  return status === 0 ? [] : [`memory is not flat, or the run failed:\n${output}`]
}

/** The tests for Windows know themselves what Wine cannot: none of them may fail. */
function reasonFor(result, name) {
  return existsSync(join(app, 'build', 'test', 'schannel', result.file)) ? undefined : limitOf(result, wine, name)
}

/** Where a reason stops more tests or fewer than it did. */
function compare(title, counts) {
  const expected = recorded[title]
  if (expected === undefined) {
    console.log(`${title}: nobody has counted yet what this Wine cannot; --record does`)
    return []
  }
  return limits.flatMap(({ key, reason }) => {
    const [count, was] = [counts[key] ?? 0, expected[key] ?? 0]
    if (count === was) return []
    return `${title}: ${count} tests instead of ${was} are stopped by this: ${reason}\n    --verbose lists them; if the tests are what changed, --record and commit wine/counts.json`
  })
}
