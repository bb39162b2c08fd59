import process from 'node:process'
import { type Answer, BrokerAnswers, encodeSaslInit, saslHeader } from '../amqp/broker-greeting.ts'
import type { Backend } from '../channel/backend.ts'
import type { ClientContext } from '../channel/context.ts'
import { parseServerName } from '../channel/server-name.ts'
import { type ClientOptions, TLSClientConfiguration } from '../config/client-configuration.ts'
import type { NegotiatedVersion } from '../config/tls-version.ts'
import { connect } from '../connections.ts'
import { ProtocolError } from '../errors.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'
import { chooseBackend } from './backend-choice.ts'
import { printExplanation } from './command-line.ts'
import { type ConnectionReport, reportOf } from './connection-report.ts'
import { readSigningChain, readTrustStore } from './credentials.ts'
import { type Endpoint, formatEndpoint, parseEndpoint } from './endpoint.ts'
import { ExitCode, UsageFailure } from './exit-code.ts'
import { type Explanation, explain } from './explanation.ts'
import { present } from './present.ts'
import { printable, type Terminal, terminalOn } from './terminal.ts'

/** The options of `polytls amqp`, parsed. */
export interface AMQPOptions {
  readonly port?: number
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly sni?: string
  readonly backend?: string
  readonly timeout: number
  readonly json?: boolean
}

/** What `polytls amqp` found. This is the object of `--json`, and its properties are API. */
export interface BrokerReport {
  readonly broker: string
  readonly backend: string
  /** For each version of TLS that the backend has: what was agreed, or why nothing was. */
  readonly versions: { readonly [V in NegotiatedVersion]?: VersionReport }
  /** Such as `AMQP 1.0`; null where nothing was agreed. */
  readonly protocol: string | null
  /** Of SASL, as the broker offers them. */
  readonly mechanisms: readonly string[]
  /** Of those that need no password: whether the broker lets us in by it. EXTERNAL is tried with `--cert`. */
  readonly accepts: { readonly [mechanism: string]: boolean }
}
export type VersionReport =
  | ({ readonly accepted: true } & Pick<ConnectionReport, 'cipherSuite' | 'group' | 'chain'>)
  | { readonly accepted: false; readonly error: Omit<Explanation, 'exitCode'> }

/** `polytls amqp`: which versions of TLS a broker takes, what it speaks, and whom it lets in. */
export async function runAMQP(text: string, options: AMQPOptions): Promise<ExitCode> {
  try {
    const endpoint = endpointOf(text, options)
    const backend = chooseBackend(options.backend)
    parseServerName(options.sni ?? endpoint.host)
    const probe = new Probe(endpoint, backend, options)
    const failures: Explanation[] = []
    const versions: { [V in NegotiatedVersion]?: VersionReport } = {}
    for (const version of [...backend.capabilities.versions].sort().reverse()) {
      versions[version] = await probe.version(version, failures)
    }
    const [failure] = failures
    const isReached = failures.length < Object.keys(versions).length
    const greeting = isReached ? await probe.greet() : { protocol: null, mechanisms: [], accepts: {} }
    const report = { broker: formatEndpoint(endpoint), backend: backend.name, versions, ...greeting }
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    else terminalOn(process.stdout).print(...render(report, terminalOn(process.stdout)))
    if (isReached || failure === undefined) return ExitCode.OK
    if (!options.json) printExplanation(failure, terminalOn(process.stderr))
    return failure.exitCode
  } catch (error) {
    const { exitCode, ...said } = explain(error)
    if (options.json) process.stdout.write(`${JSON.stringify({ error: said })}\n`)
    else printExplanation({ exitCode, ...said }, terminalOn(process.stderr))
    return exitCode
  }
}

const defaultPort = 5671

function endpointOf(text: string, { port }: AMQPOptions): Endpoint {
  const endpoint = parseEndpoint(text, port ?? defaultPort)
  if (port === undefined || endpoint.port === port) return endpoint
  throw new UsageFailure(`'${text}' names a port, and --port another one`, { hint: 'give one of them' })
}

/** Connects as often as there is something to find out. */
class Probe {
  readonly #endpoint: Endpoint
  readonly #backend: Backend
  readonly #options: AMQPOptions
  readonly #identity: Pick<ClientOptions, 'trustStore' | 'certificateChain'>

  /** Of all versions. */
  readonly #context: ClientContext

