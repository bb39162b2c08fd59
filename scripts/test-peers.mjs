// Runs the tests against other TLS implementations. Installs those from Debian's packages first, where they are missing and we may.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv, env, execPath, exit, getuid, platform } from 'node:process'
import { fileURLToPath } from 'node:url'

/** Debian's package of each program that a test starts. */
const packages = { openssl: 'openssl', 'gnutls-cli': 'gnutls-bin', curl: 'curl', nginx: 'nginx', haproxy: 'haproxy' }

const missing = Object.keys(packages).filter((program) => !isInstalled(program))
if (missing.length > 0) install(missing.map((program) => packages[program]))

const test = fileURLToPath(new URL('test.mjs', import.meta.url))
const peers = fileURLToPath(new URL('../test/peers', import.meta.url))
const wanted = argv.length > 2 ? argv.slice(2) : [peers]
// Debian keeps servers where only root's PATH looks.
const path = [env.PATH, '/usr/sbin', '/sbin'].join(':')
const { status } = spawnSync(execPath, [test, ...wanted], {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...env, PATH: path },
})
exit(status ?? 1)

function isInstalled(program) {
  return [...(env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function install(names) {
  const command = `apt-get install --no-install-recommends ${names.join(' ')}`
  if (platform !== 'linux' || getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.error(`these tests need programs that are missing here; on Debian, as root: ${command}`)
    exit(1)
  }
  console.log(command)
  apt(['update', '-qq'])
  withoutStartingServices(() => apt(['install', '-qq', '--yes', '--no-install-recommends', ...names]))
}

function apt(options) {
  const { status } = spawnSync('apt-get', ['-o', 'Dpkg::Use-Pty=0', ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (status !== 0) throw new Error(`apt-get ${options[0]} failed`)
}

// Debian starts a server when it is installed, unless this file says no. The tests start their own, on ports of their own.
function withoutStartingServices(action) {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return action()
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    action()
  } finally {
    rmSync(policy)
  }
}
