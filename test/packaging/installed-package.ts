import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { env, execPath, platform } from 'node:process'
import { fileURLToPath } from 'node:url'

/** The package as npm would publish it, and projects that installed it. */
export interface Workplace {
  /** The packed file. */
  readonly tarball: string
  /** What the packed file holds, without the leading `package/`. */
  readonly files: readonly string[]
  /** A new project with the package and what it depends on; the optional dependencies only when asked for. */
  install(name: string, options: { readonly optional: boolean }): Project
  [Symbol.dispose](): void
}

export interface Project {
  readonly folder: string
  write(name: string, text: string): string
  /** Runs Node in the project; answers its standard output, and throws with everything it wrote when it fails. */
  node(...parameters: readonly string[]): string
}

export const repository: string = fileURLToPath(new URL('../../../', import.meta.url))

export function createWorkplace(): Workplace {
  const folder = mkdtempSync(join(lonelyFolder(), 'polytls-packaging-'))
  const dispose = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    // The scripts that npm would run before packing build the package, which whoever runs tests has done.
    npm(repository, 'pack', '--ignore-scripts', '--pack-destination', folder)
    const name = readdirSync(folder).find((each) => each.endsWith('.tgz'))
    if (name === undefined) throw new Error('npm pack wrote no file')
    const tarball = join(folder, name)
    return {
      tarball,
      files: run(folder, 'tar', '-tzf', tarball)
        .trimEnd()
        .split('\n')
        .map((path) => path.replace(/^package\//, ''))
        .sort(),
      install: (project, { optional }) => install(join(folder, project), tarball, optional),
      [Symbol.dispose]: dispose,
    }
  } catch (error) {
    dispose()
    throw error
  }
}

/** Where no packages lie in any folder above: Node and the compiler would find what the projects did not install. */
function lonelyFolder(): string {
  const isLonely = (folder: string): boolean =>
    !existsSync(join(folder, 'node_modules')) && (dirname(folder) === folder || isLonely(dirname(folder)))
  const found = [tmpdir(), '/var/tmp', homedir()].find((folder) => existsSync(folder) && isLonely(realpathSync(folder)))
  if (found === undefined) throw new Error('a node_modules lies above every temporary folder: set TMPDIR to another')
  return found
}

function install(folder: string, tarball: string, optional: boolean): Project {
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }')
  npm(folder, 'install', '--prefer-offline', '--ignore-scripts', ...(optional ? [] : ['--omit=optional']), tarball)
  return {
    folder,
    write(name, text) {
      const path = join(folder, name)
      writeFileSync(path, text)
      return path
    },
    node: (...parameters) => run(folder, execPath, ...parameters),
  }
}

function npm(folder: string, ...parameters: readonly string[]): string {
  return run(folder, platform === 'win32' ? 'npm.cmd' : 'npm', ...parameters, '--no-audit', '--no-fund')
}

function run(cwd: string, command: string, ...parameters: readonly string[]): string {
  // npm hands its settings down to what it starts; the project that installs is to have none of ours.
  const inherited = Object.fromEntries(Object.entries(env).filter(([name]) => !/^npm_|^NODE_OPTIONS$/i.test(name)))
  const { status, stdout, stderr, error } = spawnSync(command, parameters, { cwd, encoding: 'utf8', env: inherited })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${parameters.join(' ')} exited with ${status}:\n${stdout}${stderr}`)
  return stdout
}
