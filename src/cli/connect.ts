import { X509Certificate } from 'node:crypto'
import { appendFileSync, fstatSync, openSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { isatty } from 'node:tty'
import type { Backend } from '../channel/backend.ts'
import type { ClientBufferOptions, ClientContext } from '../channel/context.ts'
import { parseServerName } from '../channel/server-name.ts'
import { TLSClientConfiguration } from '../config/client-configuration.ts'
import type { Session } from '../config/session.ts'
import type { NegotiatedVersion } from '../config/tls-version.ts'
import { AlertReceivedError, CertificateError } from '../errors.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'
import { chooseBackend } from './backend-choice.ts'
import { describeCertificate } from './certificate-description.ts'
import { printExplanation } from './command-line.ts'
import {
  type ConnectionReport,
  type ConnectionSurroundings,
  renderChain,
  renderReport,
  reportOf,
} from './connection-report.ts'
import { readSigningChain, readTrustStore } from './credentials.ts'
import { type Endpoint, formatEndpoint, parseEndpoint } from './endpoint.ts'
import { ExitCode, UsageFailure } from './exit-code.ts'
import type { Expectation } from './expectation.ts'
import { type Explanation, explain, type Scene } from './explanation.ts'
import { asJSON, openTransportThrough, secure, Transcript } from './plain-phase.ts'
import { present } from './present.ts'
import { readEarlyData, readPreSharedKeys, readSession, SessionFile } from './session-files.ts'
import { defaultPortOf, protocolOf, type StartTLSProtocol } from './starttls-protocol.ts'
import { type Terminal, terminalOn } from './terminal.ts'
import { runTransfer } from './transfer.ts'
import { openTransport, type Transport } from './transport.ts'

/** The options of `polytls connect`, parsed. */
export interface ConnectOptions {
  readonly alpn?: readonly string[]
  readonly min?: NegotiatedVersion
  readonly max?: NegotiatedVersion
  readonly groups?: readonly number[]
  readonly ciphers?: readonly number[]
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly sni?: string
  readonly save?: string
  readonly backend?: string
  readonly keylog?: string
  readonly timeout: number
  readonly expect?: readonly Expectation[]
  readonly json?: boolean
  readonly interactive?: boolean
  readonly keepOpen?: boolean
  readonly crlf?: boolean
  readonly starttls?: StartTLSProtocol | 'by-port'
  readonly proxy?: string
  readonly verbose?: boolean
  readonly sessionIn?: string
  readonly sessionOut?: string
  readonly earlyData?: string
  readonly psk?: string
  readonly postHandshake?: boolean
  readonly ocsp?: 'soft' | 'hard'
}

/** `polytls connect`: verifies a server, tells what was agreed, and is a client where stdin says so. */
export async function runConnect(text: string, options: ConnectOptions): Promise<ExitCode> {
  const scene: { -readonly [K in keyof Scene]: Scene[K] } = {
    phase: 'start',
    highestVersion: options.max,
    backend: options.backend?.toLowerCase(),
  }
  let open: TLSSocket | undefined
  try {
    if (options.json && options.interactive) throw new UsageFailure('--json and --interactive both want stdout')
    const goingOn = readGoingOn(options)
    const endpoint = parseEndpoint(text, defaultPortOf(options.starttls))
    scene.peer = options.proxy === undefined ? formatEndpoint(endpoint) : 'the proxy'
    const protocol = options.starttls && protocolOf(endpoint, options.starttls)
    const context = contextFor(options)
    const serverName = options.sni ?? endpoint.host
    parseServerName(serverName)
    scene.phase = 'connect'
    const terminal = options.verbose ? terminalOn(process.stderr) : undefined
    const transport = await reach(endpoint, { context, options, trace: new Transcript(terminal).trace })
    scene.peer = formatEndpoint(endpoint)
    scene.phase = 'handshake'
    const startedAt = performance.now()
    const { lines: said, trace } = new Transcript(terminal)
    const { socket, learned } = await secure(transport.socket, {
      protocol,
      context,
      serverName,
      timeoutMilliseconds: options.timeout,
      trace,
      service: formatEndpoint(endpoint),
      ...goingOn,
    })
    open = socket
    const { sessionOut } = options
    const sessionFile = sessionOut === undefined ? undefined : new SessionFile(sessionOut)
    if (sessionFile !== undefined) socket.on('session', (session: Session) => sessionFile.write(session))
    const spent = performance.now() - startedAt
    const handshake = protocol === undefined ? spent : (socket.times?.handshake ?? spent)
    save(socket.facts.peerChain, options.save)
    const milliseconds = { connect: transport.connectMilliseconds, handshake }
    const starttls =
      protocol === undefined ? null : { protocol, learned: asJSON(learned), said, milliseconds: spent - handshake }
    const report = reportOf(context.backend, socket.facts, milliseconds, starttls)
    scene.phase = 'data'
    const connection = { socket, report, surroundings: surroundingsOf(context.backend, transport), sessionFile }
    if (actsAsClient(options)) return await converse(connection, options, scene)
    return await tell(connection, options, scene)
  } catch (error) {
    // Else the process would stay for as long as the server does.
    open?.destroy()
    return fail(explain(error instanceof CertificateError ? settle(error, options) : error, scene), options)
  }
}

/** What an earlier connection left, and what is to be said with it at once. */
function readGoingOn({ sessionIn, earlyData, starttls }: ConnectOptions): ClientBufferOptions {
  if (starttls !== undefined && earlyData !== undefined)
    throw new UsageFailure('--early-data is not for --starttls: a client has to listen there before it may speak')
  if (earlyData !== undefined && sessionIn === undefined)
    throw new UsageFailure('--early-data needs a session', { hint: 'give one with --session-in' })
  return {
    session: sessionIn === undefined ? undefined : readSession(sessionIn),
    earlyData: earlyData === undefined ? undefined : readEarlyData(earlyData),
  }
}

/** Connects, through a proxy where there is one. */
function reach(
  endpoint: Endpoint,
  { context, options, trace }: { context: ClientContext; options: ConnectOptions; trace: Transcript['trace'] },
): Promise<Transport> {
  const { proxy: url, timeout: timeoutMilliseconds, starttls } = options
  if (url === undefined) return openTransport(endpoint, timeoutMilliseconds)
  const { backend, configuration } = context
  return openTransportThrough(endpoint, {
    url,
    timeoutMilliseconds,
    trace,
    plainTextFollows: starttls !== undefined,
    tls: { trustStore: configuration.trustStore, backend },
  })
}

/** Does with a refused chain what was asked for, and answers what to tell: the refusal, or that it could not be saved. */
function settle(refusal: CertificateError, options: ConnectOptions): unknown {
  try {
    save(refusal.peerChain, options.save)
  } catch (error) {
    return error
  }
  if (!options.json) showRefused(refusal)
  return refusal
}

/** What was refused: a person may recognize it, or see at a glance what is wrong with it. */
function showRefused({ peerChain }: CertificateError): void {
  if (peerChain.length === 0) return
  const terminal = terminalOn(process.stderr)
  const title = terminal.style.red(`${terminal.symbols.no} not verified`)
  terminal.print(
    `${title}: this is what the peer sent`,
    '',
    ...renderChain(peerChain.map(describeCertificate), terminal),
    '',
  )
}

interface Connection {
  readonly socket: TLSSocket
  readonly report: ConnectionReport
  readonly surroundings: ConnectionSurroundings
  readonly sessionFile: SessionFile | undefined
}

/** Only tells about the connection. */
async function tell(
  { socket, report, surroundings, sessionFile }: Connection,
  options: ConnectOptions,
  scene: Scene,
): Promise<ExitCode> {
  const refusal = (await partFrom(socket, Math.min(options.timeout, partingMilliseconds))) ?? sessionFile?.failure
  if (options.json) {
    if (refusal !== undefined) return fail(explain(refusal, scene), options)
    process.stdout.write(`${JSON.stringify(report)}\n`)
  } else {
    const terminal = terminalOn(process.stdout)
    terminal.print(...renderReport(report, surroundings, terminal))
    if (refusal !== undefined) return fail(explain(refusal, scene), options)
  }
  return checkExpectations(report, options.expect ?? [])
}

/** Is a client: stdin to the peer, the peer to stdout. What there is to tell goes to stderr. */
async function converse(
  { socket, report, surroundings, sessionFile }: Connection,
  options: ConnectOptions,
  scene: Scene,
): Promise<ExitCode> {
  const terminal = terminalOn(process.stderr)
  terminal.print(...renderReport(report, surroundings, terminal), '')
  // Checked before anything is sent.
  const verdict = checkExpectations(report, options.expect ?? [])
  if (verdict !== ExitCode.OK) {
    await partFrom(socket, partingMilliseconds)
    return verdict
  }
  const { keepOpen = false, crlf = false } = options
  const exitCode = await runTransfer(socket, { keepOpen, crlf, terminal })
  return sessionFile?.failure === undefined ? exitCode : fail(explain(sessionFile.failure, scene), options)
}

function fail(explanation: Explanation, options: ConnectOptions): ExitCode {
  const { exitCode, ...error } = explanation
  if (options.json) process.stdout.write(`${JSON.stringify({ error })}\n`)
  else printExplanation(explanation, terminalOn(process.stderr))
  return exitCode
}

function checkExpectations(report: ConnectionReport, expectations: readonly Expectation[]): ExitCode {
  const violations = expectations.flatMap(({ text, violation }) => {
    const actual = violation(report)
    return actual === undefined ? [] : [`polytls: expected ${text}, but it is ${actual}`]
  })
  if (violations.length === 0) return ExitCode.OK
  const { style, print }: Terminal = terminalOn(process.stderr)
  print(...violations.map(style.red))
  return ExitCode.EXPECTATION
}

/**
 * Closes, and listens for a moment to what the peer has to say to that. With TLS 1.3 a client has finished before the server has
 * seen its certificate: that the server refuses it comes only now. RFC 9846, Section 4.4.2.4.
 */
function partFrom(socket: TLSSocket, milliseconds: number): Promise<AlertReceivedError | undefined> {
  return new Promise((resolve) => {
    let refusal: AlertReceivedError | undefined
    const timer = setTimeout(() => socket.destroy(), milliseconds)
    socket.on('error', (error) => {
      if (error instanceof AlertReceivedError) refusal = error
    })
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(refusal)
    })
    socket.resume()
    socket.end()
  })
}
/** A peer that neither answers close_notify nor hangs up has nothing against us. */
const partingMilliseconds = 1_000

