import { postgres } from './postgres.ts'
import { lmtp, smtp } from './smtp.ts'
import { smtpServer } from './smtp-server.ts'

/** What this package can say as a client, by the name of the protocol. */
export interface ClientDialogues {
  readonly lmtp: typeof lmtp
  readonly postgres: typeof postgres
  readonly smtp: typeof smtp
}

/** What this package can say as a server, by the name of the protocol. */
export interface ServerDialogues {
  readonly smtp: typeof smtpServer
}

export const clientDialogues: ClientDialogues = { lmtp, postgres, smtp }

export const serverDialogues: ServerDialogues = { smtp: smtpServer }
