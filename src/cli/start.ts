import process from 'node:process'
import { runCommandLine } from './command-line.ts'

/** What `npm start` runs: the guided tour, unless it is told otherwise (`npm start -- connect HOST:PORT`). */
const given = process.argv.slice(2)
runCommandLine(given.length === 0 ? ['tour'] : given)
