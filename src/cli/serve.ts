import { createServer as createHTTPServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import process from 'node:process'
import { pipeline } from 'node:stream/promises'
import type { ChooseContext } from '../config/client-hello.ts'
import { TLSServerConfiguration } from '../config/server-configuration.ts'
import type { NegotiatedVersion } from '../config/tls-version.ts'
import { createServer } from '../connections.ts'
import { UsageError } from '../errors.ts'
import type { TLSServer } from '../sockets/tls-server.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'
import { chooseBackend } from './backend-choice.ts'
import { describeCertificate } from './certificate-description.ts'
import { reportOf } from './connection-report.ts'
import { readFile, readSigningChain, readTrustStore } from './credentials.ts'
import { formatEndpoint } from './endpoint.ts'
import { ExitCode, UsageFailure } from './exit-code.ts'
import { explain } from './explanation.ts'
import { type FreshCertificate, makeFreshCertificate } from './fresh-certificates.ts'
import { present } from './present.ts'
import { readPreSharedKeys } from './session-files.ts'
import { answerStatus } from './status-page.ts'
import { printable, type Terminal, terminalOn } from './terminal.ts'

/** The options of `polytls serve`, parsed. */
export interface ServeOptions {
  readonly port: number
  readonly host: string
  readonly status?: boolean
  readonly cert?: string
  readonly key?: string
  readonly names?: readonly string[]
  readonly min?: NegotiatedVersion
  readonly max?: NegotiatedVersion
  readonly alpn?: readonly string[]
  readonly clientCa?: string
  readonly earlyData?: number
  readonly psk?: string
  readonly postHandshake?: boolean
  readonly ocsp?: string
  readonly ja4?: boolean
  readonly backend?: string
  readonly json?: boolean
}

/** `polytls serve`: a server for trying things out, until it is interrupted. */
export async function runServe(options: ServeOptions): Promise<ExitCode> {
  const log = terminalOn(process.stderr)
  const given = readSigningChain(options.cert, options.key)
  if (given !== undefined && options.names !== undefined) {
    throw new UsageFailure('--names is for a fresh certificate, and --cert gives one')
  }
  const names = options.names ?? defaultNames(options.host)
  const fresh = given === undefined ? await makeFreshCertificate(names) : undefined
  try {
    const server = makeServer(options, given ?? (fresh as FreshCertificate).chain, log)
    const stopped = stopSignal()
    const address = await listen(server, options)
    announce({ address, fresh, names: given === undefined ? names : undefined, options })
    await stopped
    log.print(log.style.dim('closing'))
    await server.shutdown({ timeoutMilliseconds: 1_000 })
    return ExitCode.OK
  } finally {
    fresh?.remove()
  }
}

function defaultNames(host: string): readonly string[] {
  const everywhere = host === '0.0.0.0' || host === '::'
  return [...new Set(['localhost', '127.0.0.1', '::1', everywhere ? hostname() : host])]
}

type Chain = NonNullable<ReturnType<typeof readSigningChain>>

function makeServer(options: ServeOptions, chain: Chain, log: Terminal): TLSServer {
  const { alpn = options.status ? ['http/1.1'] : undefined, clientCa, min, max, ocsp } = options
  if (options.status && !alpn?.includes('http/1.1')) {
    throw new UsageFailure('--status speaks http/1.1 only', { hint: 'let --alpn include http/1.1' })
  }
  if (options.postHandshake && clientCa === undefined) {
    throw new UsageFailure('--post-handshake needs --client-ca', { hint: 'it says who may vouch for clients' })
  }
  const keys = options.psk === undefined ? undefined : readPreSharedKeys(options.psk)
  const configuration = new TLSServerConfiguration({
    certificateChain: [ocsp === undefined ? chain : { ...chain, ocspResponse: stapleFrom(ocsp) }],
    ...present({
      innerProtocols: alpn,
      lowestSupportedVersion: min,
      highestSupportedVersion: max,
      trustStore: clientCa === undefined ? undefined : readTrustStore('--client-ca', clientCa),
      maxEarlyDataBytes: options.earlyData,
      chooseContext: options.ja4 ? tellFingerprint(log) : undefined,
      findPreSharedKey:
        keys === undefined
          ? undefined
          : (identity: Uint8Array) => keys.find((key) => Buffer.from(key.identity).equals(identity)),
      clientAuthentication: clientCa === undefined || options.postHandshake ? undefined : ('required' as const),
    }),
  })
  const context = chooseBackend(options.backend).serverContext(configuration)
  const serve = options.status ? statusService() : echo
  const server = createServer({ context, allowHalfOpen: true }, (socket) => {
    log.print(connectionLine(socket, log))
    serve(socket)
    if (options.postHandshake) void tellIdentity(socket, log)
  })
  server.on('earlyConnection', (socket) => {
    if (!options.status) socket.on('earlyData', (chunk: Buffer) => socket.writeEarly(chunk))
  })
  // What goes wrong with one client, during its handshake or later, is told in a line and concerns no other.
  server.on('tlsClientError', (error, socket) => log.print(failureLine(socket, error, log)))
  return server
}

/** Whoever renews the file needs no new server; while it is being written, nothing is stapled. */
function stapleFrom(file: string): () => Uint8Array | undefined {
  readFile('--ocsp', file)
  return () => {
    try {
      return readFile('--ocsp', file)
    } catch {
      return undefined
    }
  }
}

/** Chooses nothing: it is only there to look. */
function tellFingerprint(log: Terminal): ChooseContext {
  return async (hello) => {
    // Its hash is of a package that nothing else here needs.
    const { ja4 } = await import('../ja4.ts')
    const name = hello.serverName === undefined ? '' : `  for ${printable(hello.serverName)}`
    log.print(log.style.dim(`a client offers  ${ja4(hello)}${name}`))
    return undefined
  }
}

/** Asks a client who it is; a client that is refused is told of as any failure. */
async function tellIdentity(socket: TLSSocket, log: Terminal): Promise<void> {
  const peer = peerOf(socket)
  try {
    const { chain } = await socket.requestClientCertificate()
    const [client] = chain
    const who = client === undefined ? 'declined' : `is ${printable(describeCertificate(client).subject)}`
    log.print(`${log.style.green(log.symbols.yes)} ${peer}  ${who}`)
  } catch (error) {
    if (error instanceof UsageError) log.print(log.style.dim(`${peer}  ${error.message}`))
  }
}

function echo(socket: TLSSocket): void {
  // Its failure is an event of the server too.
  pipeline(socket, socket).catch(() => {})
}

/** Node's own HTTP server, on TLS sockets. */
function statusService(): (socket: TLSSocket) => void {
  const http = createHTTPServer((request, response) => {
    const socket = request.socket as unknown as TLSSocket
    const report = reportOf(socket.context.backend, socket.facts, socket.times ?? { connect: 0, handshake: 0 })
    answerStatus(request, response, report)
  })
  return (socket) => {
    http.emit('connection', socket)
  }
}

function connectionLine(socket: TLSSocket, { style, symbols }: Terminal): string {
  const { context, facts } = socket
  const report = reportOf(context.backend, facts, { connect: 0, handshake: 0 })
  const [client] = facts.peerChain
  return [
    `${style.green(symbols.yes)} ${peerOf(socket)}`,
    ...[report.version, report.cipherSuite, report.group].filter((each) => each !== null),
    ...(report.serverName === null ? [] : [`for ${printable(report.serverName)}`]),
    ...(report.alpn === null ? [] : [printable(report.alpn)]),
    ...(report.resumed ? ['resumed'] : []),
    ...(report.earlyData === null ? [] : [`early data ${report.earlyData}`]),
    ...(report.preSharedKey === null ? [] : [`by the key ${printable(report.preSharedKey)}`]),
    ...(client === undefined ? [] : [`from ${printable(describeCertificate(client).subject)}`]),
  ].join('  ')
}

function failureLine(socket: TLSSocket, error: Error, { style, symbols }: Terminal): string {
  const { message, code, exitCode } = explain(error, {
    peer: 'the client',
    phase: socket.times === undefined ? 'handshake' : 'data',
  })
  // What the service on top throws, Node's HTTP for instance, has its own code or none.
  const told = exitCode === ExitCode.INTERNAL ? ((error as NodeJS.ErrnoException).code ?? error.name) : code
  return `${style.red(symbols.no)} ${peerOf(socket)}  ${told}  ${printable(exitCode === ExitCode.INTERNAL ? error.message : message)}`
}

function peerOf({ remoteAddress, remotePort }: TLSSocket): string {
  return remoteAddress === undefined ? 'gone' : formatEndpoint({ host: remoteAddress, port: remotePort ?? 0 })
}

function listen(server: TLSServer, { host, port }: ServeOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => resolve(server.address() as AddressInfo))
  })
}

