import type { Duplex } from 'node:stream'
import type { Backend } from '../channel/backend.ts'
import type { ClientBufferOptions, ClientContext } from '../channel/context.ts'
import type { TrustStore } from '../config/trust-store.ts'
import { upgrade } from '../connections.ts'
import { tunnel } from '../proxies.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'
import { startTls } from '../starttls.ts'
import { type Endpoint, formatEndpoint } from './endpoint.ts'
import { UsageFailure } from './exit-code.ts'
import { present } from './present.ts'
import type { StartTLSProtocol } from './starttls-protocol.ts'
import { printable, type Terminal } from './terminal.ts'
import { type Transport, timedOut } from './transport.ts'

/** What was said in plain text before TLS. This is part of the object of `--json`, and its properties are API. */
export interface StartTLSReport {
  readonly protocol: string
  /** What the peer told of itself: nobody has vouched for it. */
  readonly learned: unknown
  readonly said: readonly SaidLine[]
  readonly milliseconds: number
}
export interface SaidLine {
  readonly from: 'client' | 'server'
  readonly text: string
}

/** Keeps what is said, and shows it at once where somebody wants to read along. */
export class Transcript {
  readonly lines: SaidLine[] = []
  readonly #terminal: Terminal | undefined

  constructor(terminal: Terminal | undefined) {
    this.#terminal = terminal
  }

  readonly trace = (from: SaidLine['from'], text: string): void => {
    this.lines.push({ from, text })
    if (this.#terminal === undefined) return
    const { style, symbols, print } = this.#terminal
    print(style.dim(`${from === 'client' ? symbols.arrow : symbols.back} ${printable(text)}`))
  }
}

/** TLS on a stream that is connected, behind the dialogue of a protocol where there is one. */
export async function secure(
  stream: Duplex,
  {
    protocol,
    context,
    serverName,
    timeoutMilliseconds,
    trace,
    ...goingOn
  }: ClientBufferOptions & {
    readonly protocol: StartTLSProtocol | undefined
    readonly context: ClientContext
    readonly serverName: string
    readonly timeoutMilliseconds: number
    readonly trace: Transcript['trace']
  },
): Promise<{ readonly socket: TLSSocket; readonly learned: unknown }> {
  const conduct = { context, serverName, allowHalfOpen: true } as const
  if (protocol === undefined) return { socket: await upgrade(stream, { ...conduct, ...goingOn }), learned: undefined }
  const { service, session } = goingOn
  const options = { ...conduct, service, session, dialogueTimeoutMilliseconds: timeoutMilliseconds, trace }
  // What is agreed for the data of FTP is for whoever transfers some.
  if (protocol === 'ftp') return startTls(stream, protocol, { ...options, dialogue: { dataProtection: 'unset' } })
  return startTls(stream, protocol, options)
}

/** Connects through a proxy. */
export async function openTransportThrough(
  endpoint: Endpoint,
  {
    url,
    timeoutMilliseconds,
    trace,
    plainTextFollows,
    tls,
  }: {
    readonly url: string
    readonly timeoutMilliseconds: number
    readonly trace: Transcript['trace']
    readonly plainTextFollows: boolean
    readonly tls: { readonly trustStore: TrustStore | undefined; readonly backend: Backend }
  },
): Promise<Transport> {
  if (!URL.canParse(url)) throw new UsageFailure('--proxy: that is no URL', { hint: 'write http://proxy.example:3128' })
  const { protocol, host } = new URL(url)
  const startedAt = performance.now()
  const giveUp = new AbortController()
  const timer = setTimeout(() => giveUp.abort(timedOut()), timeoutMilliseconds)
  try {
    const proxy = present({
      url,
      trace,
      dialogueTimeoutMilliseconds: timeoutMilliseconds,
      tls: protocol === 'https:' ? present(tls) : undefined,
    })
    const socket = await tunnel({ ...endpoint, proxy, signal: giveUp.signal }, { plainTextFollows })
    const address = `${formatEndpoint(endpoint)} through ${host}`
    return { socket, address, connectMilliseconds: performance.now() - startedAt, lookupMilliseconds: undefined }
  } finally {
    clearTimeout(timer)
  }
}

/** What was learned, as JSON has it: maps as objects, bytes in hexadecimal. */
export function asJSON(learned: unknown): unknown {
  if (learned instanceof Uint8Array) return Buffer.from(learned).toString('hex')
  if (learned instanceof Map)
    return Object.fromEntries([...learned].map(([key, value]) => [String(key), asJSON(value)]))
  if (Array.isArray(learned)) return learned.map(asJSON)
  if (typeof learned !== 'object' || learned === null) return learned
  return Object.fromEntries(Object.entries(learned).map(([key, value]) => [key, asJSON(value)]))
}
