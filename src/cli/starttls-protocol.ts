import { type ClientDialogues, clientDialogues } from '../starttls/dialogues.ts'
import type { Endpoint } from './endpoint.ts'
import { UsageFailure } from './exit-code.ts'
import { nearest } from './nearest.ts'

/** A protocol that may be named with `--starttls`: all that lead to TLS with the peer itself, and not to another host. */
export type StartTLSProtocol = Exclude<keyof ClientDialogues, 'http-connect' | 'socks5'>

/** Reads the value of `--starttls`; `by-port` where it has none. */
export function parseStartTLS(text: string): StartTLSProtocol | 'by-port' {
  if (text === 'by-port') return text
  const wanted = text.toLowerCase()
  const name = aliases.get(wanted) ?? wanted
  const found = protocols.find((each) => each === name)
  if (found !== undefined) return found
  const close = nearest(name, protocols)
  const names = `the protocols are ${protocols.join(', ')}`
  throw new UsageFailure(`--starttls: '${text}' is not a protocol that begins in plain text`, {
    hint: close === undefined ? `${names}; without one, write --starttls behind the host` : `did you mean ${close}?`,
  })
}

/** The protocol that is usual on the port. */
export function protocolOf({ port }: Endpoint, wish: StartTLSProtocol | 'by-port'): StartTLSProtocol {
  if (wish !== 'by-port') return wish
  const found = protocols.find((name) => clientDialogues[name].ports.includes(port))
  if (found !== undefined) return found
  throw new UsageFailure(`--starttls: no protocol that begins in plain text is usual on port ${port}`, {
    hint: `say which it is: ${protocols.join(', ')}`,
  })
}

/** The port where none is given. */
export function defaultPortOf(wish: StartTLSProtocol | 'by-port' | undefined): number {
  return wish === undefined || wish === 'by-port' ? 443 : (clientDialogues[wish].ports[0] ?? 443)
}

const protocols: readonly StartTLSProtocol[] = Object.keys(clientDialogues).filter(
  (name): name is StartTLSProtocol => name !== 'http-connect' && name !== 'socks5',
)

/** What other tools call them. */
const aliases: ReadonlyMap<string, StartTLSProtocol> = new Map([
  ['submission', 'smtp'],
  ['sieve', 'managesieve'],
  ['xmpp', 'xmpp-client'],
  ['postgresql', 'postgres'],
  ['mariadb', 'mysql'],
  ['mssql', 'tds'],
])
