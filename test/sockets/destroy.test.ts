import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { memoryPair } from './memory-duplex.ts'
import { client, securedPair, server, tcpPair } from './peers.ts'
import { closed, run, settled, written } from './streams.ts'

/**
 * Every stage at which a socket can be destroyed, in a process of its own: it says what became of what was pending, what is still open
 * after each, and at the end it has to exit by itself.
 */
const script = `
  import assert from 'node:assert/strict'
  import { once } from 'node:events'
  import * as net from 'node:net'
  import { connect, createConnection, createServer, Certificate, PrivateKey, upgrade } from 'polytls'
  import { authority, clientIdentity, hostName, matching, trusting } from ${JSON.stringify(new URL('../support/identities.js', import.meta.url).href)}
  const ours = await matching()
  const { certificate, key } = await clientIdentity()
  const certificateChain = { leaf: Certificate.fromBuffer(certificate), key: PrivateKey.fromBuffer(key), chain: [] }
  const host = '127.0.0.1'
  const never = () => new Promise(() => {})
  // Everything is open as long as a socket is; only the client's end is to be looked at.
  const accepted = []
  const silent = net.createServer((socket) => { accepted.push(socket); socket.on('error', () => {}).resume() })
  await once(silent.listen(0, host), 'listening')
  const serverSockets = []
  const echo = createServer({ ...ours.server, handshakeTimeoutMilliseconds: 60_000 }, (socket) => { serverSockets.push(socket); socket.pipe(socket) })
  echo.on('tlsClientError', () => {})
  await once(echo.listen(0, host), 'listening')
  const to = (server, more) => ({ host, port: server.address().port, serverName: hostName, ...ours.client, handshakeTimeoutMilliseconds: 60_000, ...more })
  const turn = () => new Promise(setImmediate)
  const open = () => process.getActiveResourcesInfo().filter((name) => !/^(TCPServerWrap|PipeWrap|TTYWrap|Immediate|FSReqPromise|CloseReq)$/.test(name))

  const stages = {
    'before anything': async () => createConnection(to(silent)),
    'during the lookup': async () => createConnection(to(silent, { host: 'name.test', transport: { lookup: () => {} } })),
    'while TCP connects': async () => { const socket = createConnection(to(silent)); await new Promise(process.nextTick); return socket },
    'during the handshake': async () => { const socket = createConnection(to(silent)); await once(socket, 'connect'); await turn(); return socket },
    'during the veto': async () => {
      let ask
      const asked = new Promise((resolve) => { ask = resolve })
      const socket = createConnection(to(echo, { verifyPeer: () => { ask(); return never() } }))
      await asked
      return socket
    },
    'when it is secured': async () => connect(to(echo)),
    'while data flows': async () => {
      const socket = await connect(to(echo))
      socket.write(Buffer.alloc(50_000_000))
      await once(socket, 'data')
      return socket
    },
    'after its end': async () => { const socket = await connect(to(echo, { allowHalfOpen: true })); socket.end('x'); await once(socket.resume(), 'end'); return socket },
    'while it unwraps': async () => { const socket = await connect(to(echo)); socket.unwrap().catch(() => {}); await turn(); return socket },
  }
  for (const [stage, reach] of Object.entries(stages)) {
    const socket = await reach()
    let ending = 'none'
    const secured = socket.secured().then(() => 'secured', (error) => error.code ?? error.message)
    const write = socket.writable ? new Promise((resolve) => socket.write('pending', resolve)) : Promise.resolve('none')
    const behind = socket.writable ? new Promise((resolve) => socket.write('behind', resolve)) : Promise.resolve('none')
    socket.on('error', (error) => { ending = error.message })
    socket.destroy(stage.startsWith('while') ? new Error('enough') : undefined)
    await new Promise((resolve) => socket.closed ? resolve() : socket.once('close', resolve))
    const [first, second] = await Promise.all([write, behind])
    for (const side of [...accepted.splice(0), ...serverSockets.splice(0)]) { side.on('error', () => {}); side.destroy(); if (!side.closed) await once(side, 'close') }
    // What closes in the kernel takes some turns.
    for (let turns = 0; open().length > 0 && turns < 200; turns++) await new Promise((resolve) => setTimeout(resolve, 5).unref())
    console.log(JSON.stringify({ stage, secured: await secured, ending, pending: [first, second].map((result) => result === 'none' ? result : result instanceof Error ? 'failed' : 'done'), open: open(), readyState: socket.readyState }))
  }
  silent.close()
  echo.close()
`

