import type { TLSBuffer, Waiting } from 'polytls'
import { answerPause } from '#polytls/sockets/pause-driver.js'
import { type Connection, type Side, step } from './connection.ts'

/** What came of letting both sides read until nothing moves any more. */
export interface Exchange {
  readonly client: Read
  readonly server: Read
  /** What was asked of each side, in this order. */
  readonly asked: readonly string[]
}
export interface Read {
  readonly data: Buffer
  /** What the last read answered, or threw. */
  readonly ending: Waiting | Error
}

/** Has both sides read what there is, and answers what they are asked, as a socket would. */
export async function exchange(connection: Connection): Promise<Exchange> {
  const asked: string[] = []
  const data = { client: [] as Uint8Array[], server: [] as Uint8Array[] }
  const endings: { client: Waiting | Error; server: Waiting | Error } = { client: 'want-read', server: 'want-read' }
  for (let moves = true; moves; ) {
    moves = false
    connection.flow()
    for (const side of ['client', 'server'] as const) {
      const read = readAll(connection, side)
      data[side].push(...read.chunks)
      endings[side] = read.ending
      if (read.ending !== 'paused') continue
      asked.push(`${side}: ${await answer(connection[side])}`)
      moves = true
    }
    moves ||= connection.client.outgoingBytesBuffered + connection.server.outgoingBytesBuffered > 0
  }
  return {
    client: { data: Buffer.concat(data.client), ending: endings.client },
    server: { data: Buffer.concat(data.server), ending: endings.server },
    asked,
  }
}

function readAll(connection: Connection, side: Side): { chunks: Uint8Array[]; ending: Waiting | Error } {
  const chunks: Uint8Array[] = []
  for (;;) {
    const read = step(() => connection[side].read(65_536))
    if (!(read instanceof Uint8Array)) return { chunks, ending: read }
    chunks.push(read)
  }
}

/** Answers what a channel asks as a socket would, and says what that was. */
export function answer(channel: TLSBuffer): Promise<string> {
  const kind = channel.pause?.kind ?? 'nothing'
  return new Promise((resolve) => {
    answerPause(channel, { isWanted: () => true, resumed: () => resolve(kind) })
  })
}
