import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { openTunnel, TLSError } from 'polytls'
import { contextTag, Tag } from '#polytls/codec/der.js'
import { encodeElement, encodeOctetString, encodeSequence, encodeUnsigned } from '#polytls/codec/der-writer.js'
import { forEachBackend } from '../support/backends.ts'
import { hostName, type Party } from './support/identities.ts'
import { type Hearing, isRoot, PlainServers, skip } from './support/plain-beginnings.ts'
import * as servers from './support/plain-servers.ts'
import { startHaproxy } from './support/proxies.ts'

let peers: PlainServers
let otherServer: Party

before(async () => {
  if (!isRoot) return
  const { startSlapd, startProsody, startPostgres, startNewerPostgres, startMariaDB, startTinyproxy } = servers
  peers = await PlainServers.start(
    startSlapd,
    startProsody,
    startPostgres,
    startNewerPostgres,
    startMariaDB,
    startTinyproxy,
  )
  otherServer = await peers.identities.issue('other.test')
})
after(() => peers?.[Symbol.asyncDispose]())

/** Runs on every backend; servers are started once for all. */
forEachBackend('servers that begin in plain text', (backend) => {
  it('slapd finds a person', { skip }, async () => {
    const { socket, hearing } = await peers.secure(backend, 'ldap')
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

  it('Prosody passes a message on from another server to somebody who has logged in', { skip }, async () => {
    const headerOf = (namespace: string, from: string): string =>
      `<stream:stream xmlns='${namespace}' xmlns:stream='http://etherx.jabber.org/streams' from='${from}' to='${hostName}' version='1.0'>`
    const authOf = (mechanism: string, text: string): string =>
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${Buffer.from(text).toString('base64')}</auth>`

    const alice = await peers.secure(backend, 'xmpp-client', { dialogue: { from: `alice@${hostName}` } })
    const clientHeader = headerOf('jabber:client', `alice@${hostName}`)
    assert.doesNotMatch(await alice.hearing.ask(clientHeader, '</stream:features>'), /<starttls/)
    await alice.hearing.ask(authOf('PLAIN', '\0alice\0secret'), '<success')
    await alice.hearing.ask(clientHeader, '<bind')
    const bind = `<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`
    await alice.hearing.ask(bind, `<jid>alice@${hostName}/`)
    await alice.hearing.ask(`<presence/>`, '<presence')

    // The other server proves by its certificate who it is.
    const certificateChain = otherServer.signingChain
    const other = await peers.secure(backend, 'xmpp-server', { certificateChain, dialogue: { from: 'other.test' } })
    const serverHeader = headerOf('jabber:server', 'other.test')
    assert.match(await other.hearing.ask(serverHeader, '</stream:features>'), />EXTERNAL</)
    await other.hearing.ask(authOf('EXTERNAL', 'other.test'), '<success')
    await other.hearing.ask(serverHeader, /<\/stream:features>|<stream:features\/>/)
    other.socket.write(
      `<message from='bob@other.test' to='alice@${hostName}' type='chat'><body>by way of ${backend.name}</body></message>`,
    )
    assert.match(await alice.hearing.until('</message>'), new RegExp(`bob@other.test.*by way of ${backend.name}<`))
    alice.socket.destroy()
    other.socket.destroy()
  })

  it('PostgreSQL answers a query, also through tinyproxy, in TLS or not', { skip }, async () => {
    const { socket, hearing } = await peers.secure(backend, 'postgres')
    await multiply(hearing)
    socket.destroy()

    // Also where TLS leads to the proxy itself.
    await using haproxy = await startHaproxy(peers.identities, {
      version: 'TLSv1.3',
      upstreamPort: peers.port('http-connect'),
    })
    const tls = { trustStore: peers.identities.trustStore, backend }
    for (const proxy of [
      { url: `http://alice:secret@127.0.0.1:${peers.port('http-connect')}` },
      { url: `https://alice:secret@127.0.0.1:${haproxy.port}`, tls },
    ]) {
      const stream = await openTunnel({ host: '127.0.0.1', port: peers.port('postgres'), proxy })
      const behind = await peers.secure(backend, 'postgres', { stream })
      await multiply(behind.hearing)
      behind.socket.destroy()
    }
  })

  it('PostgreSQL 18 answers a query, in TLS from the first byte or by request', { skip }, async () => {
    for (const negotiation of ['direct', 'request'] as const) {
      const dialogue = { negotiation }
      const { socket, hearing } = await peers.secure(backend, 'postgres', { server: 'postgres-18', dialogue })
      assert.equal(socket.facts.innerProtocol, negotiation === 'direct' ? 'postgresql' : undefined)
      await multiply(hearing)
      socket.destroy()
    }
    // One before 17 takes the first byte for nonsense.
    const older = peers.secure(backend, 'postgres', { dialogue: { negotiation: 'direct' } })
    await assert.rejects(older, TLSError)
  })

  it('MariaDB answers a query', { skip }, async () => {
    const { started, socket, hearing } = await peers.secure(backend, 'mysql')
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
    const untrusted = { trustStore: peers.identities.strangeTrustStore }
    for (const protocol of ['ldap', 'xmpp-client', 'xmpp-server', 'postgres', 'mysql'] as const) {
      await assert.rejects(peers.secure(backend, protocol, untrusted), { code: 'ERR_TLS_CERTIFICATE' }, protocol)
      // Of XMPP's servers the name is asked for in plain text already.
      if (protocol.startsWith('xmpp')) continue
      const misnamed = peers.secure(backend, protocol, { serverName: 'somebody.else' })
      await assert.rejects(misnamed, { code: 'ERR_TLS_CERTIFICATE' }, protocol)
    }
  })
})

/** Logs in, and asks PostgreSQL for a product. */
async function multiply(hearing: Hearing): Promise<void> {
  const startup = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1')
  const query = Buffer.from('select 6 * 7\0')
  await hearing.ask(Buffer.concat([bigEndian(startup.length + 4), startup]), 'Z\0\0\0\x05I')
  const asked = Buffer.concat([Buffer.from('Q'), bigEndian(query.length + 4), query])
  assert.ok((await hearing.ask(asked, 'Z\0\0\0\x05I')).includes('\0\0\0\x0242'))
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
