import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/**
 * A port that nothing has and that nobody else is given, for a program that the test is about to start.
 *
 * Test files run in processes beside each other, and a port is free until its program listens, so each process takes its ports
 * from blocks of its own. They are below the range that the kernel takes the ports of outgoing connections from.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    if (rest.length === 0) rest = await takeBlock()
    const port = rest.shift()
    if (port !== undefined && socketsOf(port).length === 0) return port
  }
}

/** Whether a program listens on a port, of either family. The kernel is asked, for a server would count a connection made to try. */
export function isListening(port: number): boolean {
  return socketsOf(port).includes(listening)
}

/** The states of the sockets that have this port on this machine, by proc(5). Those of closed connections wait there for a minute. */
function socketsOf(port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    readFileSync(table, 'latin1')
      .split('\n')
      .flatMap((line) => {
        const [, local, , state] = line.trim().split(/\s+/)
        return state !== undefined && local?.endsWith(`:${wanted}`) ? [state] : []
      }),
  )
}

/** TCP_LISTEN of the kernel. */
const listening = '0A'

const firstPort = 12_000
const blockSize = 100
const blockCount = 200

/** What is left of the block that this process has. */
let rest: number[] = []

/** Whoever listens on the first port of a block has the block, until the process ends. */
async function takeBlock(): Promise<number[]> {
  for (;;) {
    const lock = firstPort + blockSize * Math.floor(Math.random() * blockCount)
    const isOurs = await new Promise<boolean>((resolve, reject) => {
      const holder = createServer()
      holder.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
      )
      holder.listen(lock, '127.0.0.1', () => resolve(true)).unref()
    })
    if (isOurs) return Array.from({ length: blockSize - 1 }, (_, index) => lock + 1 + index)
  }
}
