import type { AddressInfo, Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Stack } from './stacks.js'

/**
 * Full handshakes a second over TCP, eight at a time. Each connection is closed by its client as soon as both ends are secured: in TLS 1.3 the
 * client is before its server, and one of `node:tls` that were destroyed then would not even send its Finished.
 */
export async function handshakesPerSecond(stack: Stack, count: number): Promise<number> {
  const ends = new Ends()
  const onServer = (stream: Duplex): void => ends.arrive((stream as Socket).remotePort)
  return withServer(stack, onServer, async (port) => {
    let left = count
    const start = performance.now()
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        await new Promise<void>((resolve, reject) => {
          const stream = stack.connect(port, (connected) => {
            ends.arrive((connected as Socket).localPort, () => {
              connected.destroy()
              resolve()
            })
          })
          stream.on('error', reject)
        })
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    return (count / (performance.now() - start)) * 1000
  })
}

/** Brings the two ends of a connection together, by the client's port. */
class Ends {
  readonly #waiting = new Map<number | undefined, () => void>()

  /** Whichever end comes second does what the client has left to do. */
  arrive(port: number | undefined, leave: () => void = ignore): void {
    const first = this.#waiting.get(port)
    if (first === undefined) this.#waiting.set(port, leave)
    else {
      this.#waiting.delete(port)
      first()
      leave()
    }
  }
}

/** Megabytes (10^6) a second in one direction. */
export async function megabytesPerSecond(stack: Stack, direction: 'up' | 'down', megabytes: number): Promise<number> {
  const total = megabytes * 1e6
  let arrived: () => void = ignore
  const done = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const count = (stream: Duplex): void => {
    let received = 0
    stream.on('data', (chunk: Uint8Array) => {
      received += chunk.byteLength
      if (received >= total) arrived()
    })
  }
  const [atServer, atClient] =
    direction === 'up'
      ? [count, (stream: Duplex) => fill(stream, total)]
      : [(stream: Duplex) => fill(stream, total), count]
  return withServer(stack, atServer, async (port) => {
    const stream = await connected(stack, port)
    const start = performance.now()
    atClient(stream)
    await done
    const seconds = (performance.now() - start) / 1000
    stream.destroy()
    return megabytes / seconds
  })
}

/** The same towards a server that runs elsewhere. Upwards it ends when everything has been handed to the kernel. */
export async function megabytesTo(
  stack: Stack,
  port: number,
  direction: 'up' | 'down',
  megabytes: number,
): Promise<number> {
  const total = megabytes * 1e6
  const stream = await connected(stack, port)
  const start = performance.now()
  await new Promise<void>((resolve) => {
    if (direction === 'down') {
      let received = 0
      stream.on('data', (chunk: Uint8Array) => {
        received += chunk.byteLength
        if (received >= total) resolve()
      })
    } else {
      fill(stream, total, () => stream.end(resolve))
    }
  })
  const seconds = (performance.now() - start) / 1000
  stream.destroy()
  return megabytes / seconds
}

function fill(stream: Duplex, total: number, written: () => void = ignore): void {
  const chunk = Buffer.alloc(65_536, 7)
  let sent = 0
  const write = (): void => {
    while (sent < total) {
      sent += chunk.byteLength
      if (stream.write(chunk)) continue
      stream.once('drain', write)
      return
    }
    written()
  }
  stream.on('error', ignore)
  write()
}

/** The time of a round trip of 64 bytes, in microseconds. */
export async function roundTripMicroseconds(stack: Stack, count: number): Promise<{ p50: number; p99: number }> {
  const echo = (stream: Duplex): void => {
    stream.on('data', (chunk) => stream.write(chunk))
  }
  return withServer(stack, echo, async (port) => {
    const stream = await connected(stack, port)
    const message = Buffer.alloc(64, 7)
    const times: number[] = []
    let sentAt = 0
    await new Promise<void>((resolve) => {
      stream.on('data', () => {
        times.push(performance.now() - sentAt)
        if (times.length === count) return resolve()
        sentAt = performance.now()
        stream.write(message)
      })
      sentAt = performance.now()
      stream.write(message)
    })
    stream.destroy()
    times.sort((a, b) => a - b)
    return { p50: (times[count >> 1] ?? 0) * 1000, p99: (times[Math.floor(count * 0.99)] ?? 0) * 1000 }
  })
}

export function connected(stack: Stack, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const stream = stack.connect(port, resolve)
    stream.on('error', reject)
  })
}

export async function withServer<T>(
  stack: Stack,
  onConnection: (stream: Duplex) => void,
  use: (port: number) => Promise<T>,
): Promise<T> {
  const open = new Set<Duplex>()
  const server = stack.createServer((stream) => {
    open.add(stream)
    stream.on('error', ignore)
    stream.on('close', () => open.delete(stream))
    onConnection(stream)
  })
  // Clients that leave at once are no failure here.
  server.on('tlsClientError', ignore)
  const port = await listen(server)
  try {
    return await use(port)
  } finally {
    for (const stream of open) stream.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))
}

function ignore(): void {}
