import { typeOf } from '../config/source.ts'
import { ConfigurationError } from '../errors.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'
import type { PostgresClientOptions } from '../starttls/postgres.ts'
import { startTls } from '../starttls.ts'
import { type AdapterOptions, Opening, type Target } from './openings.ts'

/** How connections to PostgreSQL come to be. */
export type PostgresAdapterOptions = AdapterOptions & PostgresClientOptions

/** Opens connections to PostgreSQL, whichever way it comes to TLS. */
export class PostgresOpening {
  readonly #opening: Opening
  readonly #negotiation: 'request' | 'direct'

  constructor({ negotiation = 'request', ...options }: PostgresAdapterOptions) {
    if (negotiation !== 'request' && negotiation !== 'direct')
      throw new TypeError(`negotiation: expected 'request' or 'direct', got ${typeOf(negotiation)}`)
    this.#negotiation = negotiation
    this.#opening = new Opening(options, {
      innerProtocols: negotiation === 'direct' ? ['postgresql'] : undefined,
      endsByItself: true,
    })
  }

  open(target: Target, givenUp?: AbortSignal): Promise<TLSSocket> {
    const opening = this.#opening
    const open = async (signal: AbortSignal): Promise<TLSSocket> => {
      const { socket } = await startTls(await opening.plain(target, signal), 'postgres', {
        context: opening.context,
        serverName: opening.serverNameOf(target),
        service: `postgres ${target.host}:${target.port}`,
        dialogue: { negotiation: this.#negotiation },
        signal,
      })
      return opening.made(socket)
    }
    return opening.inTime(target, open, givenUp)
  }
}

/** @throws ConfigurationError where the library would ask for TLS once more. */
export function requireNoTLSInside(ssl: unknown): void {
  if (!ssl) return
  throw new ConfigurationError('ssl', 'the adapter brings TLS, and the library would ask for it once more inside', {
    hint: 'leave `ssl` to the adapter, and `sslmode` out of the connection string',
  })
}
