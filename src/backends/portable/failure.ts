import { Alert, type AlertName } from '../../alerts.ts'
import { AlertReceivedError, BackendError, RaggedEOFError, TLSError, UsageError } from '../../errors.ts'

/** What a step that threw fails with: whatever is not an error of TLS is a mistake of this backend. */
export function failureOf(cause: unknown): TLSError {
  if (cause instanceof TLSError) return cause
  return new BackendError('portable', 'an internal error, which should not happen', { cause })
}

/** What the peer is told of a failure; `undefined` where it knows, or is gone. */
export function alertFor(error: unknown): AlertName | undefined {
  if (error instanceof AlertReceivedError || error instanceof RaggedEOFError) return undefined
  if (!(error instanceof TLSError)) return 'internal_error'
  if (error.alert !== undefined && Object.hasOwn(Alert, error.alert)) return error.alert as AlertName
  return 'internal_error'
}

/** TLS 1.2 has no KeyUpdate: what its keys may not protect any more needs a new connection. */
export function keysWornOut(): UsageError {
  return new UsageError('write: the keys of this connection have protected as much as they safely can', {
    code: 'ERR_TLS_KEYS_WORN_OUT',
    hint: 'shut this connection down and make a new one; with TLS 1.3 keys would be changed without that',
  })
}
