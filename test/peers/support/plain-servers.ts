import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, Program } from './program.ts'

/** Servers of other projects that begin in plain text and have TLS. Each works in a folder of its own, as root, or as who it wants to be. */

/** What a server shows, in files that belong to root. */
export interface ServerFiles {
  readonly folder: string
  readonly certificate: string
  readonly issuers: string
  readonly key: string
}

export interface Running extends AsyncDisposable {
  /** By the name of the protocol. */
  readonly ports: Readonly<Record<string, number>>
}

type Start = (files: ServerFiles) => Promise<Running>

/** slapd with one person in its directory. */
export const startSlapd: Start = async ({ folder, certificate, issuers, key }) => {
  const home = homeIn(folder, 'ldap')
  const configuration = fileIn(
    home,
    'slapd.conf',
    `include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile ${certificate}
TLSCACertificateFile ${issuers}
TLSCertificateKeyFile ${key}
database mdb
suffix "dc=test"
directory ${home}
`,
  )
  const entries = `dn: dc=test
objectClass: dcObject
objectClass: organization
o: Test
dc: test

dn: cn=Alice,dc=test
objectClass: person
cn: Alice
sn: Liddell
`
  must('slapadd', ['-f', configuration, '-l', fileIn(home, 'entries.ldif', entries)])
  const port = await freePort()
  const program = new Program('slapd', ['-d', '0', '-f', configuration, '-h', `ldap://127.0.0.1:${port}`])
  return running(program, { ldap: port })
}

/** Dovecot, whose users need no password. */
export const startDovecot: Start = async ({ folder, certificate, key }) => {
  const home = homeIn(folder, 'dovecot', 'mail')
  const run = homeIn(folder, 'run')
  const ports = {
    imap: await freePort(),
    pop3: await freePort(),
    managesieve: await freePort(),
    lmtp: await freePort(),
  }
  // Not in `run`, where Dovecot puts a link of that name.
  const configuration = fileIn(
    folder,
    'dovecot.conf',
    `base_dir = ${run}
log_path = ${run}/log
protocols = imap pop3 lmtp sieve
listen = 127.0.0.1
ssl = required
ssl_cert = <${certificate}
ssl_key = <${key}
mail_location = maildir:${home}/%n
first_valid_uid = 1
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${home}/%n
}
service imap-login {
  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = ${ports.pop3}
  }
  inet_listener pop3s {
    port = 0
  }
}
service managesieve-login {
  inet_listener sieve {
    port = ${ports.managesieve}
  }
}
service lmtp {
  inet_listener lmtp {
    port = ${ports.lmtp}
  }
}
`,
  )
  return running(new Program('dovecot', ['-F', '-c', configuration]), ports)
}

/** vsftpd, for anybody, whose files are in `files`. It wants data connections that resume the control connection's session. */
export const startVsftpd: Start = async ({ folder, certificate, key }) => {
  const home = homeIn(folder, 'ftp')
  homeIn(home, 'files', 'ftp')
  const port = await freePort()
  const configuration = fileIn(
    home,
    'vsftpd.conf',
    `listen=YES
listen_address=127.0.0.1
listen_port=${port}
background=NO
anonymous_enable=YES
anon_root=${home}
no_anon_password=YES
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
rsa_cert_file=${certificate}
rsa_private_key_file=${key}
secure_chroot_dir=${home}
seccomp_sandbox=NO
`,
  )
  return running(new Program('vsftpd', [configuration]), { ftp: port })
}

/** ProFTPD, for a user without rights whose files are below `ftp`. As vsftpd, it wants data connections that resume. */
export const startProFTPD: Start = async ({ folder, certificate, issuers, key }) => {
  const home = homeIn(folder, 'proftpd')
  const files = homeIn(home, 'files', 'nobody')
  const port = await freePort()
  const passwords = fileIn(home, 'passwd', `alice:${secretPassword}:65534:65534::${files}:/bin/false\n`)
  const configuration = fileIn(
    home,
    'proftpd.conf',
    `ServerType standalone
ServerName "${home}"
DefaultAddress 127.0.0.1
Port ${port}
UseIPv6 off
UseReverseDNS off
User nobody
Group nogroup
PidFile ${home}/pid
ScoreboardFile ${home}/scoreboard
DelayEngine off
WtmpLog off
TransferLog none
AuthOrder mod_auth_file.c
AuthUserFile ${passwords}
RequireValidShell off
AllowOverwrite on
DefaultRoot ~
ModulePath ${unpacked}/usr/lib/proftpd
LoadModule mod_tls.c
TLSEngine on
TLSProtocol TLSv1.2 TLSv1.3
TLSRequired auth+data
TLSRSACertificateFile ${certificate}
TLSRSACertificateKeyFile ${key}
TLSCertificateChainFile ${issuers}
TLSLog ${home}/tls.log
`,
  )
  return running(new Program(`${unpacked}/usr/sbin/proftpd`, ['-n', '-c', configuration]), { proftpd: port })
}

