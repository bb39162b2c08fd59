import { ConfigurationError } from '../errors.ts'
import { requireWord } from './option-checks.ts'

/** Where a proxy is asked to connect to, and as whom it is asked. */
export interface TunnelTarget {
  /** A host name, which the proxy looks up, or an address. */
  readonly host: string
  readonly port: number
  /** As whom to use the proxy; it is sent as it is, so that the connection to the proxy had better be TLS. Default: nobody. */
  readonly credentials?: { readonly username: string; readonly password: string } | undefined
}

/** @throws ConfigurationError for a target that cannot be. */
export function requireTarget({ host, port }: TunnelTarget): void {
  requireWord('host', host)
  if (/[/?#@[\]\\%]/.test(host)) throw new ConfigurationError('dialogue.host', `${JSON.stringify(host)} is no host`)
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) {
    throw new ConfigurationError('dialogue.port', `${port} is not a port from 1 to 65535`)
  }
}
