import { clientDialogues, type Dialogue, serverDialogues } from 'polytls'
import type { Turn } from './transcript.ts'

/** An honest conversation of every dialogue, with what is learned by it. Most are those of the specifications, or of real servers. */
export interface Transcript {
  readonly dialogue: Dialogue<never, unknown>
  readonly options: unknown
  readonly turns: readonly Turn[]
  readonly learned: unknown
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
}

/** A greeting of MySQL 8: protocol 10, version, thread 42, scramble, flags in two halves, and the plugin's name. */
export function mysqlGreeting(flags: number): Uint8Array {
  const low = (flags & 0xffff)
    .toString(16)
    .padStart(4, '0')
    .replace(/(..)(..)/, '$2$1')
  const high = (flags >>> 16)
    .toString(16)
    .padStart(4, '0')
    .replace(/(..)(..)/, '$2$1')
  const payload = Buffer.concat([
    hex('0a'),
    Buffer.from('8.0.36\0'),
    hex(`2a000000 0102030405060708 00 ${low} ff 0200 ${high} 15 ${'00'.repeat(10)} 0910111213141516171819 1a 00`),
    Buffer.from('caching_sha2_password\0'),
  ])
  return Uint8Array.of(payload.length, 0, 0, 0, ...payload)
}

const stream = 'http://etherx.jabber.org/streams'
const tls = 'urn:ietf:params:xml:ns:xmpp-tls'
const xmppFeatures = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${stream}' id='t7AM' from='example.test' version="1.0"><stream:features>`

