import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as net from 'node:net'
import { after, before, it } from 'node:test'
import { type Backend, type CertificateError, startTls, startTlsServer } from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { hostName } from './support/identities.ts'
import { startDovecot, startPostfix } from './support/mail-servers.ts'
import { patiently } from './support/patience.ts'
import { Hearing, isRoot, PlainServers, skip } from './support/plain-beginnings.ts'

let peers: PlainServers
/** Where Postfix brings mails for elsewhere: one connection at a time, to the backend whose turn it is. */
const relay = net.createServer()
let relayed: (plain: net.Socket) => void = () => {}

before(async () => {
  if (!isRoot) return
  relay.on('connection', (plain) => relayed(plain))
  await once(relay.listen(0, '127.0.0.1'), 'listening')
  peers = await PlainServers.start(startDovecot)
  const routes = {
    lmtp: peers.port('lmtp'),
    passwords: peers.port('dovecot-auth'),
    relay: (relay.address() as net.AddressInfo).port,
  }
  await peers.add(startPostfix(peers.files, routes))
})
after(async () => {
  relay.close()
  await peers?.[Symbol.asyncDispose]()
})

forEachBackend('mail servers that begin in plain text', (backend) => {
  it('Dovecot takes a mail by LMTP, and gives it back by IMAP and POP3', { skip }, async () => {
    const user = backend.name
    const lmtp = await peers.secure(backend, 'lmtp')
    await lmtp.hearing.ask('LHLO client.test\r\n', /\r\n250 [^\r]*\r\n/)
    await lmtp.hearing.ask('MAIL FROM:<>\r\n', /^250 .*\r\n/)
    await lmtp.hearing.ask(`RCPT TO:<${user}@server.test>\r\n`, /^250 .*\r\n/)
    await lmtp.hearing.ask('DATA\r\n', /^354 .*\r\n/)
    await lmtp.hearing.ask('Subject: x\r\n\r\nby way of TLS\r\n.\r\n', /^250 .*Saved/)
    const imap = await peers.secure(backend, 'imap')
    await imap.hearing.ask(`a LOGIN ${user} any\r\n`, /a OK/)
    await imap.hearing.ask('b SELECT INBOX\r\n', /b OK/)
    assert.match(await imap.hearing.ask('c FETCH 1 BODY[TEXT]\r\n', /c OK/), /by way of TLS/)
    const pop3 = await peers.secure(backend, 'pop3')
    await pop3.hearing.ask(`USER ${user}\r\n`, /^\+OK/)
    await pop3.hearing.ask('PASS any\r\n', /^\+OK Logged in/)
    assert.match(await pop3.hearing.ask('RETR 1\r\n', /\r\n\.\r\n/), /by way of TLS/)
    for (const { socket } of [lmtp, imap, pop3]) socket.destroy()
  })

  it('Dovecot says its capabilities of ManageSieve again', { skip }, async () => {
    const { socket, hearing } = await peers.secure(backend, 'managesieve')
    assert.match(await hearing.until(/\r\nOK /), /"SIEVE"/)
    const login = Buffer.from(`\0${backend.name}\0any`).toString('base64')
    await hearing.ask(`AUTHENTICATE "PLAIN" "${login}"\r\n`, /^OK /)
    await hearing.ask('PUTSCRIPT "mine" {6+}\r\nkeep;\n\r\n', /^OK /)
    assert.match(await hearing.ask('LISTSCRIPTS\r\n', /OK /), /"mine"/)
    socket.destroy()
  })

  /** What Dovecot has for somebody, as soon as it is there. */
  async function readMail(user: string): Promise<string> {
    const { socket, hearing } = await peers.secure(backend, 'imap')
    await hearing.ask(`a LOGIN ${user} any\r\n`, /a OK/)
    const selected = await hearing.ask('b SELECT INBOX\r\n', /b OK/)
    // Postfix delivers when it has said that it will; the server tells when it has.
    if (!/\* [1-9]\d* EXISTS/.test(selected)) {
      await hearing.ask('c IDLE\r\n', /\* [1-9]\d* EXISTS/)
      await hearing.ask('DONE\r\n', /c OK/)
    }
    const mail = await hearing.ask('d FETCH * BODY[TEXT]\r\n', /d OK/)
    socket.destroy()
    return mail
  }

  async function send(hearing: Hearing, to: string): Promise<void> {
    await hearing.ask('MAIL FROM:<alice@server.test>\r\n', /^250 .*\r\n/)
    await hearing.ask(`RCPT TO:<${to}>\r\n`, /^250 .*\r\n/)
    await hearing.ask('DATA\r\n', /^354 .*\r\n/)
    await hearing.ask(`Subject: x\r\n\r\nto ${to}\r\n.\r\n`, /^250 .*queued/)
    await hearing.ask('QUIT\r\n', /^221 /)
  }

  it('Postfix takes a mail as on port 25, for a mailbox in Dovecot', { skip }, async () => {
    for (const opportunistic of [false, true]) {
      const user = `mx-${backend.name}-${opportunistic}`
      const { hearing } = await peers.secure(backend, 'smtp', { opportunistic })
      await hearing.ask('EHLO client.test\r\n', /\r\n250 [^\r]*\r\n/)
      await send(hearing, `${user}@server.test`)
      assert.match(await readMail(user), new RegExp(`to ${user}`))
    }
  })

  it('Postfix without TLS takes it in plain text, where that is allowed', { skip }, async () => {
    const user = `plain-${backend.name}`
    const dial = (): net.Socket => net.connect(peers.port('smtp-plain'), '127.0.0.1')
    const options = { serverName: hostName, trustStore: peers.identities.trustStore, backend }
    await assert.rejects(startTls(dial(), 'smtp', options), { code: 'ERR_TLS_STARTTLS_NOT_OFFERED' })
    const delivery = await startTls(dial(), 'smtp', { ...options, opportunistic: true })
    assert.equal(delivery.isEncrypted, false)
    await send(new Hearing(delivery.socket), `${user}@server.test`)
    assert.match(await readMail(user), new RegExp(`to ${user}`))
  })

  it('Postfix takes it in plain text behind a failed handshake, where that is allowed', { skip }, async () => {
    const user = `failed-${backend.name}`
    const dial = (): net.Socket => net.connect(peers.port('smtp'), '127.0.0.1')
    const options = { serverName: hostName, trustStore: peers.identities.strangeTrustStore, backend }
    await assert.rejects(startTls(dial(), 'smtp', { ...options, opportunistic: true }), { code: 'ERR_TLS_CERTIFICATE' })
    const accepting = { ...options, opportunistic: 'accept-failed-handshake', reconnect: dial } as const
    const delivery = await startTls(dial(), 'smtp', accepting)
    assert.equal(delivery.isEncrypted, false)
    assert.equal((delivery.reason as CertificateError | undefined)?.code, 'ERR_TLS_CERTIFICATE')
    await send(new Hearing(delivery.socket), `${user}@server.test`)
    assert.match(await readMail(user), new RegExp(`to ${user}`))
  })

  it('Postfix takes a submission after a login, which has to be inside', { skip }, async () => {
    const user = `submission-${backend.name}`
    const { started, hearing } = await peers.secure(backend, 'smtp', { server: 'submission' })
    const { capabilities } = started.learned as { capabilities: readonly string[] }
    assert.ok(!capabilities.some((each) => each.startsWith('AUTH')))
    await hearing.ask('EHLO client.test\r\n', /250[- ]AUTH PLAIN[\s\S]*\r\n250 [^\r]*\r\n/)
    await hearing.ask(`AUTH PLAIN ${Buffer.from('\0alice\0any').toString('base64')}\r\n`, /^235 /)
    await send(hearing, `${user}@server.test`)
    assert.match(await readMail(user), new RegExp(`to ${user}`))
  })

  it('Postfix brings a mail to our server, having verified who that is', { skip }, async () => {
    const received = new Promise<{ readonly text: string; readonly version: string | undefined }>((resolve, reject) => {
      relayed = (plain) => void takeMail(plain, backend).then(resolve, reject)
    })
    const { hearing } = await peers.secure(backend, 'smtp', { server: 'submission' })
    await hearing.ask('EHLO client.test\r\n', /\r\n250 [^\r]*\r\n/)
    await hearing.ask(`AUTH PLAIN ${Buffer.from('\0alice\0any').toString('base64')}\r\n`, /^235 /)
    await send(hearing, `bob@${backend.name}.test`)
    const { text, version } = await patiently('Postfix to bring it', received)
    assert.match(text, new RegExp(`to bob@${backend.name}.test`))
    assert.equal(version, 'TLSv1.3')
  })
})

/** A mail server for one mail. */
async function takeMail(
  plain: net.Socket,
  backend: Backend,
): Promise<{ readonly text: string; readonly version: string | undefined }> {
  const certificateChain = [peers.identities.server().signingChain]
  const { socket } = await startTlsServer(plain, 'smtp', {
    backend,
    certificateChain,
    dialogue: { serverName: hostName },
  })
  const hearing = new Hearing(socket)
  await hearing.until(/^EHLO .*\r\n/)
  await hearing.ask(`250-${hostName}\r\n250 8BITMIME\r\n`, /^MAIL FROM:.*\r\n/)
  await hearing.ask('250 ok\r\n', /^RCPT TO:.*\r\n/)
  await hearing.ask('250 ok\r\n', /^DATA\r\n/)
  const text = await hearing.ask('354 go on\r\n', /\r\n\.\r\n/)
  socket.write('250 taken\r\n')
  await hearing.until(/^QUIT\r\n/)
  socket.end('221 bye\r\n')
  return { text, version: socket.facts.version }
}
