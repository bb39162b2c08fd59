/** Redis and its kin, with `ioredis`. */
import { AbstractConnector } from 'ioredis'
import { requireObject } from '../config/arguments.ts'
import { type AdapterOptions, Opening } from './openings.ts'

export type { AdapterOptions } from './openings.ts'

/** As ioredis' `ConnectorConstructor`. */
export type IoredisConnector = new (options: unknown) => AbstractConnector

/**
 * For the option `Connector` of a client; `host` and `port` stand with the client, whose option `tls` stays unset. Errors of TLS are events
 * `error` of the client, which connects again as its `retryStrategy` says.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function ioredisConnector(options: AdapterOptions): IoredisConnector {
  requireObject('ioredisConnector', options)
  const opening = new Opening(options, { endsByItself: true })
  return class extends AbstractConnector {
    readonly #host: string
    readonly #port: number

    constructor(given: unknown) {
      const { host, port, disconnectTimeout } = given as Given
      super(disconnectTimeout ?? defaultDisconnectTimeout)
      this.#host = host ?? 'localhost'
      this.#port = port ?? defaultPort
    }

    override connect(): ReturnType<AbstractConnector['connect']> {
      this.connecting = true
      const stream = opening.socket({ host: this.#host, port: this.#port })
      stream.once('error', (error) => {
        this.firstError = error
      })
      this.stream = stream as never
      return Promise.resolve(stream as never)
    }
  }
}

interface Given {
  readonly host?: string
  readonly port?: number
  readonly disconnectTimeout?: number
}

/** As ioredis has them. */
const defaultPort = 6379
const defaultDisconnectTimeout = 2_000