function contextFor(options: ConnectOptions): ClientContext {
  const { ca, cert, key, min, max, alpn, groups, ciphers, timeout, keylog } = options
  const configuration = new TLSClientConfiguration(
    present({
      trustStore: ca === undefined ? undefined : readTrustStore('--ca', ca),
      certificateChain: readSigningChain(cert, key),
      postHandshakeAuthentication: options.postHandshake,
      lowestSupportedVersion: min,
      highestSupportedVersion: max,
      innerProtocols: alpn,
      groups,
      ciphers,
      preSharedKeys: options.psk === undefined ? undefined : readPreSharedKeys(options.psk),
      ocspStapling: options.ocsp,
      keyLog: keylog === undefined ? undefined : keyLogTo(keylog),
      handshakeTimeoutMilliseconds: timeout,
    }),
  )
  return chooseBackend(options.backend).clientContext(configuration)
}

/** Nothing was sent where the failure came before the certificates. */
function save(chain: readonly Uint8Array[], file: string | undefined): void {
  if (file === undefined || chain.length === 0) return
  const pem = chain.map((der) => new X509Certificate(der).toString()).join('')
  try {
    writeFileSync(file, pem)
  } catch (cause) {
    throw new UsageFailure(`--save: ${file} cannot be written: ${(cause as NodeJS.ErrnoException).code}`, { cause })
  }
}

/** Appends to a file that only its owner can read. */
function keyLogTo(file: string): (line: string) => void {
  let descriptor: number
  try {
    descriptor = openSync(file, 'a', 0o600)
  } catch (cause) {
    throw new UsageFailure(`--keylog: ${file} cannot be written: ${(cause as NodeJS.ErrnoException).code}`, { cause })
  }
  return (line) => appendFileSync(descriptor, `${line}\n`)
}

function surroundingsOf({ version }: Backend, { address, lookupMilliseconds }: Transport): ConnectionSurroundings {
  return { address, backendVersion: version, lookupMilliseconds }
}

/** Whether stdin is something to send: a pipe, a file, or a person who also sees what comes back. */
function actsAsClient({ interactive, json, expect }: ConnectOptions): boolean {
  if (interactive !== undefined) return interactive
  if (json || expect !== undefined) return false
  if (isatty(0)) return process.stdout.isTTY === true
  try {
    const kind = fstatSync(0)
    return kind.isFIFO() || kind.isSocket() || kind.isFile()
  } catch {
    // Closed.
    return false
  }
}
