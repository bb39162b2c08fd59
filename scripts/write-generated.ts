import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { generatedFolder, regenerate } from './generated.ts'

// Writes diagrams and tables anew into the pages that have them: npm run docs:diagrams.

const folder = fileURLToPath(new URL(`../../${generatedFolder}/`, import.meta.url))
for (const name of readdirSync(folder).filter((each) => each.endsWith('.md'))) {
  const before = readFileSync(`${folder}${name}`, 'utf8')
  const after = regenerate(before)
  if (after === before) continue
  writeFileSync(`${folder}${name}`, after)
  console.log(`${generatedFolder}/${name}`)
}
