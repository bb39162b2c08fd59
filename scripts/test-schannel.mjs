// Runs the contract suite with Windows' Schannel as client, the command line with it, and the tests of its own for Windows, on the Schannel
// that Wine has: `[--verbose] [part of a file's name …]`.
// wine/windows.mjs installs what is missing for that.
//
// Twice: as it is, Wine speaks TLS 1.2; with an empty file of priorities for GnuTLS, on which it stands, TLS 1.3 as well. What Wine cannot is
// listed with its reason in wine/limits.mjs: a test that fails for none of them fails this run, and so does a reason that no test has.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { argv, exit } from 'node:process'
import { limitOf, limits } from './wine/limits.mjs'
import { app, fail, passes, prepareWindows, runNode } from './wine/windows.mjs'

const verbose = argv.includes('--verbose')
const wanted = argv.slice(2).filter((each) => !each.startsWith('--'))

prepareWindows()
const met = new Set()
const failures = Object.entries(passes).flatMap(([name, environment]) => pass(name, environment))
const unmet = wanted.length > 0 ? [] : limits.filter((limit) => !met.has(limit) && limit.sometimes !== true)
for (const { reason } of unmet)
  console.error(`no test meets this any more, so take it out of scripts/wine/limits.mjs: ${reason}`)
exit(failures.length + unmet.length === 0 ? 0 : 1)

/** One run of the suite; answers the tests that failed without a reason of Wine's. */
function pass(name, environment) {
  const folders = ['contract', 'schannel'].flatMap((folder) =>
    readdirSync(join(app, 'build', 'test', folder)).map((file) => `build/test/${folder}/${file}`),
  )
  const files = [...folders, 'build/test/backends/schannel/windows.test.js'].filter(
    (file) => file.endsWith('.test.js') && (wanted.length === 0 || wanted.some((each) => file.includes(each))),
  )
  const options = ['--test', '--test-concurrency=2', '--test-timeout=120000', '--test-reporter=./reporter.mjs']
  const words = [...options, '--test-reporter-destination=stdout', ...files]
  const since = performance.now()
  const { output } = runNode(words, { POLYTLS_TEST_BACKENDS: 'schannel', ...environment }, 900_000)
  const results = output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  const passed = results.filter(({ ok, skipped }) => ok && !skipped)
  const failed = results.filter(({ ok }) => !ok)
  const unexplained = failed.filter((result) => {
    const limit = reasonFor(result, name)
    if (limit !== undefined) met.add(limit)
    return limit === undefined
  })
  console.log(
    `Wine, ${name}, ${files.length} files in ${Math.round((performance.now() - since) / 1000)} s: ${passed.length} passed, ${failed.length - unexplained.length} beyond what Wine can, ${unexplained.length} failed`,
  )
  if (passed.length === 0) fail(`nothing ran; Wine said: ${output.slice(-2000)}`)
  for (const { file, test, error } of unexplained) console.error(`✖ ${file} › ${test}\n    ${error}`)
  if (verbose)
    for (const each of failed)
      console.log(`  (${reasonFor(each, name)?.reason ?? 'no reason'}) ${each.file} › ${each.test}`)
  return unexplained
}

/** The tests for Windows know themselves what Wine cannot: none of them may fail. */
function reasonFor(result, name) {
  return existsSync(join(app, 'build', 'test', 'schannel', result.file)) ? undefined : limitOf(result, name)
}
