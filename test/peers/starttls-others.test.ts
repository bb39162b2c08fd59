import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { openTunnel, type RDPLearned } from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { startINN } from './support/news-servers.ts'
import { startInspIRCd, startMicrosocks, startXrdp } from './support/other-servers.ts'
import { type Conversing, isRoot, PlainServers, skip } from './support/plain-beginnings.ts'

let peers: PlainServers

before(async () => {
  if (isRoot) peers = await PlainServers.start(startInspIRCd, startMicrosocks, startXrdp, startINN)
})
after(() => peers?.[Symbol.asyncDispose]())

forEachBackend('servers of news, chat and screens', (backend) => {
  it('INN takes an article, and gives it back', { skip }, async () => {
    const { socket, hearing, started } = await peers.secure(backend, 'nntp')
    assert.ok((started.learned as { capabilities: readonly string[] }).capabilities.includes('STARTTLS'))
    assert.doesNotMatch(await hearing.ask('CAPABILITIES\r\n', /\r\n\.\r\n/), /STARTTLS/)
    await hearing.ask('POST\r\n', /^340 /)
    const id = `<${backend.name}.${process.pid}@server.test>`
    const head = `From: alice@server.test\r\nNewsgroups: local.test\r\nSubject: x\r\nMessage-ID: ${id}\r\n`
    await hearing.ask(`${head}\r\nby way of ${backend.name}\r\n.\r\n`, /^240 /)
    assert.match(
      await hearing.ask(`BODY ${id}\r\n`, /\r\n\.\r\n/),
      new RegExp(`^222 [\\s\\S]*by way of ${backend.name}`),
    )
    await hearing.ask('QUIT\r\n', /^205 /)
    socket.destroy()
  })

  it('InspIRCd passes a message on to somebody else', { skip }, async () => {
    const join = async (nick: string): Promise<Conversing> => {
      const conversing = await peers.secure(backend, 'irc')
      const { hearing } = conversing
      await hearing.ask(`NICK ${nick}\r\nUSER ${nick} 0 * :x\r\nCAP END\r\n`, / 001 /)
      await hearing.ask('JOIN #test\r\n', / 366 /)
      return conversing
    }
    const alice = await join('alice')
    const bob = await join('bob')
    bob.socket.write(`PRIVMSG #test :by way of ${backend.name}\r\n`)
    assert.match(await alice.hearing.until(/PRIVMSG #test/), new RegExp(`:bob!.*by way of ${backend.name}`))
    for (const { socket, hearing } of [alice, bob]) {
      await hearing.ask('QUIT\r\n', /ERROR/)
      socket.destroy()
    }
  })

  it('xrdp answers the first message inside', { skip }, async () => {
    const { socket, hearing, started } = await peers.secure(backend, 'rdp', {
      dialogue: { requestedProtocols: ['ssl'] },
    })
    assert.equal((started.learned as RDPLearned).selectedProtocol, 'ssl')
    const answer = await hearing.ask(connectInitial(), '\x01\x0c')
    assert.ok(answer.includes('\x7f\x66') && answer.includes('\x0a\x01\x00'), 'Connect Response, rt-successful')
    // The server repeats what was asked of it in plain text: ssl alone.
    const core = Buffer.from(answer.slice(answer.indexOf('\x01\x0c')), 'latin1')
    assert.equal(core.readUInt32LE(8), 1)
    socket.destroy()
  })

  it('microsocks leads to a server, if it knows who asks', { skip }, async () => {
    const to = { host: '127.0.0.1', port: peers.port('irc') }
    const url = (password: string): string => `socks5://alice:${password}@127.0.0.1:${peers.port('socks5')}`
    const stream = await openTunnel({ ...to, proxy: { url: url('secret') } })
    const { socket, hearing } = await peers.secure(backend, 'irc', { stream })
    await hearing.ask('NICK carol\r\nUSER carol 0 * :x\r\nCAP END\r\n', / 001 /)
    socket.destroy()
    await assert.rejects(openTunnel({ ...to, proxy: { url: url('wrong') } }), { code: 'ERR_TLS_STARTTLS_REFUSED' })
    const nowhere = openTunnel({ ...to, port: 1, proxy: { url: url('secret') } })
    await assert.rejects(nowhere, { code: 'ERR_TLS_STARTTLS_REFUSED' })
  })
})

/** MCS Connect Initial, in which RDP begins inside TLS. [MS-RDPBCGR], Section 2.2.1.3. */
function connectInitial(): Buffer {
  const core = Buffer.alloc(216)
  core.writeUInt16LE(CS_CORE, 0)
  core.writeUInt16LE(core.length, 2)
  core.writeUInt32LE(0x00080004, 4) // RDP 5
  core.writeUInt16LE(1024, 8)
  core.writeUInt16LE(768, 10)
  core.writeUInt16LE(0xca01, 12) // 8 bits of colour
  core.writeUInt16LE(0xaa03, 14)
  core.writeUInt16LE(0xca01, 132)
  core.writeUInt16LE(24, 140)
  core.writeUInt32LE(1, 212) // serverSelectedProtocol: ssl
  const security = Buffer.alloc(12)
  security.writeUInt16LE(CS_SECURITY, 0)
  security.writeUInt16LE(security.length, 2)
  const blocks = Buffer.concat([core, security])
  const perLength = (length: number): Buffer => Buffer.of(0x80 | (length >> 8), length & 0xff)
  const conference = Buffer.concat([
    Buffer.from('000500147c0001', 'hex'),
    perLength(blocks.length + 14),
    Buffer.from('00080010 0001c000 44756361'.replaceAll(' ', ''), 'hex'),
    perLength(blocks.length),
    blocks,
  ])
  const berLength = (length: number): Buffer => Buffer.of(0x82, length >> 8, length & 0xff)
  const parameters = Buffer.concat([
    Buffer.from('040101040101 0101ff'.replaceAll(' ', ''), 'hex'),
    Buffer.from('30190201220201020201000201010201000201010202ffff020102', 'hex'),
    Buffer.from('301902010102010102010102010102010002010102020420020102', 'hex'),
    Buffer.from('301c0202ffff0202fc170202ffff0201010201000201010202ffff020102', 'hex'),
    Buffer.from('04', 'hex'),
    berLength(conference.length),
    conference,
  ])
  const initial = Buffer.concat([Buffer.of(0x7f, 0x65), berLength(parameters.length), parameters])
  const length = initial.length + 7
  return Buffer.concat([Buffer.of(3, 0, length >> 8, length & 0xff, 2, 0xf0, 0x80), initial])
}

const CS_CORE = 0xc001
const CS_SECURITY = 0xc002
