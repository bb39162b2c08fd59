import { readdirSync, readFileSync } from 'node:fs'
import { argv, exit } from 'node:process'
import { fileURLToPath } from 'node:url'
import { layerOf, layers, layerTable, violationsOf } from './layers.ts'

// Checks every file in src/ against the table of layers. With --table, prints the table for ARCHITECTURE.md.

if (argv.includes('--table')) {
  console.log(layerTable())
  exit(0)
}

const source = fileURLToPath(new URL('../../src/', import.meta.url))
const paths = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
  .sort()
const violations = violationsOf(paths.map((path) => ({ path, text: readFileSync(`${source}${path}`, 'utf8') })))
const inhabited = new Set(paths.map(layerOf))
const empty = layers.filter((layer) => !inhabited.has(layer))
for (const { name } of empty) console.error(`the layer ${name} has no file`)
for (const { path, line, message } of violations) console.error(`src/${path}:${line}: ${message}`)
console.log(`${paths.length} files, ${violations.length} violations`)
exit(violations.length + empty.length === 0 ? 0 : 1)
