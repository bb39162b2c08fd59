import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  type Backend,
  type ClientOptions,
  connect,
  createServer,
  type ServerOptions,
  type TLSServer,
  type TLSSocket,
} from 'polytls'
import { hostName } from './identities.ts'

/** Our client, towards a server on this machine that is called `hostName`. */
export function connectTo(backend: Backend, port: number, options: ClientOptions): Promise<TLSSocket> {
  return connect({ backend, host: '127.0.0.1', serverName: hostName, port, ...options })
}

/** Our server on a free port, with what its clients did. */
export class OwnServer implements AsyncDisposable {
  readonly server: TLSServer
  /** Connections and errors in the order in which they came. */
  readonly #events: (TLSSocket | Error)[] = []
  #waiting: (() => void) | undefined

  private constructor(server: TLSServer) {
    this.server = server
    server.on('secureConnection', (socket) => this.#add(socket))
    server.on('tlsClientError', (error) => this.#add(error))
  }

  static async start(backend: Backend, options: ServerOptions): Promise<OwnServer> {
    const own = new OwnServer(createServer({ backend, ...options }))
    own.server.listen(0, '127.0.0.1')
    await once(own.server, 'listening')
    return own
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** The next connection whose handshake is done. Fails when one fails instead. */
  async accepted(): Promise<TLSSocket> {
    const next = await this.#next()
    if (next instanceof Error) throw next
    return next
  }

  /** Why the next connection failed. */
  async refused(): Promise<Error> {
    const next = await this.#next()
    if (next instanceof Error) return next
    throw new Error(`a connection was accepted: ${JSON.stringify(next.facts.version)}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown({ timeoutMilliseconds: 500 })
  }

  async #next(): Promise<TLSSocket | Error> {
    while (this.#events.length === 0) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
    return this.#events.shift() as TLSSocket | Error
  }

  #add(event: TLSSocket | Error): void {
    this.#events.push(event)
    this.#waiting?.()
  }
}

/** Waits until a stream has given a text. */
export async function receives(socket: TLSSocket, expected: string): Promise<void> {
  let text = ''
  while (!text.includes(expected)) {
    const chunk = (socket.read() as Buffer | null)?.toString('latin1')
    if (chunk !== undefined) {
      text += chunk
      continue
    }
    if (socket.readableEnded) throw new Error(`the peer ended after ${JSON.stringify(text)}`)
    await once(socket, socket.readableLength > 0 ? 'data' : 'readable')
  }
}

/** How a stream ends that is read to its end: the text, and the error where there was one. */
export async function readToEnd(socket: TLSSocket): Promise<{ readonly text: string; readonly error?: Error }> {
  let text = ''
  try {
    for await (const chunk of socket) text += (chunk as Buffer).toString('latin1')
    return { text }
  } catch (error) {
    return { text, error: error as Error }
  }
}

/** Closes a connection in good manners, and waits until it is closed. */
export async function finish(socket: TLSSocket): Promise<void> {
  await socket[Symbol.asyncDispose]()
}
