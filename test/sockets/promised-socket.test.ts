import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { connect, RaggedEOFError, type TLSSocket } from 'polytls'
import { PromisedSocket } from '#polytls/sockets/promised-socket.js'
import { matching } from '../support/identities.ts'
import { between, client, host, hostName, nodeServer, server } from './peers.ts'

const ours = await matching()

describe('a socket that is promised', () => {
  test('keeps what is written until it is there, and ends as it was told to', async (t) => {
    const { port } = await server(t, (socket) => void socket.pipe(socket))
    let opened: () => void = () => {}
    const wait = new Promise<void>((resolve) => {
      opened = resolve
    })
    const socket = new PromisedSocket().open(async () => {
      await wait
      return connect({ host, port, serverName: hostName, ...ours.client })
    })
    socket.write('what ')
    socket.end('was said')
    assert.equal(socket.connecting, true)
    assert.equal(socket.encrypted, false)
    const events: string[] = []
    for (const event of ['connect', 'ready', 'secureConnect']) socket.on(event, () => events.push(event))
    opened()
    let text = ''
    for await (const chunk of socket) text += chunk
    assert.equal(text, 'what was said')
    assert.deepEqual(events, ['connect', 'ready', 'secureConnect'])
    assert.equal(socket.facts?.version, 'TLSv1.3')
    assert.equal(socket.getProtocol(), 'TLSv1.3')
  })

  test('fails with what its promise fails with, and what was written with it', async () => {
    const failure = new Error('no way')
    const socket = new PromisedSocket().open(() => Promise.reject(failure))
    const written = new Promise((resolve) => socket.write('x', resolve))
    const [error] = await once(socket, 'error')
    assert.equal(error, failure)
    assert.equal(await written, failure)
    if (!socket.closed) await once(socket, 'close')
  })

  test('tells whoever opens it that nobody wants it any more, and closes what comes too late', async (t) => {
    const { port } = await server(t, () => {})
    let late: TLSSocket | undefined
    let aborted = false
    let opened: () => void = () => {}
    const done = new Promise<void>((resolve) => {
      opened = resolve
    })
    const socket = new PromisedSocket().open(async (signal) => {
      late = await connect({ host, port, serverName: hostName, ...ours.client })
      aborted = signal.aborted
      opened()
      return late
    })
    socket.destroy()
    await done
    assert.equal(aborted, true)
    assert.ok(late)
    if (!late.closed) await once(late, 'close')
  })
})

describe('an end without close_notify', () => {
  for (const accepts of [false, true]) {
    test(`is an ${accepts ? 'end' : 'error'} behind our own, where that ${accepts ? 'is' : 'is not'} accepted`, async (t) => {
      const port = await nodeServer(t, (socket) => void socket.resume())
      const way = await between(t, port)
      const socket = await client(t, way.port, { allowHalfOpen: true })
      if (accepts) socket.acceptAbruptEnd()
      socket.resume().end()
      await once(socket, 'finish')
      const closed = new Promise<Error | undefined>((resolve) => {
        let error: Error | undefined
        socket.on('error', (each) => {
          error = each
        })
        socket.on('close', () => resolve(error))
      })
      way.cut()
      const error = await closed
      if (accepts) assert.equal(error, undefined)
      else assert.ok(error instanceof RaggedEOFError, String(error))
    })
  }

  test('is an error before our own', async (t) => {
    const port = await nodeServer(t, (socket) => void socket.resume())
    const way = await between(t, port)
    const socket = (await client(t, way.port)).acceptAbruptEnd()
    const failed = once(socket.resume(), 'error')
    way.cut()
    assert.ok((await failed)[0] instanceof RaggedEOFError)
  })
})
