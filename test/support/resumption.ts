import assert from 'node:assert/strict'
import { type ClientBufferOptions, Session, type TLSBuffer } from 'polytls'
import { stateOf } from '#polytls/config/session.js'
import { answerPause } from '#polytls/sockets/pause-driver.js'
import { Connection, type Contexts, type Ending } from './connection.ts'
import { hostName } from './identities.ts'

/** A connection whose client says what of itself is special. */
export function resumingConnection(
  { client, server }: Contexts,
  { serverName = hostName, ...options }: ClientBufferOptions & { readonly serverName?: string } = {},
): Connection {
  return new Connection(client.createBuffer(serverName, options), server.createBuffer())
}

/** The whole handshake, in which every pause is answered as a socket would. */
export async function negotiate(
  connection: Connection,
): Promise<{ readonly client: Ending; readonly server: Ending; readonly asked: readonly string[] }> {
  const asked: string[] = []
  for (;;) {
    const endings = connection.advance()
    const paused = (['client', 'server'] as const).filter((side) => endings[side] === 'paused')
    if (paused.length === 0) return { ...endings, asked }
    for (const side of paused) asked.push(await answer(connection[side]))
  }
}

/** The same, which has to succeed; sessions that come behind it have arrived then. */
export async function establish(connection: Connection): Promise<Connection> {
  const endings = await negotiate(connection)
  for (const ending of [endings.client, endings.server]) if (ending instanceof Error) throw ending
  assert.deepEqual([endings.client, endings.server], ['done', 'done'])
  settle(connection)
  return connection
}

/** Has the client read what came behind the handshake. */
export function settle(connection: Connection): void {
  connection.flow()
  assert.equal(connection.client.read(1), 'want-read')
}

/** Hands bytes over as sockets do: in several reads, all of them into the same memory, which others use in between. */
export function deliverByReusedMemory(channel: TLSBuffer, bytes: Uint8Array): void {
  const memory = Buffer.alloc(Math.ceil(bytes.byteLength / 3))
  for (let at = 0; at < bytes.byteLength; at += memory.byteLength) {
    const length = Math.min(memory.byteLength, bytes.byteLength - at)
    memory.set(bytes.subarray(at, at + length))
    assert.equal(channel.processIncoming(memory.subarray(0, length)), length)
    channel.handshake()
    memory.fill(0xff)
  }
}

function answer(channel: TLSBuffer): Promise<string> {
  const kind = channel.pause?.kind ?? 'nothing'
  return new Promise((resolve) => {
    answerPause(channel, { isWanted: () => true, resumed: () => resolve(kind) })
  })
}

/** The same session with something changed, as no connection gives it. */
export function alteredSession(session: Session, changes: Partial<ConstructorParameters<typeof Session>[0]>): Session {
  const { backend, binding, version, cipherSuite, serverName, innerProtocol } = session
  const { receivedAtMilliseconds, expiresAtMilliseconds, authenticatedUntilMilliseconds } = session
  const { maxEarlyDataBytes, peerChain, verified } = session
  return new Session({
    backend,
    binding,
    version,
    cipherSuite,
    serverName,
    innerProtocol,
    receivedAtMilliseconds,
    expiresAtMilliseconds,
    authenticatedUntilMilliseconds,
    maxEarlyDataBytes,
    peerChain,
    verified,
    state: stateOf(session),
    ...changes,
  })
}
