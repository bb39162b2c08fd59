import type { Duplex } from 'node:stream'
import { optionalFunction, optionalWhole, requireObject, requirePort, requireText } from './config/arguments.ts'
import { typeOf } from './config/source.ts'
import { ConfigurationError } from './errors.ts'
import { type ClientSetup, clientContextOf } from './setups.ts'
import { requireSignal } from './sockets/abort.ts'
import { upgradeClient } from './sockets/connect.ts'
import { defaultDialogueTimeoutMilliseconds } from './sockets/dialogue-driver.ts'
import { dial, tunnelOver } from './sockets/tunnel.ts'
import { httpConnect } from './starttls/http-connect.ts'
import { socks5 } from './starttls/socks5.ts'
import type { TunnelTarget } from './starttls/tunnel-target.ts'

/** A proxy to connect through. */
export interface ProxyOptions {
  /**
   * `http://`, `https://` (TLS to the proxy itself) or `socks5://`, with `user:password@` where it wants to know who we are, percent-encoded.
   * The default ports are 80, 443 and 1080. Names are looked up by the proxy. Without TLS to the proxy, the password goes in plain text.
   */
  readonly url: string | URL
  /** How to speak TLS with a proxy of `https://`. Default: as with any server. */
  readonly tls?: ClientSetup | undefined
  /** How long the proxy may take to connect, in milliseconds, without the handshake with the proxy itself. Default: 30,000. */
  readonly dialogueTimeoutMilliseconds?: number | undefined
  /** Is told what is said with the proxy, line by line, without secrets. */
  readonly trace?: ((from: 'client' | 'server', text: string) => void) | undefined
}

/** Where a tunnel is to lead. */
export interface TunnelOptions {
  readonly host: string
  readonly port: number
  readonly proxy: ProxyOptions
  readonly signal?: AbortSignal | undefined
}

/**
 * Connects to a server through a proxy, and gives the plain stream to it: for protocols that begin in plain text, as in
 * `startTls(await openTunnel(…), 'smtp', …)`. Whoever wants TLS at once uses `connect` with `proxy`.
 * @throws ConfigurationError for a URL that cannot be; StartTLSError for a proxy that refuses; errors of the network as Node has them.
 */
export function openTunnel(options: TunnelOptions): Promise<Duplex> {
  return tunnel(options, { plainTextFollows: true })
}

/** As `openTunnel`; where plain text does not follow, there must be none behind the proxy's answer. @internal */
export async function tunnel(options: TunnelOptions, conduct: TunnelConduct): Promise<Duplex> {
  requireObject('openTunnel', options)
  const { proxy, ...target } = options
  requireText('host', target.host)
  requirePort('port', target.port)
  requireSignal(target.signal)
  return prepareProxy(proxy)(target, conduct)
}

export interface TunnelConduct {
  readonly plainTextFollows: boolean
}

/** Connects to a server through one proxy. @internal */
export type OpenTunnel = (target: Omit<TunnelOptions, 'proxy'>, conduct: TunnelConduct) => Promise<Duplex>

/** How to speak with a proxy, prepared for as many tunnels as are wanted. @internal */
export function prepareProxy(proxy: ProxyOptions): OpenTunnel {
  requireObject('proxy', proxy)
  const { scheme, address, credentials } = parseProxy(proxy)
  const {
    tls = {},
    dialogueTimeoutMilliseconds: timeoutMilliseconds = defaultDialogueTimeoutMilliseconds,
    trace,
  } = proxy
  optionalWhole('proxy.dialogueTimeoutMilliseconds', timeoutMilliseconds, { from: 1 })
  optionalFunction('proxy.trace', trace)
  if (scheme !== 'https' && proxy.tls !== undefined) {
    throw new ConfigurationError('proxy.tls', 'is for a proxy of https:// alone')
  }
  const context = scheme === 'https' ? clientContextOf(tls) : undefined
  return async ({ host, port, signal }, conduct) => {
    const plain = dial(address.host, address.port, signal)
    const stream =
      context === undefined
        ? plain
        : await upgradeClient(context, plain, address.host, { allowHalfOpen: true, signal }).secured()
    const target: TunnelTarget = { host, port, credentials }
    const bounds = { timeoutMilliseconds, signal, trace, ...conduct }
    await tunnelOver(stream, scheme === 'socks5' ? socks5 : httpConnect, target, bounds)
    return stream
  }
}

const defaultPorts = { http: 80, https: 443, socks5: 1080 } as const

function parseProxy({ url: given }: ProxyOptions): {
  readonly scheme: keyof typeof defaultPorts
  readonly address: { readonly host: string; readonly port: number }
  readonly credentials: TunnelTarget['credentials']
} {
  if (typeof given !== 'string' && !(given instanceof URL))
    throw new TypeError(`proxy.url: expected a string or a URL, got ${typeOf(given)}`)
  try {
    const { protocol, hostname, port, username, password, pathname, search } = new URL(given)
    const scheme = schemes.get(protocol)
    if (scheme !== undefined && hostname !== '' && /^\/?$/.test(pathname + search)) {
      const host = hostname.replace(/^\[(.*)\]$/, '$1')
      return {
        scheme,
        address: { host, port: port === '' ? defaultPorts[scheme] : Number(port) },
        credentials:
          username === ''
            ? undefined
            : { username: decodeURIComponent(username), password: decodeURIComponent(password) },
      }
    }
  } catch {
    // Neither the URL nor what is wrong with it is repeated: there may be a password in it.
  }
  throw new ConfigurationError(
    'proxy.url',
    'is not of the form http://, https:// or socks5://[user:password@]host[:port], percent-encoded',
  )
}

/** With socks5h, some programs say that the proxy is to look names up; here it always does. */
const schemes: ReadonlyMap<string, keyof typeof defaultPorts> = new Map([
  ['http:', 'http'],
  ['https:', 'https'],
  ['socks5:', 'socks5'],
  ['socks5h:', 'socks5'],
])
