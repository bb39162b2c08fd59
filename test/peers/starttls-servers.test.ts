import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import * as net from 'node:net'
import { after, before, it } from 'node:test'
import { type ClientProtocol, openTunnel, type Started, type StartTLSOptions, startTls, type TLSSocket } from 'polytls'
import { contextTag, Tag } from '#polytls/codec/der.js'
import { encodeElement, encodeOctetString, encodeSequence, encodeUnsigned } from '#polytls/codec/der-writer.js'
import { forEachBackend } from '../support/backends.ts'
import { hostName, type Identities, makeIdentities } from './support/identities.ts'
import { patiently } from './support/patience.ts'
import * as servers from './support/plain-servers.ts'

const { getuid } = process
const isRoot = getuid?.() === 0

let identities: Identities
const running: servers.Running[] = []
let ports: { readonly [protocol: string]: number; readonly postgres?: number } = {}

before(async () => {
  if (!isRoot) return
  identities = await makeIdentities()
  const { folder } = identities
  chmodSync(folder, 0o755)
  const { chainFile: certificate, issuersFile: issuers, keyFile: key } = identities.server('rsa-2048')
  chmodSync(certificate, 0o644)
  const starts = [
    servers.startSlapd,
    servers.startDovecot,
    servers.startVsftpd,
    servers.startProsody,
    servers.startPostgres,
    servers.startMariaDB,
    servers.startTinyproxy,
  ]
  for (const start of starts) running.push(await start({ folder, certificate, issuers, key }))
  ports = Object.assign({}, ...running.map((each) => each.ports))
})
after(async () => {
  for (const each of running) await each[Symbol.asyncDispose]()
  identities?.remove()
})