  /** Reads the files that the options name. */
  constructor(endpoint: Endpoint, backend: Backend, options: AMQPOptions) {
    this.#endpoint = endpoint
    this.#backend = backend
    this.#options = options
    const { ca, cert, key } = options
    this.#identity = present({
      trustStore: ca === undefined ? undefined : readTrustStore('--ca', ca),
      certificateChain: readSigningChain(cert, key),
    })
    this.#context = this.#contextFor()
  }

  async version(version: NegotiatedVersion, failures: Explanation[]): Promise<VersionReport> {
    const context = this.#contextFor({ lowestSupportedVersion: version, highestSupportedVersion: version })
    try {
      await using socket = await this.#connect(context)
      // A broker of TLS 1.3 that refuses the client's certificate says so only now: by its greeting, or an alert.
      await this.#ask(socket)
      const { cipherSuite, group, chain } = reportOf(this.#backend, socket.facts, { connect: 0, handshake: 0 })
      return { accepted: true, cipherSuite, group, chain }
    } catch (thrown) {
      const explanation = explain(thrown, {
        peer: formatEndpoint(this.#endpoint),
        phase: 'handshake',
        backend: this.#backend.name,
        hasStartTLS: false,
      })
      failures.push(explanation)
      const { exitCode, ...error } = explanation
      return { accepted: false, error }
    }
  }

  async greet(): Promise<Pick<BrokerReport, 'protocol' | 'mechanisms' | 'accepts'>> {
    await using socket = await this.#connect(this.#context)
    const answer = await this.#ask(socket)
    if (answer.kind === 'other-protocol') return { protocol: answer.name, mechanisms: [], accepts: {} }
    if (answer.kind !== 'mechanisms') return { protocol: null, mechanisms: [], accepts: {} }
    const accepts: { [mechanism: string]: boolean } = {}
    for (const mechanism of ['ANONYMOUS', ...(this.#options.cert === undefined ? [] : ['EXTERNAL'])]) {
      if (answer.names.includes(mechanism)) accepts[mechanism] = await this.#isLetIn(mechanism)
    }
    return { protocol: 'AMQP 1.0', mechanisms: answer.names, accepts }
  }

  async #isLetIn(mechanism: string): Promise<boolean> {
    await using socket = await this.#connect(this.#context)
    const answers = new BrokerAnswers()
    await this.#next(socket, answers, saslHeader)
    const answer = await this.#next(socket, answers, encodeSaslInit(mechanism, new Uint8Array(0)))
    return answer.kind === 'outcome' && answer.code === 0
  }

  #ask(socket: TLSSocket): Promise<Answer> {
    return this.#next(socket, new BrokerAnswers(), saslHeader)
  }

  /** Says something, and waits for what comes back. */
  async #next(socket: TLSSocket, answers: BrokerAnswers, said: Uint8Array): Promise<Answer> {
    socket.write(said)
    const tooLate = setTimeout(() => socket.destroy(silence('it does not answer')), this.#options.timeout)
    try {
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        answers.add(chunk as Uint8Array)
        const answer = answers.next()
        if (answer?.kind === 'no-amqp') {
          const said = JSON.stringify(Buffer.from(answer.said).toString('latin1'))
          throw new ProtocolError(`the peer does not speak AMQP: it says ${said}`)
        }
        if (answer !== undefined) return answer
      }
    } catch (thrown) {
      // Who answers like that is not waited for.
      socket.destroy()
      throw thrown
    } finally {
      clearTimeout(tooLate)
    }
    throw silence('the peer closed the connection instead of an answer')
  }

  /** The context of the versions, or of all. What is wrong with the configuration is no fault of the broker's. */
  #contextFor(bounds: Pick<ClientOptions, 'lowestSupportedVersion' | 'highestSupportedVersion'> = {}): ClientContext {
    const handshakeTimeoutMilliseconds = this.#options.timeout
    const options = { ...bounds, ...this.#identity, sessions: 'none', handshakeTimeoutMilliseconds } as const
    return this.#backend.clientContext(new TLSClientConfiguration(options))
  }

  #connect(context: ClientContext): Promise<TLSSocket> {
    return connect({ ...this.#endpoint, context, serverName: this.#options.sni ?? this.#endpoint.host })
  }
}

function silence(message: string): ProtocolError {
  return new ProtocolError(message)
}

function render(report: BrokerReport, { style, symbols }: Terminal): readonly string[] {
  const { broker, protocol, versions, mechanisms, accepts } = report
  const row = (name: string, text: string): string => `  ${style.dim(name.padEnd(12))}${text}`
  const chain = Object.values(versions).find((each) => each.accepted)?.chain ?? []
  return [
    `${style.bold(broker)}  ${protocol ?? 'no AMQP'}`,
    ...Object.entries(versions).map(([name, version]) =>
      version.accepted
        ? row(
            name,
            `${style.green(symbols.yes)} ${[version.cipherSuite, version.group].filter(Boolean).join(` ${symbols.dot} `)}`,
          )
        : row(name, `${style.red(symbols.no)} ${version.error.message}`),
    ),
    ...chain
      .slice(0, 1)
      .map(({ subject, notAfter }) => row('certificate', `${printable(subject)}, until ${notAfter.slice(0, 10)}`)),
    ...(protocol === null ? [] : [row('mechanisms', mechanisms.map(printable).join(', ') || 'none')]),
    ...Object.entries(accepts).map(([name, isAccepted]) =>
      row(name, isAccepted ? `${style.green(symbols.yes)} lets us in` : `${style.red(symbols.no)} does not let us in`),
    ),
  ]
}
