// All of the checks that need nothing but the registry, in the order of how fast they fail; stops at the first that does.
import { spawnSync } from 'node:child_process'
import { execPath, exit, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'

const steps = [
  [
    'format and lint',
    [
      'node_modules/@biomejs/biome/bin/biome',
      'ci',
      '--error-on-warnings',
      ...(stdout.isTTY ? [] : ['--colors=off']),
      '.',
    ],
  ],
  ['types', ['scripts/build.mjs']],
  ['layers', ['build/scripts/check-layers.js']],
  ['tests, with the examples and the code in the docs', ['scripts/test.mjs']],
  ['reference from docstrings', ['scripts/docs.mjs']],
  ['packaging', ['scripts/test.mjs', 'test/packaging']],
]

const root = fileURLToPath(new URL('..', import.meta.url))
const start = Date.now()
for (const [name, command] of steps) {
  const began = Date.now()
  console.log(`── ${name}`)
  const { status } = spawnSync(execPath, command, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) {
    console.error(`check failed at: ${name}`)
    exit(1)
  }
  console.log(`   ok, ${seconds(began)} s`)
}
console.log(`check passed, ${seconds(start)} s`)

function seconds(since) {
  return ((Date.now() - since) / 1000).toFixed(1)
}
