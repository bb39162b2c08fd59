/** PostgreSQL, with `pg`. */
import type { Duplex } from 'node:stream'
import { PromisedSocket } from '../sockets/promised-socket.ts'
import { type PostgresAdapterOptions, PostgresOpening } from './postgres-opening.ts'

export type { PostgresAdapterOptions } from './postgres-opening.ts'

/**
 * Options for a `Client` or `Pool`, to be spread into its own: `new Client({ host, …, ...pgStream({ … }) })`. No connection string may say
 * `sslmode`, for that would ask for TLS inside of TLS. SCRAM with channel binding is not there.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function pgStream(options: PostgresAdapterOptions): PgOptions {
  const opening = new PostgresOpening(options)
  return { stream: () => new PgSocket(opening), ssl: false }
}

/** What of pg's options is ours. */
export interface PgOptions {
  /** Makes a socket that pg tells where to connect to. */
  readonly stream: () => Duplex
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
