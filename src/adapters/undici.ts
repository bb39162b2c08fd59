/** HTTP clients of `undici`, its `Agent`, `Pool` and `Client`, and `fetch` with them. */
import type { Socket } from 'node:net'
import { optionalBoolean, requireObject } from '../config/arguments.ts'
import { ConfigurationError } from '../errors.ts'
import { type AdapterOptions, Opening, targetOf } from './openings.ts'

export type { AdapterOptions } from './openings.ts'

/** How connections of undici come to be. */
export type UndiciConnectorOptions = AdapterOptions & {
  /** Whether to offer HTTP/2 beside HTTP/1.1, where the configuration has no `innerProtocols`; undici speaks what the server takes. Default: false. */
  readonly allowH2?: boolean | undefined
}

/** As undici's `buildConnector.connector`. */
export type UndiciConnector = (
  options: {
    readonly hostname: string
    readonly protocol: string
    readonly port: string
    readonly servername?: string | undefined
  },
  callback: (...outcome: [null, Socket] | [Error, null]) => void,
) => void

/**
 * For the option `connect`, as in `new Agent({ connect: undiciConnector({ … }) })`. What fails in TLS is the `cause` of what `fetch` throws,
 * and is what `request` throws. Origins of `http:` are refused, so that no redirect leads out of TLS.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function undiciConnector(given: UndiciConnectorOptions): UndiciConnector {
  requireObject('undiciConnector', given)
  const { allowH2 = false, ...options } = given
  optionalBoolean('allowH2', allowH2)
  const opening = new Opening(options, { innerProtocols: allowH2 ? ['h2', 'http/1.1'] : ['http/1.1'] })
  return ({ protocol, hostname, port, servername }, callback) => {
    if (protocol !== 'https:') {
      callback(new ConfigurationError('protocol', `${protocol} is not https:`), null)
      return
    }
    opening.open({ ...targetOf({ hostname, port }), serverName: servername || undefined }).then(
      (socket) => callback(null, socket as unknown as Socket),
      (error) => callback(error, null),
    )
  }
}
