import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { freePort } from './ports.ts'
import { Program } from './program.ts'
import {
  fileIn,
  giveTo,
  homeIn,
  must,
  newerPostgres,
  type Running,
  running,
  type ServerFiles,
  type Start,
} from './server-folders.ts'

/** Servers of other projects that begin in plain text and have TLS. Each works in a folder of its own, as root, or as who it wants to be. */

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
  const ports = { ldap: await freePort(), ldaps: await freePort() }
  const addresses = Object.entries(ports).map(([scheme, port]) => `${scheme}://127.0.0.1:${port}`)
  return running(new Program('slapd', ['-d', '0', '-f', configuration, '-h', addresses.join(' ')]), ports)
}

/** Prosody, which lets nobody go on without TLS. It knows Alice by her password, and other servers by their certificates. */
export const startProsody: Start = async ({ folder, certificate, key, authority }) => {
  const home = homeIn(folder, 'xmpp')
  const accounts = homeIn(homeIn(home, 'server%2etest'), 'accounts')
  fileIn(accounts, 'alice.dat', `return { ["password"] = "secret" }\n`)
  const ports = { 'xmpp-client': await freePort(), 'xmpp-server': await freePort() }
  const configuration = fileIn(
    home,
    'prosody.cfg.lua',
    `daemonize = false
run_as_root = true
pidfile = "${home}/pid"
data_path = "${home}"
interfaces = { "127.0.0.1" }
modules_enabled = { "tls"; "saslauth"; "s2s"; "c2s"; "roster"; "presence"; "message"; "s2s_auth_certs" }
c2s_ports = { ${ports['xmpp-client']} }
s2s_ports = { ${ports['xmpp-server']} }
c2s_require_encryption = true
s2s_require_encryption = true
s2s_secure_auth = true
authentication = "internal_plain"
ssl = { certificate = "${certificate}"; key = "${key}"; cafile = "${authority}" }
VirtualHost "server.test"
`,
  )
  return running(new Program('prosody', ['--config', configuration]), ports)
}

/** PostgreSQL, of whatever version Debian has, which trusts everybody. */
export const startPostgres: Start = async (files) => {
  const [version = ''] = readdirSync('/usr/lib/postgresql')
  const home = homeIn(files.folder, 'postgres', 'postgres')
  return postgresIn(home, `/usr/lib/postgresql/${version}/bin`, files, 'postgres')
}

/** PostgreSQL 18, which also speaks TLS from the first byte. */
export const startNewerPostgres: Start = async (files) => {
  const home = homeIn(files.folder, 'postgres-18', 'postgres')
  // Its user may not look into the folder where it was installed.
  cpSync(newerPostgres, `${home}/programs`, { recursive: true, verbatimSymlinks: true })
  return postgresIn(home, `${home}/programs/bin`, files, 'postgres-18')
}

async function postgresIn(
  home: string,
  programs: string,
  { certificate, key }: ServerFiles,
  name: string,
): Promise<Running> {
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
  const options = Object.entries(settings).flatMap(([option, value]) => ['-c', `${option}=${value}`])
  const program = new Program('setpriv', [...asPostgres, `${programs}/postgres`, '-D', `${home}/data`, ...options])
  return running(program, { [name]: port })
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
