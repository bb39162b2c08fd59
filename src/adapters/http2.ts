/** `node:http2`: connections for its clients, and servers. */
import * as http2 from 'node:http2'
import type { Duplex } from 'node:stream'
import { optionalFunction, optionalObject, requireObject } from '../config/arguments.ts'
import type { CreateServerOptions } from '../connections.ts'
import { NegotiationError } from '../errors.ts'
import { TLSSocket } from '../sockets/tls-socket.ts'
import { type AdapterOptions, Opening, targetOf } from './openings.ts'
import { type Secured, secureServer } from './servers.ts'

export type { AdapterOptions } from './openings.ts'
export type { Secured } from './servers.ts'

/**
 * For the option `createConnection` of `http2.connect`. A server that does not agree to HTTP/2 is an error, which RFC 9113, Section 3.2,
 * demands: ALPN has to have named it.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function http2Connection(options: AdapterOptions): (authority: URL) => Duplex {
  requireObject('http2Connection', options)
  const opening = new Opening(options, { innerProtocols: ['h2'] })
  return (authority) => {
    const { protocol } = authority
    if (protocol !== 'https:') throw new TypeError(`http2Connection: ${protocol} is not https:`)
    const socket = opening.socket(targetOf(authority))
    socket.prependOnceListener('secureConnect', () => {
      if (socket.alpnProtocol === 'h2') return
      socket.destroy(new NegotiationError('inner-protocol', 'the server did not agree to the protocol h2 (ALPN)'))
    })
    return socket
  }
}

/**
 * A server as of `http2.createSecureServer`, whose TLS is ours. It offers HTTP/2 by ALPN, and HTTP/1.1 with `http2: { allowHTTP1: true }`,
 * where the options have no `innerProtocols`. More stands with `secureServer`.
 */
export function createHTTP2Server(
  options: CreateServerOptions & {
    readonly http2?: Omit<http2.SecureServerOptions, 'ALPNProtocols' | 'ca' | 'cert' | 'key' | 'pfx'> | undefined
  },
  listener?: (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void,
): http2.Http2SecureServer & Secured {
  requireObject('createHTTP2Server', options)
  const { http2: http2Options = {}, ...setup } = options
  optionalObject('http2', http2Options)
  optionalFunction('listener', listener)
  const server = http2.createSecureServer(http2Options, listener)
  server.on('session', tellOfTLS)
  const innerProtocols = http2Options.allowHTTP1 ? ['h2', 'http/1.1'] : ['h2']
  return secureServer(server, setup.context === undefined ? { innerProtocols, ...setup } : setup)
}

/**
 * Node puts a stream that is not its own into a socket of its own, which knows of no address and no TLS. Programs see it as `socket` of
 * their requests, so it gets to know.
 */
function tellOfTLS(session: http2.Http2Session): void {
  // `socket` stands for the real one, which only its own methods give away.
  const socket = session.socket.off('close', ignore) as unknown as { readonly stream?: unknown }
  const { stream } = socket
  if (!(stream instanceof TLSSocket)) return
  for (const name of told) {
    const value = stream[name]
    const get = typeof value === 'function' ? () => value.bind(stream) : () => stream[name]
    Object.defineProperty(socket, name, { configurable: true, get })
  }
}

const told = [
  'alpnProtocol',
  'authorized',
  'earlyData',
  'encrypted',
  'facts',
  'getCipher',
  'getPeerCertificate',
  'getPeerX509Certificate',
  'getProtocol',
  'isSessionReused',
  'localAddress',
  'localPort',
  'remoteAddress',
  'remoteFamily',
  'remotePort',
  'servername',
] as const satisfies readonly (keyof TLSSocket)[]

function ignore(): void {}
