import { readFileSync } from 'node:fs'
import { freePort } from './ports.ts'
import { Program } from './program.ts'
import { fileIn, giveTo, homeIn, running, type Start } from './server-folders.ts'

/** InspIRCd, which lets everybody in, with TLS and without. */
export const startInspIRCd: Start = async ({ folder, certificate, key }) => {
  const home = homeIn(folder, 'irc', 'irc')
  const port = await freePort()
  const ownKey = fileIn(home, 'key.pem', readFileSync(key, 'utf8'))
  const configuration = fileIn(
    home,
    'inspircd.conf',
    `<server name="irc.server.test" description="test" network="test">
<admin name="a" nick="a" email="a@server.test">
<path configdir="${home}" datadir="${home}" logdir="${home}" runtimedir="${home}">
<pid file="${home}/pid">
<module name="cap">
<module name="ssl_gnutls">
<module name="starttls">
<sslprofile name="own" provider="gnutls" certfile="${certificate}" keyfile="${ownKey}">
<bind address="127.0.0.1" port="${port}" type="clients">
<connect allow="*" timeout="60" resolvehostnames="no" useident="no">
`,
  )
  for (const file of [ownKey, configuration]) giveTo(file, 'irc')
  const asIRC = ['--reuid=irc', '--regid=irc', '--clear-groups']
  const options = ['--nofork', '--nolog', `--config=${configuration}`]
  return running(new Program('setpriv', [...asIRC, 'inspircd', ...options]), { irc: port })
}

/** microsocks, a proxy for Alice alone. */
export const startMicrosocks: Start = async () => {
  const port = await freePort()
  const options = ['-i', '127.0.0.1', '-p', `${port}`, '-u', 'alice', '-P', 'secret']
  return running(new Program('microsocks', options), { socks5: port })
}

/** xrdp, without sessions behind it: it gets as far as asking who wants in. */
export const startXrdp: Start = async ({ folder, certificate, key }) => {
  const home = homeIn(folder, 'rdp')
  const port = await freePort()
  const configuration = fileIn(
    home,
    'xrdp.ini',
    `[Globals]
ini_version=1
fork=true
port=tcp://127.0.0.1:${port}
security_layer=tls
certificate=${certificate}
key_file=${key}
ssl_protocols=TLSv1.2, TLSv1.3
autorun=
use_fastpath=both

[Logging]
EnableSyslog=false
LogFile=${home}/log
LogLevel=INFO

[Xorg]
name=Xorg
lib=libxup.so
ip=127.0.0.1
port=-1
`,
  )
  return running(new Program('xrdp', ['--nodaemon', '--config', configuration]), { rdp: port })
}
