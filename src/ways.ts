import { requireBufferOptions } from './channel/buffer-options.ts'
import type { ClientContext } from './channel/context.ts'
import { parseServerName } from './channel/server-name.ts'
import { optionalObject } from './config/arguments.ts'
import { ConfigurationError } from './errors.ts'
import { type OpenTunnel, type ProxyOptions, prepareProxy } from './proxies.ts'
import { connectTo, type Destination, requireDestination, serviceOf, upgradeClient } from './sockets/connect.ts'
import { PromisedSocket } from './sockets/promised-socket.ts'
import type { TLSSocket } from './sockets/tls-socket.ts'

/** What lies between us and servers. */
export interface WayOptions extends Pick<Destination, 'transport'> {
  readonly proxy?: ProxyOptions | undefined
}

/** The way to servers, by TCP or through a proxy: prepared once, for as many connections of one context as are wanted. */
export class Way {
  /** Leads to a server in plain text; `undefined` where there is no proxy. */
  readonly tunnel: OpenTunnel | undefined
  readonly #context: ClientContext
  readonly #transport: Destination['transport']

  /** @throws ConfigurationError for a proxy that cannot be, and for options of TCP where there is one. */
  constructor(context: ClientContext, { proxy, transport }: WayOptions) {
    optionalObject('transport', transport)
    if (proxy !== undefined && transport !== undefined)
      throw new ConfigurationError('transport', 'is not for a connection through a proxy')
    this.tunnel = proxy === undefined ? undefined : prepareProxy(proxy)
    this.#context = context
    this.#transport = transport
  }

  /** A socket at once, which is secured later. */
  socket(destination: Omit<Destination, 'transport'>): TLSSocket {
    const { tunnel } = this
    if (tunnel === undefined) return connectTo(this.#context, { ...destination, transport: this.#transport })
    const { host, port, serverName, ...options } = whole(destination, this.#context)
    const stream = new PromisedSocket().open((signal) => tunnel({ host, port, signal }, { plainTextFollows: false }))
    return upgradeClient(this.#context, stream, serverName, options)
  }

  /** A socket that is secured. */
  async open(destination: Omit<Destination, 'transport'>): Promise<TLSSocket> {
    const { tunnel } = this
    if (tunnel === undefined) return this.socket(destination).secured()
    const { host, port, serverName, ...options } = whole(destination, this.#context)
    const stream = await tunnel({ host, port, signal: options.signal }, { plainTextFollows: false })
    return upgradeClient(this.#context, stream, serverName, options).secured()
  }
}

/** With its defaults. A name that cannot be is known before anything goes over the network. */
function whole(
  destination: Omit<Destination, 'transport'>,
  context: ClientContext,
): typeof destination & { readonly serverName: string } {
  requireDestination(destination)
  const { serverName = destination.host, service = serviceOf(destination) } = destination
  parseServerName(serverName)
  requireBufferOptions(destination, context.backend)
  return { ...destination, serverName, service }
}
