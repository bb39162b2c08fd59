// Compiles src/ to dist/, and tests, benchmarks, examples and scripts to build/. The compiler is incremental: it keeps outputs whose
// sources are gone, and does not notice outputs that are gone. Both are put right here first, so that a build on top of an old one
// gives the same files as a build from nothing.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { argv, execPath, exit } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

tidy('src', 'dist', 'dist', ['.js', '.js.map', '.d.ts', '.d.ts.map'])
for (const folder of ['test', 'bench', 'examples', 'scripts']) {
  tidy(folder, join('build', folder), 'build', ['.js', '.js.map'])
}

const require = createRequire(import.meta.url)
const tsc = join(require.resolve('typescript/package.json'), '..', 'bin', 'tsc')
const { status } = spawnSync(execPath, [tsc, '-b', ...argv.slice(2)], { cwd: root, stdio: 'inherit' })
exit(status ?? 1)

function tidy(sourceFolder, outputFolder, stateFolder, endings) {
  const names = filesIn(sourceFolder).filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  const expected = new Set(names.flatMap((path) => endings.map((ending) => path.slice(0, -'.ts'.length) + ending)))
  const present = new Set(filesIn(outputFolder).filter((path) => !path.endsWith('.tsbuildinfo')))
  for (const path of present) {
    if (!expected.has(path)) rmSync(join(root, outputFolder, path))
  }
  if ([...expected].every((path) => present.has(path))) return
  for (const path of existsSync(join(root, stateFolder)) ? readdirSync(join(root, stateFolder)) : []) {
    if (path.endsWith('.tsbuildinfo')) rmSync(join(root, stateFolder, path))
  }
}

function filesIn(folder) {
  const path = join(root, folder)
  if (!existsSync(path)) return []
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
}
