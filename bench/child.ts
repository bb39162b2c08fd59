/**
 * What has to run in a process of its own, started by `run.ts`: the memory of idle connections, the other end of a transfer between
 * two processes, and nothing at all but an import.
 */

import { argv, stdin, stdout } from 'node:process'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type Stack, stackNamed } from './stacks.js'
import { connected, withServer } from './workloads.js'

const [, , role, stackName = '', argument = ''] = argv

async function readStdin(): Promise<string> {
  let text = ''
  for await (const chunk of stdin) {
    text += chunk
    if (text.endsWith('\n')) break
  }
  return text
}

/** Kilobytes of resident memory that one idle connection takes, both of its ends together. */
async function idleMemory(stack: Stack, count: number): Promise<number> {
  const kept: Duplex[] = []
  return withServer(
    stack,
    (stream) => kept.push(stream),
    async (port) => {
      // The first connections pay for what all share.
      for (let made = 0; made < 50; made++) kept.push(await connected(stack, port))
      const before = await settledMemory()
      for (let made = 0; made < count; made++) kept.push(await connected(stack, port))
      const after = await settledMemory()
      for (const stream of kept) stream.destroy()
      return (after - before) / count / 1024
    },
  )
}

async function settledMemory(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.()
    await delay(50)
  }
  return process.memoryUsage.rss()
}

/** A server that takes everything, or sends without end, and says on which port. */
async function serve(stack: Stack, direction: string): Promise<void> {
  const server = stack.createServer((stream) => {
    stream.on('error', () => {})
    if (direction === 'up') stream.resume()
    else {
      const chunk = Buffer.alloc(65_536, 7)
      const write = (): void => {
        while (stream.write(chunk));
      }
      stream.on('drain', write)
      write()
    }
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1', () => stdout.write(`${JSON.stringify(server.address())}\n`))
}

if (role === 'idle-memory') {
  const stack = stackNamed(stackName, JSON.parse(await readStdin()))
  stdout.write(`${JSON.stringify(await idleMemory(stack, Number(argument)))}\n`)
  process.exit()
} else if (role === 'serve') {
  await serve(stackNamed(stackName, JSON.parse(await readStdin())), argument)
} else if (role === 'import') {
  const start = performance.now()
  await import(stackName)
  stdout.write(`${performance.now() - start}\n`)
}
