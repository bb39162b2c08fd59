// Writes the reference of the public surface from its docstrings, as Markdown in build/reference. Fails where something public has no
// docstring, or where one links to what does not exist.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { exit, platform } from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tools = join(root, '.cache', 'reference')
const output = join(root, 'build', 'reference')

install()

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entryPoints = Object.values(exports)
  .filter((target) => typeof target === 'object')
  .map(({ types }) => join(root, types.replace('./dist/', 'src/').replace('.d.ts', '.ts')))

const require = createRequire(pathToFileURL(join(tools, 'package.json')))
const { Application, Converter } = await import(pathToFileURL(require.resolve('typedoc')).href)
const application = await Application.bootstrapWithPlugins({
  entryPoints,
  tsconfig: join(root, 'src', 'tsconfig.json'),
  plugin: [require.resolve('typedoc-plugin-markdown')],
  readme: 'none',
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  excludeExternals: true,
  disableSources: true,
  disableGit: true,
  requiredToBeDocumented: ['Class', 'Enum', 'Function', 'Interface', 'TypeAlias', 'Variable'],
  // What the public classes are made of, and nobody calls.
  intentionallyNotExported: ['PumpListener', 'ClientDialogueOf', 'ServerDialogueOf', 'LearnedOf', 'OptionsOf'],
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  logLevel: 'Warn',
  out: output,
})
// Node's streams call these; programs do not.
application.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  for (const each of Object.values(project.reflections)) {
    if (each.name.startsWith('_') && !each.name.startsWith('__')) project.removeReflection(each)
  }
})
const project = await application.convert()
if (project === undefined) exit(1)
application.validate(project)
if (application.logger.hasErrors() || application.logger.hasWarnings()) exit(1)
await application.generateOutputs(project)
console.log(`build/reference: ${project.children?.length} entry points`)

// From the registry once, and again when the lock file changes.
function install() {
  const wanted = new URL('reference/', import.meta.url)
  const names = ['package.json', 'package-lock.json']
  const isCurrent = names.every(
    (name) =>
      existsSync(join(tools, name)) && readFileSync(join(tools, name)).equals(readFileSync(new URL(name, wanted))),
  )
  if (isCurrent && existsSync(join(tools, 'node_modules', '.package-lock.json'))) return
  mkdirSync(tools, { recursive: true })
  for (const name of names) copyFileSync(new URL(name, wanted), join(tools, name))
  const npm = platform === 'win32' ? 'npm.cmd' : 'npm'
  const { status } = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--silent'], { cwd: tools, stdio: 'inherit' })
  if (status !== 0) exit(1)
}