/** `secret`, as crypt(3) keeps it. */
const secretPassword = '$6$salt$egUxKNxDs8kPfh8iPMNcosMhb2eWah6d3R44JDm5Rj/j/XWR5E33QPd0YmHXoDHOIDR6kL5D3JcQcz0O8FHE00'

/** Prosody, which lets nobody go on without TLS. */
export const startProsody: Start = async ({ folder, certificate, key }) => {
  const home = homeIn(folder, 'xmpp')
  const ports = { 'xmpp-client': await freePort(), 'xmpp-server': await freePort() }
  const configuration = fileIn(
    home,
    'prosody.cfg.lua',
    `daemonize = false
run_as_root = true
pidfile = "${home}/pid"
data_path = "${home}"
interfaces = { "127.0.0.1" }
modules_enabled = { "tls"; "saslauth"; "s2s"; "c2s"; "dialback" }
c2s_ports = { ${ports['xmpp-client']} }
s2s_ports = { ${ports['xmpp-server']} }
c2s_require_encryption = true
s2s_require_encryption = true
ssl = { certificate = "${certificate}"; key = "${key}" }
VirtualHost "server.test"
`,
  )
  return running(new Program('prosody', ['--config', configuration]), ports)
}

/** PostgreSQL, of whatever version Debian has, which trusts everybody. */
export const startPostgres: Start = async ({ folder, certificate, key }) => {
  const home = homeIn(folder, 'postgres', 'postgres')
  const [version = ''] = readdirSync('/usr/lib/postgresql')
  const programs = `/usr/lib/postgresql/${version}/bin`
  const asPostgres = ['--reuid=postgres', '--regid=postgres', '--clear-groups']
  must('setpriv', [...asPostgres, `${programs}/initdb`, '-D', `${home}/data`, '-A', 'trust', '-U', 'postgres'])
  const own = fileIn(home, 'server.key', readFileSync(key, 'utf8'))
  giveTo(own, 'postgres')
  const port = await freePort()
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: home,
    ssl: 'on',
    ssl_cert_file: certificate,
    ssl_key_file: own,
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const program = new Program('setpriv', [...asPostgres, `${programs}/postgres`, '-D', `${home}/data`, ...options])
  return running(program, { postgres: port })
}

/** MariaDB, whose root needs no password. */
export const startMariaDB: Start = async ({ folder, certificate, key }) => {
  const home = homeIn(folder, 'mariadb')
  const data = ['--no-defaults', `--datadir=${home}/data`, '--user=root']
  must('mariadb-install-db', [...data, '--auth-root-authentication-method=normal'])
  const port = await freePort()
  const tls = [`--ssl-cert=${certificate}`, `--ssl-key=${key}`, '--require-secure-transport=ON']
  const options = [...data, ...tls, `--port=${port}`, '--bind-address=127.0.0.1', `--socket=${home}/socket`]
  return running(new Program('mariadbd', options), { mysql: port })
}

/** tinyproxy, which connects to every port. */
export const startTinyproxy: Start = async ({ folder }) => {
  const home = homeIn(folder, 'proxy')
  const port = await freePort()
  const configuration = fileIn(
    home,
    'tinyproxy.conf',
    `Port ${port}\nListen 127.0.0.1\nAllow 127.0.0.1\nBasicAuth alice secret\nTimeout 60\n`,
  )
  return running(new Program('tinyproxy', ['-d', '-c', configuration]), { 'http-connect': port })
}

/** Where `scripts/install-peers.mjs` puts what cannot be installed beside the rest. */
const unpacked = join(process.cwd(), '.cache/debian')

async function running(program: Program, ports: Readonly<Record<string, number>>): Promise<Running> {
  for (const port of Object.values(ports)) await program.listensOn(port)
  return { ports, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
}

function homeIn(folder: string, name: string, owner?: string): string {
  const home = join(folder, name)
  mkdirSync(home)
  chmodSync(home, 0o755)
  if (owner !== undefined) giveTo(home, owner)
  return home
}

function fileIn(folder: string, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

function giveTo(path: string, owner: string): void {
  const [, , uid, gid] =
    new RegExp(`^${owner}:(.*?):(\\d+):(\\d+):`, 'm').exec(readFileSync('/etc/passwd', 'utf8')) ?? []
  if (uid === undefined || gid === undefined) throw new Error(`there is no user ${owner}`)
  chownSync(path, Number(uid), Number(gid))
}

function must(name: string, options: readonly string[]): void {
  const { PATH } = process.env
  const { status, stdout, stderr } = spawnSync(name, options, {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin` },
  })
  if (status !== 0) throw new Error(`${name} failed: ${stdout}${stderr}`)
}
