// Runs the tests against other TLS implementations, all of them or those below the given paths: `[--verbose] [path …]`. Windows' Schannel is one
// of them: where no path is given, its tests follow under Wine, which runs on Linux with x86-64 alone.
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { arch, argv, env, execPath, exit, platform } from 'node:process'
import { fileURLToPath } from 'node:url'
import { installPeers, runtimePrograms, searchPath } from './install-peers.mjs'

installPeers()
const test = fileURLToPath(new URL('test.mjs', import.meta.url))
const peers = fileURLToPath(new URL('../test/peers', import.meta.url))
const options = argv.slice(2)
const isWhole = options.every((each) => each.startsWith('--'))
const wanted = isWhole ? [...options, peers] : options
const { status } = spawnSync(execPath, [test, ...wanted], {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...env, PATH: [searchPath, ...Object.values(runtimePrograms).map(dirname)].join(':') },
})
exit(status === 0 && isWhole ? testSchannel() : (status ?? 1))

function testSchannel() {
  if (platform !== 'linux' || arch !== 'x64') {
    console.log(`Schannel was not tried: Wine runs on Linux with x86-64, and this is ${platform} with ${arch}`)
    return 0
  }
  const script = fileURLToPath(new URL('test-schannel.mjs', import.meta.url))
  return spawnSync(execPath, [script, ...options], { stdio: ['ignore', 'inherit', 'inherit'] }).status ?? 1
}
