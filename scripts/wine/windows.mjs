// A Windows to run programs of build/ and dist/ in: Wine, with Windows' node.exe and koffi's binary for it. Needs Linux on x86-64;
// installation.mjs brings the rest.
import { spawnSync } from 'node:child_process'
import { closeSync, cpSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { arch, env, pid, platform } from 'node:process'
import { fileURLToPath } from 'node:url'
import { cache, fail, installPrograms, installWine, installWine10, nodeProgram } from './installation.mjs'

export { fail } from './installation.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const emptyFile = join(cache, 'empty')

/** Where the package lies as Windows' Node sees it: a copy, with koffi's binary for Windows. */
export const app = join(cache, 'app')

/**
 * Wine's Schannel stands on GnuTLS, and speaks TLS 1.2 alone unless this variable names a file. With it, it no longer heeds which versions
 * are disabled. Hence two passes of everything.
 */
export const passes = {
  'TLS 1.2': {},
  'TLS 1.3': { GNUTLS_SYSTEM_PRIORITY_FILE: emptyFile },
}

/**
 * Installs what is missing, and copies what was built last: on the Wine that this machine has, or on Wine 10 in a tree of its own. Answers the
 * name of the Wine, and `runNode`, which runs node.exe in `app` and answers what it wrote, and its exit code.
 */
export function prepareWindows({ wine10 = false } = {}) {
  if (platform !== 'linux' || arch !== 'x64')
    fail(`Wine runs on Linux with x86-64, and this is ${platform} with ${arch}`)
  const launcher = wine10 ? installWine10() : installWine()
  installPrograms()
  copyApp()
  const { output } = spawnOn(launcher, cache, ['--version'], {}, 30_000)
  const [, major] = /^wine-(\d+)/m.exec(output) ?? fail(`Wine does not start: ${output}`)
  const prefix = join(cache, `prefix-${major}`)
  const made = join(prefix, 'system.reg')
  if (!existsSync(made)) spawnOn(launcher, prefix, ['winecfg', '-v', 'win10'], {}, 300_000)
  // Wine's server writes it when it ends itself, some seconds after the last program.
  for (let seconds = 0; !existsSync(made) && seconds < 60; seconds++) sleep(1_000)
  if (!existsSync(made)) fail(`Wine ${major} does not start: it made no ${made}`)
  return {
    name: `Wine ${major}`,
    runNode: (words, environment, milliseconds) =>
      spawnOn(launcher, prefix, [nodeProgram, ...words], environment, milliseconds),
  }
}

function copyApp() {
  writeFileSync(emptyFile, '')
  for (const folder of ['dist', 'build', 'node_modules']) rmSync(join(app, folder), { recursive: true, force: true })
  for (const name of ['dist', 'build', 'package.json']) cpSync(join(root, name), join(app, name), { recursive: true })
  for (const name of ['reporter.mjs', 'user.mjs']) cpSync(join(root, 'scripts', 'wine', name), join(app, name))
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

function sleep(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

/** Under Wine, a Windows program writes to files, and not to the pipes of Linux. */
function spawnOn(launcher, prefix, command, environment, milliseconds) {
  const path = join(cache, `output-${pid}`)
  const file = openSync(path, 'w')
  const [program, ...words] = [...launcher(app), ...command]
  const { error, status } = spawnSync(program, words, {
    cwd: app,
    stdio: ['ignore', file, file],
    timeout: milliseconds,
    env: { ...env, WINEPREFIX: prefix, WINEDEBUG: '-all', ...environment },
  })
  const output = readFileSync(path, 'utf8')
  closeSync(file)
  rmSync(path)
  if (error !== undefined) fail(`${command[0]}: ${error.message}\n${output.slice(-2000)}`)
  return { output, status }
}
