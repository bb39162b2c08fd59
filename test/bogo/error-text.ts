import { TLSError } from 'polytls'

/** An error in one line, with what `config.json` goes by: the kind, the alert, the message. */
export function describeError(error: unknown): string {
  if (!(error instanceof TLSError)) return error instanceof Error ? (error.stack ?? error.message) : String(error)
  const cause = error.cause instanceof Error ? ` <- ${describeError(error.cause)}` : ''
  return `${error.name} [${error.alert ?? 'no alert'}] ${error.message}${cause}`
}
