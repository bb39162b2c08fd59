// Runs a program in Windows' Node under Wine, with TLS 1.3 switched on: `node scripts/on-wine.mjs FILE [word …]`, FILE below dist/ or build/.
import { argv } from 'node:process'
import { fail, passes, prepareWindows } from './wine/windows.mjs'

const words = argv.slice(2)
if (words.length === 0) fail('which program? For instance: node scripts/on-wine.mjs dist/cli/main.js backends')
const { runNode } = prepareWindows()
const { output, status } = runNode(words, passes['TLS 1.3'], 3_600_000)
process.stdout.write(output)
process.exitCode = status ?? 1
