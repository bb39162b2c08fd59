import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  type Backend,
  type ClientOptions,
  connect,
  createServer,
  type NegotiatedVersion,
  type ServerOptions,
  type TLSServer,
  type TLSSocket,
} from 'polytls'
import { hostName } from './identities.ts'
import { patiently } from './patience.ts'
import type { Program } from './program.ts'

export const versions = ['TLSv1.2', 'TLSv1.3'] as const satisfies readonly NegotiatedVersion[]

/** Our client, towards a server on this machine that is called `hostName`. */
export async function connectTo(backend: Backend, port: number, options: ClientOptions): Promise<TLSSocket> {
  const socket = await connect({ backend, host: '127.0.0.1', serverName: hostName, port, ...options })
  return unwatched(socket)
}

/** Our server on a free port, with what its clients did. */
export class OwnServer implements AsyncDisposable {
  readonly server: TLSServer
  /** Connections, and errors of handshakes, in the order in which they came. */
  readonly #events: (TLSSocket | Error)[] = []
  #waiting: (() => void) | undefined

  private constructor(server: TLSServer) {
    this.server = server
    server.on('secureConnection', (socket) => this.#add(unwatched(socket)))
    server.on('tlsClientError', (error, socket) => {
      if (socket.times === undefined) this.#add(error)
    })
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
    await patiently('our server to close', this.server.shutdown({ timeoutMilliseconds: 500 }))
  }

  async #next(): Promise<TLSSocket | Error> {
    while (this.#events.length === 0) {
      const change = new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
      await patiently('a client', change)
    }
    return this.#events.shift() as TLSSocket | Error
  }

  #add(event: TLSSocket | Error): void {
    this.#events.push(event)
    this.#waiting?.()
  }
}

/** When a test fails, its peers die, and sockets see errors that say nothing about why; only those count that somebody waits for. */
function unwatched(socket: TLSSocket): TLSSocket {
  return socket.on('error', () => {})
}

/** Waits until a stream has given a text. */
export async function receives(socket: TLSSocket, expected: string): Promise<void> {
  let text = ''
  while (!text.includes(expected)) {
    const chunk = socket.read() as Buffer | null
    if (chunk !== null) text += chunk.toString('latin1')
    else if (socket.readableEnded || socket.destroyed) throw new Error(`ended after ${JSON.stringify(text)}`)
    else await patiently(`${JSON.stringify(expected)}, having ${JSON.stringify(text)}`, once(socket, 'readable'))
  }
}

/** How a stream ends that is read to its end: the text, and the error where there was one. */
export async function readToEnd(socket: TLSSocket): Promise<{ readonly text: string; readonly error?: Error }> {
  let text = ''
  const read = async (): Promise<void> => {
    for await (const chunk of socket) text += (chunk as Buffer).toString('latin1')
  }
  try {
    await patiently('the end of a stream', read())
    return { text }
  } catch (error) {
    return { text, error: error as Error }
  }
}

/**
 * Why a connection failed, `undefined` where it did not: in TLS 1.3 a client learns only by reading that the server did not want it.
 */
export async function failureOf(connecting: Promise<TLSSocket>): Promise<Error | undefined> {
  try {
    const socket = await patiently('a connection', connecting)
    return (await readToEnd(socket)).error
  } catch (error) {
    return error as Error
  }
}

/** A line in each direction, between a socket of ours and a program whose standard input and output are the other side. */
export async function exchange(socket: TLSSocket, peer: Program): Promise<void> {
  const number = ++exchanges
  socket.write(`line ${number} of ours\n`)
  await peer.reports(new RegExp(`^line ${number} of ours$`, 'm'))
  peer.stdin.write(`line ${number} of theirs\n`)
  await receives(socket, `line ${number} of theirs\n`)
}
let exchanges = 0

/** Closes a connection in good manners, and waits until it is closed. */
export async function finish(socket: TLSSocket): Promise<void> {
  await patiently('a connection to close', socket[Symbol.asyncDispose]())
}
