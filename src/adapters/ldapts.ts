/** Directories asked with `ldapts`: LDAP in TLS from the first byte, or after StartTLS. */
import type { Duplex } from 'node:stream'
import type * as tls from 'node:tls'
import { requireObject } from '../config/arguments.ts'
import { ConfigurationError } from '../errors.ts'
import { upgradeClient } from '../sockets/connect.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'
import { refuseForeignOptions } from './foreign-options.ts'
import { type AdapterOptions, Opening } from './openings.ts'

export type { AdapterOptions } from './openings.ts'

/**
 * For the option `createSecureConnection` of a client: of `ldaps:`, and of `ldap:` for its `startTLS()`. That does not tell whom the client
 * talks to, so it needs `serverName`, here or as `startTLS({ servername })`. Options of `node:tls` are refused.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function ldaptsConnection(options: AdapterOptions): (...parameters: unknown[]) => tls.TLSSocket {
  requireObject('ldaptsConnection', options)
  const opening = new Opening(options, { endsByItself: true })
  const connect = (...parameters: unknown[]): TLSSocket => {
    const [first] = parameters
    if (typeof first !== 'object' || first === null) {
      const [port, host, given] = parameters as [number, string, tls.ConnectionOptions | undefined]
      refuseForeignOptions(given, 'tlsOptions')
      return opening.socket({ host, port, serverName: given?.servername })
    }
    const { socket, servername, host } = first as tls.ConnectionOptions
    refuseForeignOptions(first, 'startTLS')
    const serverName = opening.serverNameOf({ host: servername ?? host ?? '' })
    if (serverName === '') {
      throw new ConfigurationError('serverName', 'has to be given for StartTLS: ldapts does not say whom it talks to')
    }
    const service = `ldap ${serverName}`
    return opening.made(upgradeClient(opening.context, socket as Duplex, serverName, { service }))
  }
  return connect as unknown as (...parameters: unknown[]) => tls.TLSSocket
}
