import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import type { ClientContext } from '../channel/context.ts'
import { parseServerName } from '../channel/server-name.ts'
import { optionalWhole } from '../config/arguments.ts'
import type { ProxyOptions } from '../proxies.ts'
import { type ClientSetup, clientContextOf } from '../setups.ts'
import type { Destination } from '../sockets/connect.ts'
import { PromisedSocket } from '../sockets/promised-socket.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'
import { Way } from '../ways.ts'

/** How a library's connections come to be: TLS's own configuration, and the way to the server. */
export type AdapterOptions = ClientSetup &
  Pick<Destination, 'serverName' | 'transport'> & {
    /** A proxy to connect through; then `transport` is not for it. Default: none. */
    readonly proxy?: ProxyOptions | undefined
    /**
     * How long it may take until a connection is secured, in milliseconds: the way through a proxy, what is said in plain text, and the
     * handshake. 0: as long as the network and the handshake's own time allow. Default: 10,000.
     */
    readonly connectTimeoutMilliseconds?: number | undefined
  }

/** Where a library wants to go. */
export interface Target {
  readonly host: string
  readonly port: number
  /** As whom the library expects the server, where that is not `host`. What the program has configured goes before it. */
  readonly serverName?: string | undefined
}

/** Where a URL leads, as libraries tell its parts: an address of IPv6 in brackets, and no port where it is that of `https:`. */
export function targetOf({ hostname, port }: Pick<URL, 'hostname' | 'port'>): Target {
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? 443 : Number(port) }
}

/** Opens the connections of a library, all of one context, whose sessions they resume. */
export class Opening {
  readonly context: ClientContext
  readonly #endsByItself: boolean
  readonly #options: Pick<AdapterOptions, 'serverName' | 'transport' | 'connectTimeoutMilliseconds'>
  readonly #way: Way

  /**
   * `innerProtocols` holds where the program has said nothing of the kind. `endsByItself` says that what is spoken inside tells where it
   * ends, so that a peer which closes after us without close_notify takes nothing away.
   * @throws ConfigurationError for what the backend cannot do.
   */
  constructor(
    { serverName, transport, proxy, connectTimeoutMilliseconds, ...setup }: AdapterOptions,
    {
      innerProtocols,
      endsByItself = false,
    }: { readonly innerProtocols?: readonly string[] | undefined; readonly endsByItself?: boolean } = {},
  ) {
    if (serverName !== undefined) parseServerName(serverName)
    optionalWhole('connectTimeoutMilliseconds', connectTimeoutMilliseconds, { from: 0 })
    this.#endsByItself = endsByItself
    this.#options = { serverName, transport, connectTimeoutMilliseconds }
    const speaksNothing = setup.context !== undefined || innerProtocols === undefined
    this.context = clientContextOf(speaksNothing ? setup : { innerProtocols, ...setup })
    this.#way = new Way(this.context, { proxy, transport })
  }

  /** The name that the certificate has to be for. */
  serverNameOf({ host, serverName }: Pick<Target, 'host' | 'serverName'>): string {
    return this.#options.serverName ?? serverName ?? host
  }

  /** A secured socket. */
  open(target: Target, givenUp?: AbortSignal): Promise<TLSSocket> {
    const { host, port } = target
    const to = { host, port, serverName: this.serverNameOf(target) }
    return this.inTime(target, async (signal) => this.made(await this.#way.open({ ...to, signal })), givenUp)
  }

  /** A socket at once, which is secured later. */
  socket(target: Target): TLSSocket {
    const { host, port } = target
    const socket = this.made(this.#way.socket({ host, port, serverName: this.serverNameOf(target) }))
    const stop = this.#clock(target, (error) => socket.destroy(error))
    socket.once('secureConnect', stop).once('close', stop)
    return socket
  }

  /** A socket that was made otherwise, as one of this library's. */
  made(socket: TLSSocket): TLSSocket {
    return this.#endsByItself ? socket.acceptAbruptEnd() : socket
  }

  /** A connection in plain text, for what is said before TLS. */
  plain({ host, port }: Target, signal?: AbortSignal): Promise<Duplex> {
    const { tunnel } = this.#way
    if (tunnel !== undefined) return tunnel({ host, port, signal }, { plainTextFollows: true })
    const { transport } = this.#options
    return new Promise((resolve, reject) => {
      const socket = net.connect({ noDelay: true, ...transport, host, port })
      const abort = (): void => {
        socket.destroy(signal?.reason)
      }
      const forget = (): void => {
        signal?.removeEventListener('abort', abort)
        socket.off('error', fail).off('connect', succeed)
      }
      const fail = (error: Error): void => {
        forget()
        reject(error)
      }
      const succeed = (): void => {
        forget()
        resolve(socket)
      }
      signal?.addEventListener('abort', abort)
      socket.on('error', fail).on('connect', succeed)
    })
  }

  promised(open: (signal: AbortSignal) => Promise<Duplex>): PromisedSocket {
    return new PromisedSocket().open(open)
  }

  /** What `open` gives, unless it takes too long or is given up; the signal says so. */
  async inTime<S>(target: Target, open: (signal: AbortSignal) => Promise<S>, givenUp?: AbortSignal): Promise<S> {
    const ended = new AbortController()
    const giveUp = (): void => ended.abort(givenUp?.reason)
    if (givenUp?.aborted) giveUp()
    else givenUp?.addEventListener('abort', giveUp, { once: true })
    const stop = this.#clock(target, (error) => ended.abort(error))
    try {
      return await open(ended.signal)
    } finally {
      stop()
      givenUp?.removeEventListener('abort', giveUp)
    }
  }

  #clock({ host, port }: Target, tooLate: (error: Error) => void): () => void {
    const { connectTimeoutMilliseconds = 10_000 } = this.#options
    if (connectTimeoutMilliseconds === 0) return () => {}
    const timer = setTimeout(() => {
      const message = `no secured connection to ${host}:${port} within ${connectTimeoutMilliseconds} ms`
      tooLate(Object.assign(new Error(message), { code: 'ETIMEDOUT', syscall: 'connect' }))
    }, connectTimeoutMilliseconds)
    return () => clearTimeout(timer)
  }
}
