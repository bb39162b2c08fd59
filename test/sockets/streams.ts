import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex, Readable, Writable } from 'node:stream'

/** How a stream ended, and what came before. */
export interface Ending {
  readonly bytes: Buffer
  /** `end` where it ended as it should. */
  readonly how: 'end' | 'close' | Error
}

/** Reads to the end, whatever it is. */
export function readAll(stream: Readable): Promise<Ending> {
  const chunks: Buffer[] = []
  return new Promise((resolve) => {
    const settle = (how: Ending['how']): void => resolve({ bytes: Buffer.concat(chunks), how })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.once('end', () => settle('end'))
    stream.once('error', settle)
    stream.once('close', () => settle('close'))
  })
}

/** Reads so many bytes and leaves the rest where it is. */
export async function readExactly(stream: Readable, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  for (let missing = length; missing > 0; ) {
    const chunk: Buffer | null = stream.read(Math.min(missing, stream.readableLength || missing))
    if (chunk === null) {
      if (stream.readableEnded || stream.destroyed) throw stream.errored ?? new Error(`ended ${missing} bytes early`)
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          for (const event of ['readable', 'end', 'close', 'error']) stream.off(event, settle)
          resolve()
        }
        for (const event of ['readable', 'end', 'close', 'error']) stream.on(event, settle)
      })
    } else {
      chunks.push(chunk)
      missing -= chunk.byteLength
    }
  }
  return Buffer.concat(chunks)
}

/** Writes, and resolves when the write is done with, well or not. */
export function written(stream: Writable, data: string | Uint8Array): Promise<Error | undefined> {
  return new Promise((resolve) => {
    stream.write(data, (error) => resolve(error ?? undefined))
  })
}

/** The error that a promise was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string; alert?: string }> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error as Error
  }
  throw new Error(`expected a rejection, got ${String(value)}`)
}

/** The error that a stream emits. */
export async function errorOf(stream: Duplex): Promise<Error & { code?: string; alert?: string }> {
  return stream.errored ?? (await once(stream, 'error'))[0]
}

/** Resolves when the stream is closed, with the error that it had, if any. */
export function closed(stream: Duplex): Promise<Error | null> {
  stream.on('error', () => {})
  return new Promise((resolve) => {
    if (stream.closed) resolve(stream.errored)
    else stream.once('close', () => resolve(stream.errored))
  })
}

/** Resolves with the value as soon as it has stopped changing. Asks for nothing about time but that a busy side goes on within it. */
export async function settled(value: () => number): Promise<number> {
  let last = value()
  for (let same = 0; same < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    const now = value()
    same = now === last ? same + 1 : 0
    last = now
  }
  return last
}

/** Runs the event loop until something holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1))
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Runs a module in a process of its own, until that ends by itself. */
export async function run(script: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk) => output.push(chunk))
  child.stderr.on('data', (chunk) => output.push(chunk))
  const giveUp = setTimeout(() => child.kill(), 15_000)
  const [code] = await once(child, 'close')
  clearTimeout(giveUp)
  return { code, output: Buffer.concat(output).toString() }
}
