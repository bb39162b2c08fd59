/** PostgreSQL, with `postgres` (Postgres.js). */
import type { TLSSocket } from '../sockets/tls-socket.ts'
import { type PostgresAdapterOptions, PostgresOpening } from './postgres-opening.ts'

export type { PostgresAdapterOptions } from './postgres-opening.ts'

/** What Postgres.js says of itself when it wants a socket. */
export interface PostgresHosts {
  readonly host: readonly string[]
  readonly port: readonly number[]
}

/**
 * Options for `postgres`, to be spread into its own: `postgres({ host, …, ...postgresSocket({ … }) })`. Of several hosts, the first that
 * can be secured is taken. A URL with `sslmode` asks for nothing more: `ssl` is off here.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function postgresSocket(options: PostgresAdapterOptions): {
  readonly socket: (hosts: PostgresHosts) => Promise<TLSSocket>
  readonly ssl: false
} {
  const opening = new PostgresOpening(options)
  const socket = async ({ host: hosts, port: ports }: PostgresHosts): Promise<TLSSocket> => {
    for (const [index, host] of hosts.entries()) {
      try {
        return await opening.open({ host, port: ports[index] ?? ports[0] ?? 5432 })
      } catch (error) {
        if (index === hosts.length - 1) throw error
      }
    }
    throw new TypeError('postgresSocket: no host')
  }
  return { socket, ssl: false }
}
