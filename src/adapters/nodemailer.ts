/** Mail sent with `nodemailer`: SMTP in TLS from the first byte, or after STARTTLS. */
import type { Socket } from 'node:net'
import { optionalBoolean, optionalText, requireObject } from '../config/arguments.ts'
import { startTls } from '../starttls.ts'
import { refuseForeignOptions } from './foreign-options.ts'
import { type AdapterOptions, Opening } from './openings.ts'

export type { AdapterOptions } from './openings.ts'

/** How connections of nodemailer come to be. */
export type NodemailerSocketOptions = AdapterOptions & {
  /** Whether the connection begins in plain text, as on port 587 and 25; a server that then does not offer TLS is an error. Default: false. */
  readonly startTls?: boolean | undefined
  /** Who we say we are before TLS, where STARTTLS comes first. Default: the own address. */
  readonly clientName?: string | undefined
}

/** As nodemailer's `getSocket`. */
export type NodemailerSocket = (
  options: {
    readonly host?: string | undefined
    readonly port?: number | string | undefined
    readonly tls?: object | undefined
  },
  callback: (error: Error | null, found?: { readonly connection: Socket; readonly secured: true }) => void,
) => void

/**
 * For the option `getSocket` of a transport, pooled or not; `host` and `port` stand with the transport, and its options `secure` and
 * `requireTLS` are of no effect; what its option `tls` says of certificates or versions is refused. nodemailer's own STARTTLS has no hook, so with `startTls` the words before TLS are ours, and nodemailer
 * sees a connection that begins in TLS.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function nodemailerSocket(options: NodemailerSocketOptions): NodemailerSocket {
  requireObject('nodemailerSocket', options)
  const { startTls: starts = false, clientName, ...rest } = options
  optionalBoolean('startTls', starts)
  optionalText('clientName', clientName)
  const opening = new Opening(rest, { endsByItself: true })
  const secure = async (target: { host: string; port: number }): Promise<Socket> => {
    if (!starts) return (await opening.open(target)) as unknown as Socket
    return opening.inTime(target, async (signal) => {
      const { socket } = await startTls(await opening.plain(target, signal), 'smtp', {
        context: opening.context,
        serverName: opening.serverNameOf(target),
        dialogue: { clientName },
        signal,
      })
      // Of the server's greeting, which came before TLS, nodemailer has to see that there was one; its words could be anybody's.
      opening.made(socket).unshift(Buffer.from('220 TLS has begun\r\n'))
      return socket as unknown as Socket
    })
  }
  return ({ host = 'localhost', port, tls }, callback) => {
    try {
      refuseForeignOptions(tls, 'tls')
    } catch (error) {
      callback(error as Error)
      return
    }
    secure({ host, port: Number(port ?? (starts ? 587 : 465)) }).then(
      (connection) => callback(null, { connection, secured: true }),
      (error) => callback(error),
    )
  }
}
