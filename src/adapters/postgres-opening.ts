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
