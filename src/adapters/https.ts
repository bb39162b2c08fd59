/** `node:https`: an agent for its clients, and for all libraries that take one (`ws`, axios, got, …), and servers. */
import * as http from 'node:http'
import * as https from 'node:https'
import type { Duplex } from 'node:stream'
import { optionalFunction, optionalObject, requireObject } from '../config/arguments.ts'
import type { CreateServerOptions } from '../connections.ts'
import { refuseForeignOptions } from './foreign-options.ts'
import { type AdapterOptions, Opening } from './openings.ts'
import { type Secured, secureServer } from './servers.ts'

export type { AdapterOptions } from './openings.ts'
export type { Secured } from './servers.ts'

/**
 * An agent of `node:https` whose connections are ours, with all that an agent does: keeping connections alive, pooling, limits. Options of
 * `node:tls` in a request, as `ca` or `rejectUnauthorized: false`, are refused, because nobody would heed them; `servername` is heeded.
 */
export class HTTPSAgent extends https.Agent {
  readonly #opening: Opening

  /** @throws ConfigurationError for what the backend cannot do. */
  constructor(options: AdapterOptions, agentOptions: http.AgentOptions = {}) {
    requireObject('HTTPSAgent', options)
    super(agentOptions)
    this.#opening = new Opening(options, { innerProtocols: ['http/1.1'] })
  }

  /** Called by Node. @internal */
  override createConnection(
    options: https.RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex {
    try {
      refuseForeignOptions(options, 'request')
      const { host, port, servername } = options
      const target = { host: host ?? 'localhost', port: Number(port ?? 443), serverName: servername || undefined }
      return this.#opening.socket(target)
    } catch (error) {
      // The agent would throw it at whoever makes the next request, or into the event loop.
      process.nextTick(() => callback?.(error as Error, undefined as unknown as Duplex))
      return undefined as unknown as Duplex
    }
  }
}

/**
 * A server as of `https.createServer`, whose TLS is ours: `req.socket` is a TLSSocket. It offers HTTP/1.1, where the options have no
 * `innerProtocols`. Clients whose handshake fails are told of by `tlsClientError`. More stands with `secureServer`.
 */
export function createHTTPSServer(
  options: CreateServerOptions & { readonly http?: http.ServerOptions | undefined },
  listener?: http.RequestListener,
): http.Server & Secured {
  requireObject('createHTTPSServer', options)
  const { http: httpOptions = {}, ...setup } = options
  optionalObject('http', httpOptions)
  optionalFunction('listener', listener)
  const server = http.createServer(httpOptions, listener)
  return secureServer(server, setup.context === undefined ? { innerProtocols: ['http/1.1'], ...setup } : setup)
}