describe('destroying a socket', () => {
  test('leaves nothing open at whatever stage, and settles what is pending', async () => {
    const { code, output } = await run(script)
    assert.equal(code, 0, output)
    const stages = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const early = {
      secured: 'ERR_TLS_USAGE',
      ending: 'none',
      pending: ['failed', 'failed'],
      open: [],
      readyState: 'closed',
    }
    const late = { ...early, secured: 'secured' }
    assert.deepEqual(stages, [
      { stage: 'before anything', ...early },
      { stage: 'during the lookup', ...early },
      { stage: 'while TCP connects', ...early, secured: 'enough', ending: 'enough' },
      { stage: 'during the handshake', ...early },
      { stage: 'during the veto', ...early },
      { stage: 'when it is secured', ...late, pending: ['done', 'done'] },
      { stage: 'while data flows', ...late, ending: 'enough' },
      { stage: 'after its end', ...late, pending: ['none', 'none'] },
      { stage: 'while it unwraps', ...late, ending: 'enough', pending: ['none', 'none'] },
    ])
  })

  test('settles a write that the peer does not take, and everything behind it', async (t) => {
    const [sender, reader] = await securedPair(t, await tcpPair(t))
    reader.on('error', () => {}).pause()
    const stuck = written(sender, Buffer.alloc(32 * 1024 * 1024))
    const behind = written(sender, 'behind')
    await settled(() => sender.bytesWritten)
    sender.destroy()
    assert.equal(((await stuck) as { code?: string })?.code, 'ERR_TLS_USAGE')
    assert.ok((await behind) instanceof Error)
  })

  test('gives a peer that takes nothing a moment, not more', async (t) => {
    const [here, there] = memoryPair()
    const [sender, reader] = await securedPair(t, [here, there])
    reader.on('error', () => {}).pause()
    sender.write(Buffer.alloc(4 * 1024 * 1024))
    await settled(() => sender.bytesWritten)
    t.mock.timers.enable({ apis: ['setTimeout'] })
    sender.destroy()
    await new Promise(setImmediate)
    assert.equal(here.destroyed, false)
    t.mock.timers.tick(2_000)
    await closed(sender)
    assert.equal(here.destroyed, true)
  })

  test('a stream that never says that it is closed does not keep the socket from being closed', async (t) => {
    const [here, there] = memoryPair()
    const [socket, other] = await securedPair(t, [here, there])
    other.on('error', () => {}).resume()
    const emit = here.emit.bind(here)
    here.emit = ((event: string, ...args: unknown[]) => event !== 'close' && emit(event, ...args)) as typeof here.emit
    t.mock.timers.enable({ apis: ['setTimeout'] })
    socket.destroy()
    await new Promise(setImmediate)
    t.mock.timers.tick(2_000)
    await closed(socket)
    assert.equal(here.destroyed, true)
  })

  test('emits close once, behind the error, when the transport is closed as well', async (t) => {
    const [here, there] = await tcpPair(t)
    const [socket, other] = await securedPair(t, [here, there])
    other.on('error', () => {}).resume()
    const events: string[] = []
    socket.on('error', (error) => events.push(error.message))
    socket.on('close', () => events.push(`close ${here.destroyed}`))
    socket.destroy(new Error('enough'))
    socket.destroy(new Error('again'))
    await closed(socket)
    await new Promise(setImmediate)
    assert.deepEqual(events, ['enough', 'close true'])
  })

  test('resetAndDestroy while the end is on its way, or before there is a connection, leaves nothing open', async () => {
    const { code, output } = await run(`
      import { once } from 'node:events'
      import { connect, createConnection, createServer } from 'polytls'
      import { hostName, matching } from ${JSON.stringify(new URL('../support/identities.js', import.meta.url).href)}
      const ours = await matching()
      const server = createServer(ours.server, (socket) => socket.on('error', () => {}).resume())
      server.on('tlsClientError', () => {})
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const to = { host: '127.0.0.1', port: server.address().port, serverName: hostName, ...ours.client }
      const ending = await connect(to)
      ending.end()
      ending.resetAndDestroy()
      const early = createConnection(to)
      early.resetAndDestroy()
      await Promise.all([ending, early].map((socket) => socket.closed || once(socket, 'close')))
      server.close()
      console.log('done')
    `)
    assert.deepEqual({ code, output }, { code: 0, output: 'done\n' })
  })

  test('resetAndDestroy tells the peer by TCP', async (t) => {
    let there: import('polytls').TLSSocket | undefined
    const { port } = await server(t, (socket) => {
      there = socket
      socket.on('error', () => {})
      socket.write('x')
    })
    const socket = await client(t, port)
    await once(socket, 'data')
    socket.resetAndDestroy()
    await closed(socket)
    assert.ok(there !== undefined)
    assert.equal(((await closed(there)) as { code?: string } | null)?.code, 'ECONNRESET')

    const [here] = memoryPair()
    const [one, other] = await securedPair(t, [here, here.peer ?? here])
    other.on('error', () => {})
    await closed(one.resetAndDestroy())
    assert.equal(here.destroyed, true)
  })
})
