/** PostgreSQL, with `postgres` (Postgres.js). */
import type { Duplex } from 'node:stream'
import { requireObject } from '../config/arguments.ts'
import { PromisedSocket } from '../sockets/promised-socket.ts'
import { type PostgresAdapterOptions, PostgresOpening, requireNoTLSInside } from './postgres-opening.ts'

export type { PostgresAdapterOptions } from './postgres-opening.ts'

/** What Postgres.js says of itself when it wants a socket. */
export interface PostgresHosts {
  readonly host: readonly string[]
  readonly port: readonly number[]
  readonly ssl?: unknown
}

/**
 * Options for `postgres`, to be spread into its own: `postgres({ host, …, ...postgresSocket({ … }) })`. Of several hosts, the first that
 * can be secured is taken. What a URL says by
 * `sslmode` is of no effect, and an `ssl` of the program's own is refused: it would ask for TLS inside of TLS.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function postgresSocket(options: PostgresAdapterOptions): PostgresOptions {
  requireObject('postgresSocket', options)
  const opening = new PostgresOpening(options)
  // At once, and not as a promise, whose failure would leave Postgres.js with a connection that it never tries again.
  return { socket: (hosts) => new PromisedSocket().open((signal) => firstOf(hosts, opening, signal)), ssl: false }
}

/** What of Postgres.js's options is ours. */
export interface PostgresOptions {
  /** Makes a socket that connects to one of the hosts. */
  readonly socket: (hosts: PostgresHosts) => Duplex
  /** TLS is no matter of Postgres.js any more. */
  readonly ssl: false
}

async function firstOf(
  { host: hosts, port: ports, ssl }: PostgresHosts,
  opening: PostgresOpening,
  signal: AbortSignal,
): Promise<Duplex> {
  requireNoTLSInside(ssl)
  for (const [index, host] of hosts.entries()) {
    try {
      return await opening.open({ host, port: ports[index] ?? ports[0] ?? 5432 }, signal)
    } catch (error) {
      if (index === hosts.length - 1 || signal.aborted) throw error
    }
  }
  throw new TypeError('postgresSocket: no host')
}
