import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { TLSClientConfiguration } from '../config/client-configuration.ts'
import type { Session } from '../config/session.ts'
import { connect } from '../connections.ts'
import type { Terminal } from './terminal.ts'
import type { Stage } from './tour-stage.ts'
import { aligned, check, hear, type Step } from './tour-step.ts'

/** A session goes on, and what is said before the handshake counts once. */
export const showSessions: Step['run'] = async (stage: Stage, terminal: Terminal) => {
  const { backend, trusted } = stage
  if (!backend.capabilities.features.has('early-data')) {
    const field = 'maxEarlyDataBytes'
    return aligned([[backend.name, `has neither sessions nor early data yet, and refuses ${field} by name`]], terminal)
  }
  const outcomes: string[] = []
  const server = await stage.serve({ maxEarlyDataBytes: 1000 }, (socket) => {
    socket.on('error', () => {})
    socket.resume()
  })
  server.onEarlyConnection((socket) => {
    socket.on('earlyData', (chunk: Buffer) => {
      outcomes.push(String(chunk))
      socket.writeEarly(Buffer.from('heard'))
    })
  })
  const context = backend.clientContext(new TLSClientConfiguration({ trustStore: trusted }))
  const to = { host: '127.0.0.1', port: server.port, serverName: 'localhost', context }
  const first = await connect(to)
  const [session] = (await once(first, 'session')) as [Session]
  await first[Symbol.asyncDispose]()

  const early = Buffer.from('a question')
  const second = await connect({ ...to, earlyData: early })
  const answer = await hear(second, 'heard'.length)
  check(second.facts.resumed && second.facts.verified, 'the connection is resumed, the server still verified')
  check(second.facts.earlyData === 'accepted', `early data is accepted, not ${second.facts.earlyData}`)
  check(answer === 'heard', `the answer to it is "heard", not "${answer}"`)
  await second[Symbol.asyncDispose]()

  // What somebody on the way could keep, and send again.
  const channel = context.createBuffer('localhost', { session, earlyData: early, service: `127.0.0.1:${server.port}` })
  channel.handshake()
  const hello = channel.processOutgoing()
  channel[Symbol.dispose]()
  const heardBefore = outcomes.length
  for (let count = 0; count < 2; count++) {
    const replay = connectPlain(server.port, '127.0.0.1')
    replay.on('error', () => {})
    replay.write(hello)
    await once(replay, 'data')
    replay.destroy()
  }
  const heard = outcomes.length - heardBefore
  check(heard === 1, `of two hellos that are the same one is heard, not ${heard}`)
  const { sessionAgeMilliseconds = 0 } = second.facts
  return aligned(
    [
      [
        'first',
        `a session for ${session.lifetimeSeconds} s came, with ${session.maxEarlyDataBytes} bytes of early data`,
      ],
      ['second', `resumed after ${sessionAgeMilliseconds} ms: "${early}" before the handshake, "${answer}" at once`],
      ['replayed', 'the same first flight sent twice: the server took the early data once, and rejected the copy'],
    ],
    terminal,
  )
}
