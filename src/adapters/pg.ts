/** PostgreSQL, with `pg`. */
import type { Duplex } from 'node:stream'
import { requireObject } from '../config/arguments.ts'
import { PromisedSocket } from '../sockets/promised-socket.ts'
import { type PostgresAdapterOptions, PostgresOpening, requireNoTLSInside } from './postgres-opening.ts'

export type { PostgresAdapterOptions } from './postgres-opening.ts'

/**
 * Options for a `Client` or `Pool`, to be spread into its own: `new Client({ host, …, ...pgStream({ … }) })`. A connection string that says
 * `sslmode` asks for TLS inside of TLS, and is refused. SCRAM with channel binding is not there.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function pgStream(options: PostgresAdapterOptions): PgOptions {
  requireObject('pgStream', options)
  const opening = new PostgresOpening(options)
  const stream = (config?: { readonly ssl?: unknown }): Duplex => {
    requireNoTLSInside(config?.ssl)
    return new PgSocket(opening)
  }
  return { stream, ssl: false }
}

/** What of pg's options is ours. */
export interface PgOptions {
  /** Makes a socket that pg tells where to connect to. */
  readonly stream: (config?: { readonly ssl?: unknown }) => Duplex
  /** TLS is no matter of pg any more. */
  readonly ssl: false
}

/** pg makes its stream first, and says later where to. */
class PgSocket extends PromisedSocket {
  readonly #opening: PostgresOpening

  constructor(opening: PostgresOpening) {
    super()
    this.#opening = opening
  }

  connect(port: number, host: string): this {
    return this.open((signal) => this.#opening.open({ host, port }, signal))
  }
}
