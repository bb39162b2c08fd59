import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './ports.ts'
import { Program } from './program.ts'
import { fileIn, homeIn, must, type Running, running, type ServerFiles, type Start } from './server-folders.ts'

/** Dovecot, whose users need no password. */
export const startDovecot: Start = async ({ folder, certificate, key }) => {
  const home = homeIn(folder, 'dovecot', 'mail')
  const run = homeIn(folder, 'run')
  const ports = {
    imap: await freePort(),
    imaps: await freePort(),
    pop3: await freePort(),
    managesieve: await freePort(),
    lmtp: await freePort(),
    // Where Postfix has passwords checked.
    'dovecot-auth': await freePort(),
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
    port = ${ports.imaps}
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
service auth {
  inet_listener {
    address = 127.0.0.1
    port = ${ports['dovecot-auth']}
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

/** Where Postfix hands its mails on to. */
export interface MailRoutes {
  /** Dovecot's, for mails to `server.test`. */
  readonly lmtp: number
  readonly passwords: number
  /** A server of ours, for mails to everywhere else; Postfix does not deliver without TLS that it can verify. */
  readonly relay: number
}

/**
 * Postfix, thrice: `smtp` is as on port 25, with TLS for those who want it; `submission` has no word before TLS and none before a login;
 * `smtp-plain` has no TLS.
 */
export async function startPostfix(
  { folder, certificate, key, authority }: ServerFiles,
  { lmtp, passwords, relay }: MailRoutes,
): Promise<Running> {
  const home = homeIn(folder, 'postfix')
  homeIn(home, 'queue')
  homeIn(home, 'data', 'postfix')
  const ports = { smtp: await freePort(), submission: await freePort(), 'smtp-plain': await freePort() }
  fileIn(
    home,
    'main.cf',
    `compatibility_level = 3.6
queue_directory = ${home}/queue
data_directory = ${home}/data
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = server.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
maillog_file = ${home}/log
maillog_file_prefixes = ${home}
virtual_mailbox_domains = server.test
virtual_transport = lmtp:inet:127.0.0.1:${lmtp}
smtpd_tls_cert_file = ${certificate}
smtpd_tls_key_file = ${key}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:${passwords}
relayhost = [127.0.0.1]:${relay}
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = server.test
smtp_tls_CAfile = ${authority}
smtp_tls_loglevel = 1
`,
  )
  chmodSync(join(home, 'main.cf'), 0o644)
  fileIn(
    home,
    'master.cf',
    `127.0.0.1:${ports.smtp} inet n - n - - smtpd
127.0.0.1:${ports['smtp-plain']} inet n - n - - smtpd
  -o smtpd_tls_security_level=none
127.0.0.1:${ports.submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
`,
  )
  chmodSync(join(home, 'master.cf'), 0o644)
  // Makes the folders. It could start the server as well, but not so that a signal would reach that.
  must('postfix', ['-c', home, 'check'])
  return running(new Program('/usr/lib/postfix/sbin/master', ['-c', home, '-s']), ports)
}
