import { amqp } from './amqp.ts'
import { ftp } from './ftp.ts'
import { httpConnect } from './http-connect.ts'
import { imap } from './imap.ts'
import { imapServer } from './imap-server.ts'
import { irc } from './irc.ts'
import { ldap } from './ldap.ts'
import { ldapServer } from './ldap-server.ts'
import { managesieve } from './managesieve.ts'
import { mysql } from './mysql.ts'
import { nntp } from './nntp.ts'
import { pop3 } from './pop3.ts'
import { pop3Server } from './pop3-server.ts'
import { postgres } from './postgres.ts'
import { postgresServer } from './postgres-server.ts'
import { rdp } from './rdp.ts'
import { lmtp, smtp } from './smtp.ts'
import { smtpServer } from './smtp-server.ts'
import { socks5 } from './socks5.ts'
import { tds } from './tds.ts'
import { telnet } from './telnet.ts'
import { xmppClient, xmppServer } from './xmpp.ts'
import { xmppClientServer, xmppServerServer } from './xmpp-server.ts'

/** What this package can say as a client, by the name of the protocol. */
export interface ClientDialogues {
  readonly smtp: typeof smtp
  readonly lmtp: typeof lmtp
  readonly imap: typeof imap
  readonly pop3: typeof pop3
  readonly managesieve: typeof managesieve
  readonly nntp: typeof nntp
  readonly ftp: typeof ftp
  readonly ldap: typeof ldap
  readonly 'xmpp-client': typeof xmppClient
  readonly 'xmpp-server': typeof xmppServer
  readonly irc: typeof irc
  readonly telnet: typeof telnet
  readonly postgres: typeof postgres
  readonly mysql: typeof mysql
  readonly tds: typeof tds
  readonly amqp: typeof amqp
  readonly rdp: typeof rdp
  readonly 'http-connect': typeof httpConnect
  readonly socks5: typeof socks5
}

/** The client's side of the protocols that this package knows, by name. */
export const clientDialogues: ClientDialogues = {
  smtp,
  lmtp,
  imap,
  pop3,
  managesieve,
  nntp,
  ftp,
  ldap,
  'xmpp-client': xmppClient,
  'xmpp-server': xmppServer,
  irc,
  telnet,
  postgres,
  mysql,
  tds,
  amqp,
  rdp,
  'http-connect': httpConnect,
  socks5,
}

/** What this package can say as a server, by the name of the protocol. */
export interface ServerDialogues {
  readonly smtp: typeof smtpServer
  readonly imap: typeof imapServer
  readonly pop3: typeof pop3Server
  readonly ldap: typeof ldapServer
  readonly 'xmpp-client': typeof xmppClientServer
  readonly 'xmpp-server': typeof xmppServerServer
  readonly postgres: typeof postgresServer
}

/** The server's side of the protocols that this package serves, by name. */
export const serverDialogues: ServerDialogues = {
  smtp: smtpServer,
  imap: imapServer,
  pop3: pop3Server,
  ldap: ldapServer,
  'xmpp-client': xmppClientServer,
  'xmpp-server': xmppServerServer,
  postgres: postgresServer,
}