/** What a socket says, until it has said what is waited for. */
class Hearing {
  readonly #socket: TLSSocket
  #heard = ''
  constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#heard += chunk.toString('latin1')
    })
  }
  async until(wanted: RegExp | string): Promise<string> {
    const isThere = (): boolean =>
      typeof wanted === 'string' ? this.#heard.includes(wanted) : wanted.test(this.#heard)

    const closed = once(this.#socket, 'close').then(() => {
      throw new Error(`closed, after ${JSON.stringify(this.#heard)}`)
    })
    closed.catch(() => {})
    while (!isThere()) {
      await patiently(`${wanted} behind ${this.#heard}`, Promise.race([once(this.#socket, 'data'), closed]))
    }
    const heard = this.#heard
    this.#heard = ''
    return heard
  }
  /** Says something, and waits for the answer. */
  ask(what: string | Uint8Array, wanted: RegExp | string): Promise<string> {
    this.#socket.write(what)
    return this.until(wanted)
  }
}

/** Runs on every backend; servers are started once for all. */
forEachBackend('servers that begin in plain text', (backend) => {
  const skip = isRoot ? false : 'these servers have to be started by root'

  async function start<P extends ClientProtocol & string>(
    protocol: P,
    own: object = {},
  ): Promise<{ readonly started: Started<unknown>; readonly socket: TLSSocket; readonly hearing: Hearing }> {
    const port = ports[protocol] ?? 0
    const options = { serverName: hostName, trustStore: identities.trustStore, backend, ...own }
    const plain = net.connect(port, '127.0.0.1')
    // Each protocol's options are its test's concern.
    const started = await startTls(plain, protocol, options as unknown as StartTLSOptions<never>)
    assert.ok(started.isEncrypted)
    assert.equal(started.socket.facts.version, 'TLSv1.3')
    started.socket.on('error', () => {})
    return { started, socket: started.socket, hearing: new Hearing(started.socket) }
  }

  it('Dovecot takes a mail by LMTP, and gives it back by IMAP and POP3', { skip }, async () => {
    const user = backend.name
    const lmtp = await start('lmtp')
    await lmtp.hearing.ask('LHLO client.test\r\n', /\r\n250 [^\r]*\r\n/)
    await lmtp.hearing.ask('MAIL FROM:<>\r\n', /^250 .*\r\n/)
    await lmtp.hearing.ask(`RCPT TO:<${user}@server.test>\r\n`, /^250 .*\r\n/)
    await lmtp.hearing.ask('DATA\r\n', /^354 .*\r\n/)
    await lmtp.hearing.ask('Subject: x\r\n\r\nby way of TLS\r\n.\r\n', /^250 .*Saved/)
    const imap = await start('imap')
    await imap.hearing.ask(`a LOGIN ${user} any\r\n`, /a OK/)
    await imap.hearing.ask('b SELECT INBOX\r\n', /b OK/)
    assert.match(await imap.hearing.ask('c FETCH 1 BODY[TEXT]\r\n', /c OK/), /by way of TLS/)
    const pop3 = await start('pop3')
    await pop3.hearing.ask(`USER ${user}\r\n`, /^\+OK/)
    await pop3.hearing.ask('PASS any\r\n', /^\+OK Logged in/)
    assert.match(await pop3.hearing.ask('RETR 1\r\n', /\r\n\.\r\n/), /by way of TLS/)
    for (const { socket } of [lmtp, imap, pop3]) socket.destroy()
  })

  it('Dovecot says its capabilities of ManageSieve again', { skip }, async () => {
    const { socket, hearing } = await start('managesieve')
    assert.match(await hearing.until(/\r\nOK /), /"SIEVE"/)
    const login = Buffer.from(`\0${backend.name}\0any`).toString('base64')
    await hearing.ask(`AUTHENTICATE "PLAIN" "${login}"\r\n`, /^OK /)
    await hearing.ask('PUTSCRIPT "mine" {6+}\r\nkeep;\n\r\n', /^OK /)
    assert.match(await hearing.ask('LISTSCRIPTS\r\n', /OK /), /"mine"/)
    socket.destroy()
  })

  it('slapd finds a person', { skip }, async () => {
    const { socket, hearing } = await start('ldap')
    const text = (value: string): Uint8Array => encodeOctetString(Buffer.from(value))
    const enumerated = (value: number): Uint8Array => encodeElement(Tag.ENUMERATED, Uint8Array.of(value))
    const search = encodeElement(
      0x63,
      text('dc=test'),
      enumerated(2),
      enumerated(0),
      encodeUnsigned(0),
      encodeUnsigned(0),
      encodeElement(Tag.BOOLEAN, Uint8Array.of(0)),
      encodeElement(contextTag(3), text('cn'), text('Alice')),
      encodeSequence(),
    )
    assert.match(await hearing.ask(encodeSequence(encodeUnsigned(2), search), 'e\x07\n\x01\0'), /Liddell/)
    socket.destroy()
  })

  it('vsftpd lets somebody in, with data to be secured', { skip }, async () => {
    const { socket, hearing } = await start('ftp')
    await hearing.ask('USER anonymous\r\n', /^(230|331) /)
    assert.match(await hearing.ask('PWD\r\n', /257 /), /"\/"/)
    socket.destroy()
  })

  it('Prosody begins a new stream inside, for a client and for a server', { skip }, async () => {
    for (const protocol of ['xmpp-client', 'xmpp-server'] as const) {
      const { socket, hearing } = await start(protocol, { dialogue: { from: 'other.test' } })
      const namespace = protocol === 'xmpp-client' ? 'jabber:client' : 'jabber:server'
      const header = `<stream:stream xmlns='${namespace}' xmlns:stream='http://etherx.jabber.org/streams' from='other.test' to='${hostName}' version='1.0'>`
      const features = await hearing.ask(header, /<\/stream:features>|<stream:features\/>/)
      assert.doesNotMatch(features, /<starttls/)
      socket.destroy()
    }
  })

  it('PostgreSQL answers a query, also through tinyproxy', { skip }, async () => {
    const startup = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1')
    const query = Buffer.from('select 6 * 7\0')
    const multiply = async (hearing: Hearing): Promise<void> => {
      await hearing.ask(Buffer.concat([bigEndian(startup.length + 4), startup]), 'Z\0\0\0\x05I')
      const asked = Buffer.concat([Buffer.from('Q'), bigEndian(query.length + 4), query])
      assert.ok((await hearing.ask(asked, 'Z\0\0\0\x05I')).includes('\0\0\0\x0242'))
    }
    const { socket, hearing } = await start('postgres')
    await multiply(hearing)
    socket.destroy()

    const proxy = { url: `http://alice:secret@127.0.0.1:${ports['http-connect']}` }
    const stream = await openTunnel({ host: '127.0.0.1', port: ports.postgres ?? 0, proxy })
    const options = { serverName: hostName, trustStore: identities.trustStore, backend }
    const behind = await startTls(stream, 'postgres', options)
    await multiply(new Hearing(behind.socket))
    behind.socket.destroy()
  })

  it('MariaDB answers a query', { skip }, async () => {
    const { started, socket, hearing } = await start('mysql')
    const { clientCapabilities, characterSet, nextSequenceID } = started.learned as {
      clientCapabilities: number
      characterSet: number
      nextSequenceID: number
    }
    const login = Buffer.alloc(32)
    login.writeUInt32LE(clientCapabilities, 0)
    login.writeUInt32LE(0x1000000, 4)
    login[8] = characterSet
    const payload = Buffer.concat([login, Buffer.from('root\0\0mysql_native_password\0')])
    await hearing.ask(
      Buffer.concat([Buffer.of(payload.length, 0, 0, nextSequenceID), payload]),
      `${String.fromCharCode(nextSequenceID + 1)}\0`,
    )
    const query = Buffer.from('\x03select 6 * 7')
    await hearing.ask(Buffer.concat([Buffer.of(query.length, 0, 0, 0), query]), '\x0242')
    socket.destroy()
  })

  it('all of them tell who they are only to who verifies it', { skip }, async () => {
    await assert.rejects(start('imap', { serverName: 'somebody.else' }), { code: 'ERR_TLS_CERTIFICATE' })
    await assert.rejects(start('postgres', { trustStore: identities.strangeTrustStore }), {
      code: 'ERR_TLS_CERTIFICATE',
    })
  })
})

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
