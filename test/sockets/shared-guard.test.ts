import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect, openssl, portable, type Session, TLSClientConfiguration } from 'polytls'
import { matching, serverIdentity } from '../support/identities.ts'
import type { Admitted, Setup, Told } from './guarded-server.ts'
import { destroyAfter, host, hostName, rawClient } from './peers.ts'

const program = fileURLToPath(new URL('guarded-server.js', import.meta.url))

/** Two servers with the same ticket keys, and one guard for both. */
async function twoServers(t: TestContext, backend: string) {
  const { certificate, key, chain } = await serverIdentity()
  const ticketKey = { name: randomBytes(16).toString('hex'), secret: randomBytes(32).toString('hex') }
  const setup: Setup = { backend, certificate, key, chain, ticketKey }
  const seen = new Set<string>()
  const taken: string[] = []
  const asked: boolean[] = []
  let progress: () => void = () => {}
  const start = async (): Promise<number> => {
    const child: ChildProcess = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    t.after(() => child.kill())
    const listening = new Promise<number>((resolve) => {
      child.on('message', (told: Told) => {
        if (told.kind === 'listening') resolve(told.port)
        else if (told.kind === 'early') taken.push(told.data)
        else {
          const isFirst = !seen.has(told.identifier)
          seen.add(told.identifier)
          asked.push(isFirst)
          child.send({ question: told.question, isFirst } satisfies Admitted)
        }
        progress()
      })
    })
    child.send(setup)
    return listening
  }
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone())
      await new Promise<void>((resolve) => {
        progress = resolve
      })
  }
  return { ports: [await start(), await start()] as const, taken, asked, until }
}

for (const backend of [openssl, portable]) {
  describe(`two processes that share ticket keys and a guard: ${backend.name}`, () => {
    test('the same first flight counts once, whichever of them gets it first', async (t) => {
      const { ports, taken, asked, until } = await twoServers(t, backend.name)
      const ours = { ...(await matching()).client, lowestSupportedVersion: 'TLSv1.3' } as const
      const context = backend.clientContext(new TLSClientConfiguration(ours))
      for (const order of [ports, [...ports].reverse()] as const) {
        const [first] = order
        const socket = destroyAfter(
          t,
          await connect({ host, port: first as number, serverName: hostName, context, service: 'shared' }),
        )
        socket.resume()
        const [session] = (await once(socket, 'session')) as [Session]
        using channel = context.createBuffer(hostName, {
          session,
          service: 'shared',
          earlyData: Buffer.from('pay once'),
        })
        channel.handshake()
        const flight = channel.processOutgoing()
        const before = { asked: asked.length, taken: taken.length }
        for (const [index, port] of [...order, ...order].entries()) {
          const replayer = await rawClient(t, port)
          replayer.on('error', () => {})
          replayer.write(flight)
          await until(() => asked.length === before.asked + index + 1)
          await once(replayer, 'data')
        }
        await until(() => taken.length > before.taken)
        assert.deepEqual(asked.slice(before.asked), [true, false, false, false])
        assert.deepEqual(taken.slice(before.taken), ['pay once'])
      }
    })
  })
}