export const transcripts: Readonly<Record<string, Transcript>> = {
  'smtp client': {
    dialogue: clientDialogues.smtp,
    options: { clientName: 'client.test' },
    turns: [
      { peer: '220 mail.test ESMTP\r\n' },
      { us: 'EHLO client.test\r\n' },
      { peer: '250-mail.test\r\n250 STARTTLS\r\n' },
      { us: 'STARTTLS\r\n' },
      { peer: '220 go\r\n' },
    ],
    learned: { greeting: 'mail.test ESMTP', capabilities: ['STARTTLS'] },
  },
  'lmtp client': {
    dialogue: clientDialogues.lmtp,
    options: { clientName: 'client.test' },
    turns: [
      { peer: '220 lmtp.test\r\n' },
      { us: 'LHLO client.test\r\n' },
      { peer: '250-lmtp.test\r\n250-STARTTLS\r\n250 8BITMIME\r\n' },
      { us: 'STARTTLS\r\n' },
      { peer: '220 go\r\n' },
    ],
    learned: { greeting: 'lmtp.test', capabilities: ['STARTTLS', '8BITMIME'] },
  },
  'imap client': {
    dialogue: clientDialogues.imap,
    options: {},
    turns: [
      { peer: '* OK [CAPABILITY IMAP4rev1 ID] Dovecot ready.\r\n' },
      { us: 'a1 CAPABILITY\r\n' },
      { peer: '* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK done\r\n' },
      { us: 'a2 STARTTLS\r\n' },
      { peer: '* OK [ALERT] maintenance tonight\r\na2 OK Begin TLS negotiation now.\r\n' },
    ],
    learned: {
      greeting: '[CAPABILITY IMAP4rev1 ID] Dovecot ready.',
      capabilities: ['IMAP4rev1', 'STARTTLS', 'LOGINDISABLED'],
    },
  },
  'pop3 client': {
    dialogue: clientDialogues.pop3,
    options: {},
    turns: [
      { peer: '+OK ready <1.2@pop.test>\r\n' },
      { us: 'CAPA\r\n' },
      { peer: '+OK list follows\r\nUIDL\r\nSTLS\r\n..dot\r\n.\r\n' },
      { us: 'STLS\r\n' },
      { peer: '+OK Begin TLS negotiation\r\n' },
    ],
    learned: { greeting: 'ready <1.2@pop.test>', capabilities: ['UIDL', 'STLS', '.dot'] },
  },
  'managesieve client': {
    dialogue: clientDialogues.managesieve,
    options: {},
    turns: [
      {
        peer: '"IMPLEMENTATION" "Example1 \\"Sieve\\" v1"\r\n"SASL" {5}\r\nPLAIN\r\n"starttls"\r\nOK "ready"\r\n',
      },
      { us: 'STARTTLS\r\n' },
      { peer: 'OK {14}\r\nBegin TLS now.\r\n' },
    ],
    learned: {
      capabilities: new Map([
        ['IMPLEMENTATION', 'Example1 "Sieve" v1'],
        ['SASL', 'PLAIN'],
        ['STARTTLS', ''],
      ]),
    },
  },
  'nntp client': {
    dialogue: clientDialogues.nntp,
    options: {},
    turns: [
      { peer: '200 news.test InterNetNews ready\r\n' },
      { us: 'CAPABILITIES\r\n' },
      { peer: '101 Capability list:\r\nVERSION 2\r\nREADER\r\nSTARTTLS\r\n.\r\n' },
      { us: 'STARTTLS\r\n' },
      { peer: '382 Continue with TLS negotiation\r\n' },
    ],
    learned: {
      greeting: 'news.test InterNetNews ready',
      postingAllowed: true,
      capabilities: ['VERSION 2', 'READER', 'STARTTLS'],
    },
  },
  'ftp client': {
    dialogue: clientDialogues.ftp,
    options: { dataProtection: 'unset' },
    turns: [
      { peer: '120 wait\r\n220-Welcome\r\n 220 not the end\r\n220-nor this\r\n220 ready\r\n' },
      { us: 'AUTH TLS\r\n' },
      { peer: '234 Proceed with negotiation.\r\n' },
    ],
    learned: { greeting: 'Welcome\n 220 not the end\nnor this\nready' },
  },
  'ldap client': {
    dialogue: clientDialogues.ldap,
    options: {},
    turns: [
      // RFC 4511, Section 4.14.1.
      { us: hex('301d 020101 7718 8016 312e332e362e312e342e312e313436362e3230303337') },
      { peer: hex('300c 020101 7807 0a0100 0400 0400') },
    ],
    learned: {},
  },
  'ldap client with active directory': {
    dialogue: clientDialogues.ldap,
    options: { messageID: 7 },
    turns: [
      { us: hex('301d 020107 7718 8016 312e332e362e312e342e312e313436362e3230303337') },
      // Four bytes for every length.
      {
        peer: hex(`30 84 00000028 020107 78 84 0000001f 0a0100 0400 0400
          8a16 312e332e362e312e342e312e313436362e3230303337`),
      },
    ],
    learned: {},
  },
  'xmpp client of a client': {
    dialogue: clientDialogues['xmpp-client'],
    options: { domain: 'example.test' },
    turns: [
      {
        us: `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${stream}' to='example.test' version='1.0'>`,
      },
      {
        peer: `${xmppFeatures}<starttls xmlns='${tls}'><required/></starttls><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>`,
      },
      { us: `<starttls xmlns='${tls}'/>` },
      { peer: `<proceed xmlns='${tls}'/>` },
    ],
    learned: { streamID: 't7AM', features: ['starttls', 'mechanisms'], isRequired: true },
  },
  'xmpp client of a server': {
    dialogue: clientDialogues['xmpp-server'],
    options: { domain: 'example.test', from: "o'hara.test" },
    turns: [
      {
        us: `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='${stream}' from='o&#39;hara.test' to='example.test' version='1.0'>`,
      },
      {
        peer: `<stream:stream xmlns='jabber:server' xmlns:stream='${stream}' id="a>b" version='1.0'>\n<stream:features><dialback xmlns='urn:xmpp:features:dialback'/><starttls xmlns="${tls}"/></stream:features>`,
      },
      { us: `<starttls xmlns='${tls}'/>` },
      { peer: `<proceed xmlns='${tls}'></proceed>` },
    ],
    learned: { streamID: 'a>b', features: ['dialback', 'starttls'], isRequired: false },
  },
  'irc client': {
    dialogue: clientDialogues.irc,
    options: {},
    turns: [
      { us: 'CAP LS 302\r\n' },
      { peer: ':irc.test NOTICE * :*** Looking up your hostname...\r\nPING :123\r\n' },
      { us: 'PONG :123\r\n' },
      { peer: ':irc.test CAP * LS * :multi-prefix\r\n:irc.test CAP * LS :tls sasl=PLAIN\r\n' },
      { us: 'STARTTLS\r\n' },
      { peer: ':irc.test 670 * :STARTTLS successful, proceed with TLS handshake\r\n' },
    ],
    learned: { capabilities: ['multi-prefix', 'tls', 'sasl=PLAIN'] },
  },
  'telnet client': {
    dialogue: clientDialogues.telnet,
    options: {},
    turns: [
      { us: hex('fffb2e') },
      // A word of welcome, DO TERMINAL-TYPE, WILL ECHO, DO START_TLS.
      { peer: Buffer.concat([Buffer.from('Hi\n'), hex('fffd18 fffb01 fffd2e')]) },
      { us: hex('fffc18 fffe01 fffa2e01fff0') },
      { peer: hex('fffa2e01fff0') },
    ],
    learned: { text: 'Hi\n' },
  },
  'postgres client': {
    dialogue: clientDialogues.postgres,
    options: {},
    turns: [{ us: hex('00000008 04d2162f') }, { peer: 'S' }],
    learned: {},
  },
  'mysql client': {
    dialogue: clientDialogues.mysql,
    options: {},
    turns: [{ peer: mysqlGreeting(0xdfffffff) }, { us: hex(`20000001 05aa0800 00000001 2d ${'00'.repeat(23)}`) }],
    learned: {
      greeting: mysqlGreeting(0xdfffffff),
      serverVersion: '8.0.36',
      connectionID: 42,
      serverCapabilities: 0xdfffffff,
      clientCapabilities: 0x8aa05,
      characterSet: 45,
      nextSequenceID: 2,
    },
  },
  'tds client': {
    dialogue: clientDialogues.tds,
    options: {},
    turns: [
      {
        us: hex(`12 01 0020 0000 00 00
          00 0010 0006 01 0016 0001 02 0017 0001 ff 000000000000 01 00`),
      },
      {
        peer: hex(`04 01 0020 0000 01 00
          00 0010 0006 01 0016 0001 02 0017 0001 ff 100010090000 01 00`),
      },
    ],
    learned: { serverVersion: '16.0.4105', isRequired: false },
  },
  'amqp client': {
    dialogue: clientDialogues.amqp,
    options: {},
    turns: [{ us: hex('414d5150 02 01 00 00') }, { peer: hex('414d5150 02 01 00 00') }],
    learned: {},
  },
  'rdp client': {
    dialogue: clientDialogues.rdp,
    options: { cookieUser: 'alice' },
    turns: [
      {
        us: Buffer.concat([
          hex('0300 002b 26 e0 0000 0000 00'),
          Buffer.from('Cookie: mstshash=alice\r\n'),
          hex('01 00 0800 03000000'),
        ]),
      },
      { peer: hex('0300 0013 0e d0 0000 1234 00 02 1f 0800 02000000') },
    ],
    learned: { selectedProtocol: 'hybrid', flags: 0x1f },
  },
  'http-connect client': {
    dialogue: clientDialogues['http-connect'],
    options: { host: '2001:db8::1', port: 443, credentials: { username: 'alice', password: 'päss:word' } },
    turns: [
      {
        us: `CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nProxy-Authorization: Basic ${Buffer.from('alice:päss:word').toString('base64')}\r\n\r\n`,
      },
      {
        peer: 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 Connection established\r\nVia: squid\r\n\r\n',
      },
    ],
    learned: { status: 200, headers: new Map([['via', 'squid']]) },
  },
  'socks5 client': {
    dialogue: clientDialogues.socks5,
    options: { host: 'server.test', port: 443, credentials: { username: 'alice', password: 'secret' } },
    turns: [
      { us: hex('05 02 00 02') },
      { peer: hex('05 02') },
      { us: Buffer.concat([hex('01 05'), Buffer.from('alice'), hex('06'), Buffer.from('secret')]) },
      { peer: hex('01 00') },
      { us: Buffer.concat([hex('05 01 00 03 0b'), Buffer.from('server.test'), hex('01bb')]) },
      { peer: hex('05 00 00 01 00000000 0000') },
    ],
    learned: { authenticated: true },
  },
  'smtp server': {
    dialogue: serverDialogues.smtp,
    options: { serverName: 'mail.test' },
    turns: [
      { us: '220 mail.test ESMTP\r\n' },
      { peer: 'EHLO client.test\r\n' },
      { us: '250-mail.test\r\n250 STARTTLS\r\n' },
      { peer: 'STARTTLS\r\n' },
      { us: '220 2.0.0 ready to start TLS\r\n' },
    ],
    learned: { clientName: 'client.test' },
  },
  'imap server': {
    dialogue: serverDialogues.imap,
    options: { capabilities: ['ID'] },
    turns: [
      { us: '* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED ID] ready\r\n' },
      { peer: 'x CAPABILITY\r\n' },
      { us: '* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED ID\r\nx OK done\r\n' },
      { peer: 'y starttls\r\n' },
      { us: 'y OK begin TLS now\r\n' },
    ],
    learned: {},
  },
  'pop3 server': {
    dialogue: serverDialogues.pop3,
    options: {},
    turns: [
      { us: '+OK ready\r\n' },
      { peer: 'CAPA\r\n' },
      { us: '+OK\r\nSTLS\r\n.\r\n' },
      { peer: 'stls\r\n' },
      { us: '+OK begin TLS\r\n' },
    ],
    learned: {},
  },
  'ldap server': {
    dialogue: serverDialogues.ldap,
    options: {},
    turns: [
      { peer: hex('301d 020105 7718 8016 312e332e362e312e342e312e313436362e3230303337') },
      { us: hex('3024 020105 781f 0a0100 0400 0400 8a16 312e332e362e312e342e312e313436362e3230303337') },
    ],
    learned: { messageID: 5 },
  },
  'xmpp server of a client': {
    dialogue: serverDialogues['xmpp-client'],
    options: { domains: ['example.test'] },
    turns: [
      {
        peer: `<?xml version='1.0'?>\n<stream:stream from='juliet@example.test' to='EXAMPLE.test' version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='${stream}'>`,
      },
      {
        us: `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${stream}' from='EXAMPLE.test' id='before-tls' version='1.0'><stream:features><starttls xmlns='${tls}'><required/></starttls></stream:features>`,
      },
      { peer: `<starttls xmlns='${tls}'/>` },
      { us: `<proceed xmlns='${tls}'/>` },
    ],
    learned: { to: 'EXAMPLE.test', from: 'juliet@example.test' },
  },
  'xmpp server of a server': {
    dialogue: serverDialogues['xmpp-server'],
    options: { domains: ['other.test', 'example.test'], streamID: 'r&d' },
    turns: [
      {
        peer: `<stream:stream to='example.test' version='1.0' xmlns='jabber:server' xmlns:stream='${stream}'>`,
      },
      {
        us: `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='${stream}' from='example.test' id='r&#38;d' version='1.0'><stream:features><starttls xmlns='${tls}'><required/></starttls></stream:features>`,
      },
      { peer: `<starttls xmlns='${tls}'></starttls>` },
      { us: `<proceed xmlns='${tls}'/>` },
    ],
    learned: { to: 'example.test', from: undefined },
  },
  'postgres server': {
    dialogue: serverDialogues.postgres,
    options: {},
    turns: [
      // GSSENCRequest, SSLRequest.
      { peer: hex('00000008 04d21630') },
      { us: 'N' },
      { peer: hex('00000008 04d2162f') },
      { us: 'S' },
    ],
    learned: { negotiation: 'request' },
  },
}
