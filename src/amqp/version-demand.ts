import type { Backend } from '../channel/backend.ts'
import type { ClientContext } from '../channel/context.ts'
import type { NegotiatedVersion } from '../config/tls-version.ts'
import { AlertReceivedError, RaggedEOFError, TLSError } from '../errors.ts'

/**
 * A broker did not let us in over TLS 1.2, because it demands TLS 1.3, which was not offered. `cause` is what happened, and `hint` what
 * would do: a setting, or another backend.
 */
export class VersionDemandedError extends TLSError {
  override readonly name = 'VersionDemandedError'
  /** What had been agreed when the broker closed the connection; `undefined` where it ended the handshake. */
  readonly negotiated: NegotiatedVersion | undefined
  /** Whether the broker has said so. Where it only hung up in the middle of the handshake, this is the likely reason. */
  readonly isCertain: boolean
  /** The condition and the description with which AMQP was closed, where it was. AMQP 1.0, Section 2.8.14. */
  readonly condition: string | undefined
  readonly description: string | undefined

  constructor(
    how: string,
    options: {
      readonly negotiated?: NegotiatedVersion | undefined
      readonly isCertain: boolean
      readonly condition?: string | undefined
      readonly description?: string | undefined
      readonly hint: string
      readonly cause: unknown
    },
  ) {
    const { cause, hint } = options
    const alert = cause instanceof TLSError ? cause.alert : undefined
    super(how, { code: 'ERR_TLS_VERSION_DEMANDED', alert, hint, cause })
    this.negotiated = options.negotiated
    this.isCertain = options.isCertain
    this.condition = options.condition
    this.description = options.description
  }
}

/** What a broker said when it closed a connection: the error of rhea has these. */
export interface BrokerClosed extends Error {
  readonly condition?: unknown
  readonly description?: unknown
}

/** Tells what an error of a connection to a broker means, where it means more than it says: see {@link VersionDemandedError}. */
export class VersionDemand {
  readonly #context: ClientContext
  readonly #backends: readonly Backend[]

  /** @param backends Those that a program could choose instead. */
  constructor(context: ClientContext, backends: readonly Backend[]) {
    this.#context = context
    this.#backends = backends
  }

  /** Of an error that ended the transport. */
  explainLost(error: Error): Error {
    if (this.#offersTLS13) return error
    const isCertain = error instanceof AlertReceivedError && error.alert === 'protocol_version'
    const hungUp = error instanceof RaggedEOFError || (error as NodeJS.ErrnoException).code === 'ECONNRESET'
    if (!isCertain && !hungUp) return error
    const how = isCertain
      ? 'the broker demands TLS 1.3: it answered an offer of TLS 1.2 with the alert protocol_version'
      : 'the broker hung up on an offer of TLS 1.2: it may demand TLS 1.3'
    return new VersionDemandedError(how, { isCertain, hint: this.#remedy, cause: error })
  }

  /** Of an error with which the broker closed AMQP, over a connection that was secured. */
  explainClosed(error: BrokerClosed, negotiated: NegotiatedVersion | undefined): Error {
    const { condition, description } = error
    if (negotiated !== 'TLSv1.2' || this.#offersTLS13 || typeof description !== 'string') return error
    if (condition !== 'amqp:unauthorized-access' || !namesVersion.test(description)) return error
    const how = `the broker demands TLS 1.3: over TLS 1.2 it closed the connection with ${condition} ("${description.slice(0, 200)}")`
    const options = { negotiated, isCertain: true, condition, description, hint: this.#remedy, cause: error }
    return new VersionDemandedError(how, options)
  }

  get #offersTLS13(): boolean {
    const { backend, configuration } = this.#context
    return configuration.highestSupportedVersion !== 'TLSv1.2' && speaksTLS13(backend)
  }

  get #remedy(): string {
    const { backend, configuration } = this.#context
    const raise = 'set highestSupportedVersion to TLSVersion.TLSv1_3, or leave it out'
    if (speaksTLS13(backend)) return raise
    const able = this.#backends.filter((each) => each.available.yes && speaksTLS13(each)).map(({ name }) => name)
    const another = able.length === 0 ? 'none here does' : `choose the backend ${able.join(' or ')}`
    const held = configuration.highestSupportedVersion === 'TLSv1.2' ? `, and ${raise}` : ''
    return `the backend ${backend.name} speaks no TLS 1.3 here: ${another}${held}`
  }
}

function speaksTLS13({ capabilities }: Backend): boolean {
  return capabilities.versions.includes('TLSv1.3')
}

/** Such as "TLS version 1.2 is not allowed", "TLSv1.3 required", "minimum TLS 1.3". */
const namesVersion = /\btls\b.*\b1[._]?[0-3]\b|\btls\s*v?\s*1[._][0-3]\b/i