interface Announcement {
  readonly address: AddressInfo
  readonly fresh: FreshCertificate | undefined
  readonly names: readonly string[] | undefined
  readonly options: ServeOptions
}

/** The one line of JSON has `address`, `port`, `ca` (null for a given certificate) and `names`. */
function announce({ address: { address, port }, fresh, names, options }: Announcement): void {
  if (options.json) {
    const ready = { address, port, ca: fresh?.authorityFile ?? null, names: names ?? null }
    process.stdout.write(`${JSON.stringify(ready)}\n`)
    return
  }
  const out = terminalOn(process.stdout)
  const row = (label: string, value: string): string => `${out.style.dim(label.padEnd(11))}${value}`
  out.print(
    row('listening', out.style.bold(formatEndpoint({ host: address, port }))),
    row('service', options.status ? 'status page, HTTP/1.1' : 'echo'),
    ...(names === undefined ? [] : [row('names', names.join(', '))]),
    ...(fresh === undefined ? [] : [row('ca', fresh.authorityFile)]),
    ...(options.clientCa === undefined
      ? []
      : [row('clients', `${options.postHandshake ? 'asked for' : 'only with'} a certificate by ${options.clientCa}`)]),
  )
  const log = terminalOn(process.stderr)
  const target = formatEndpoint({ host: names?.[0] ?? address, port })
  const trust = fresh === undefined ? '' : ` --ca ${fresh.authorityFile}`
  log.print(log.style.dim(`try: polytls connect ${target}${trust}`), log.style.dim('Ctrl-C closes it'), '')
}

/** Resolves at the first signal; the second one then ends the program as ever. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
}
