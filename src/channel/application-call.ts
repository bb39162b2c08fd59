import { BackendError, TLSError } from '../errors.ts'

/**
 * Calls what the application has given, by the name that the configuration has for it. What it throws becomes the connection's failure,
 * which says whose it is.
 */
export function callApplication<T>(backendName: string, name: string, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    if (cause instanceof TLSError) throw cause
    throw applicationFailure(backendName, name, cause)
  }
}

/** What a connection fails with where something of the application's did. */
export function applicationFailure(backendName: string, name: string, cause: unknown): BackendError {
  return new BackendError(backendName, `${name} failed`, { cause })
}
