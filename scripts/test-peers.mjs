// Runs the tests against other TLS implementations, all of them or those below the given paths: `[--verbose] [path …]`.
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { argv, env, execPath, exit } from 'node:process'
import { fileURLToPath } from 'node:url'
import { installPeers, runtimePrograms, searchPath } from './install-peers.mjs'

installPeers()
const test = fileURLToPath(new URL('test.mjs', import.meta.url))
const peers = fileURLToPath(new URL('../test/peers', import.meta.url))
const options = argv.slice(2)
const wanted = options.some((each) => !each.startsWith('--')) ? options : [...options, peers]
const { status } = spawnSync(execPath, [test, ...wanted], {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...env, PATH: [searchPath, ...Object.values(runtimePrograms).map(dirname)].join(':') },
})
exit(status ?? 1)
