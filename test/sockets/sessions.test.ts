import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import {
  ConfigurationError,
  connect,
  openssl,
  portable,
  type Session,
  TLSClientConfiguration,
  type TLSSocket,
  UsageError,
} from 'polytls'
import { has } from '../support/backends.ts'
import { matching } from '../support/identities.ts'
import { host, hostName, server } from './peers.ts'

describe('sessions of sockets', () => {
  const connector = async (port: number) => {
    const context = openssl.clientContext(new TLSClientConfiguration((await matching()).client))
    return (more: object = {}): Promise<TLSSocket> => connect({ host, port, serverName: hostName, context, ...more })
  }
  const close = async (socket: TLSSocket): Promise<void> => {
    socket.resume().end()
    await once(socket, 'close')
  }

  test('a socket tells of its sessions, and the next one to the same port resumes', async (t) => {
    const { port } = await server(t, (socket) => socket.resume())
    const { port: otherPort } = await server(t, (socket) => socket.resume())
    const to = await connector(port)
    const first = await to()
    const [session] = (await once(first, 'session')) as [Session]
    assert.equal(session.serverName, hostName)
    await close(first)
    const second = await to()
    assert.equal(second.isSessionReused(), true)
    assert.ok((second.facts.sessionAgeMilliseconds ?? -1) >= 0)
    await close(second)
    const elsewhere = await to({ port: otherPort })
    assert.equal(elsewhere.isSessionReused(), false)
    await close(elsewhere)
    const given = await to({ session })
    assert.equal(given.isSessionReused(), true)
    await close(given)
    const otherService = await to({ session, service: 'another' })
    assert.equal(otherService.isSessionReused(), false)
    await close(otherService)
  })

  test('early data arrives before the handshake is done, is told apart, and can be answered at once', async (t) => {
    const events: string[] = []
    const { server: made, port } = await server(
      t,
      (socket) => {
        events.push('secureConnection')
        socket.on('data', (chunk) => socket.write(`late ${chunk}`))
      },
      { maxEarlyDataBytes: 1000 },
    )
    made.on('earlyConnection', (socket) => {
      events.push('earlyConnection')
      assert.equal(socket.secureConnecting, true)
      socket.on('earlyData', (chunk: Buffer) => {
        events.push(`early ${chunk}`)
        socket.writeEarly(Buffer.from('early answer'))
      })
    })
    const to = await connector(port)
    const first = await to()
    await once(first, 'session')
    await close(first)
    const socket = await to({ earlyData: Buffer.from('question') })
    assert.equal(socket.facts.earlyData, 'accepted')
    const [answer] = await once(socket, 'data')
    assert.equal(String(answer), 'early answer')
    socket.write('more')
    const [later] = await once(socket, 'data')
    assert.equal(String(later), 'late more')
    assert.deepEqual(events, ['secureConnection', 'earlyConnection', 'early question', 'secureConnection'])
    await close(socket)
  })

  test('early data that nobody listened to is there after the handshake, and there is none without it', async (t) => {
    const seen: string[] = []
    const { port } = await server(
      t,
      (socket) => {
        seen.push(socket.earlyData.toString())
        socket.resume()
      },
      { maxEarlyDataBytes: 1000 },
    )
    const to = await connector(port)
    const first = await to({ earlyData: Buffer.from('too soon') })
    assert.equal(first.facts.earlyData, 'not-sent')
    await once(first, 'session')
    await close(first)
    await close(await to({ earlyData: Buffer.from('question') }))
    assert.deepEqual(seen, ['', 'question'])
  })

  test('keys change, and tickets are sent, on demand', async (t) => {
    let there: TLSSocket | undefined
    const { port } = await server(
      t,
      (socket) => {
        there = socket
        socket.pipe(socket)
      },
      { sessions: { kind: 'stateless', ticketsPerConnection: 0 } },
    )
    const socket = await (await connector(port))()
    socket.write('x')
    await once(socket, 'data')
    there?.sendTicket()
    await once(socket, 'session')
    socket.updateKeys({ requestPeer: true })
    there?.updateKeys()
    socket.write('still here')
    assert.equal(String((await once(socket, 'data'))[0]), 'still here')
    assert.throws(() => socket.sendTicket(), UsageError)
    await close(socket)
  })

  test('a backend that has no early data refuses it by name', {
    skip: has(portable, 'early-data') && 'it has',
  }, async () => {
    const { client } = await matching()
    await assert.rejects(
      connect({ host, port: 1, serverName: hostName, backend: portable, ...client, earlyData: Buffer.from('x') }),
      (error) => error instanceof ConfigurationError && error.field === 'earlyData',
    )
  })
})
