import { freePort } from './ports.ts'
import { Program } from './program.ts'
import { fileIn, homeIn, type Running, running, type ServerFiles, type Start, unpacked } from './server-folders.ts'

/** vsftpd, for anybody, whose files are in `files`. It wants data connections that resume the control connection's session. */
export const startVsftpd: Start = (files) => vsftpdOf(files, 'ftp', '')

/** The same, which speaks TLS from the first byte. */
export const startImplicitVsftpd: Start = (files) => vsftpdOf(files, 'ftps', 'implicit_ssl=YES\n')

async function vsftpdOf({ folder, certificate, key }: ServerFiles, name: string, more: string): Promise<Running> {
  const home = homeIn(folder, name)
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
${more}`,
  )
  return running(new Program('vsftpd', [configuration]), { [name]: port })
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
