/** Mail read with `imapflow`: IMAP in TLS from the first byte, or after STARTTLS. */
import type { Duplex } from 'node:stream'
import { requireObject } from '../config/arguments.ts'
import { upgradeClient } from '../sockets/connect.ts'
import { refuseForeignOptions } from './foreign-options.ts'
import { type AdapterOptions, Opening } from './openings.ts'

export type { AdapterOptions } from './openings.ts'

/** As imapflow's `ImapTransport`. */
export interface ImapflowTransport {
  /** A socket that will be connected; with `secure` also secured. */
  connect(options: ImapflowTarget & { readonly secure: boolean }, onConnect: () => void): ImapflowSocket
  /** TLS on a socket that is connected. */
  upgrade(socket: Duplex, options: ImapflowTarget, onSecure: () => void): ImapflowSocket
}

/** As imapflow's `ImapTransportOptions`. */
export interface ImapflowTarget {
  readonly host: string
  readonly port: number
  readonly servername?: string | undefined
  readonly tls?: object | undefined
}

/** As imapflow's `ImapTransportSocket`. */
export interface ImapflowSocket extends Duplex {
  /** Emits `timeout` after so long without traffic. */
  setTimeout(milliseconds: number): unknown
}

/**
 * For the option `transport`. Whether TLS begins at once is imapflow's option `secure`; where not, `doSTARTTLS: true` is what makes it
 * insist on TLS. Its option `tls` is refused where it says anything of certificates or versions.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function imapflowTransport(options: AdapterOptions): ImapflowTransport {
  requireObject('imapflowTransport', options)
  const opening = new Opening(options, { endsByItself: true })
  return {
    connect({ host, port, servername, tls, secure }, onConnect) {
      refuseForeignOptions(tls, 'tls')
      const target = { host, port, serverName: servername }
      if (secure) return opening.socket(target).once('secureConnect', onConnect)
      const plain = opening.promised((givenUp) =>
        opening.inTime(target, (signal) => opening.plain(target, signal), givenUp),
      )
      return plain.once('connect', onConnect)
    },
    upgrade(socket, { host, port, servername }, onSecure) {
      const serverName = opening.serverNameOf({ host, serverName: servername })
      const service = `imap ${host}:${port}`
      return opening
        .made(upgradeClient(opening.context, socket, serverName, { service }))
        .once('secureConnect', onSecure)
    },
  }
}
