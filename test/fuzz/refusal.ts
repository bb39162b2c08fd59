import assert from 'node:assert/strict'
import { BackendError, TLSError } from 'polytls'

/** Fails where what was thrown is no refusal of ours: no TLSError, or one that says that something inside broke. */
export function assertRefusal(error: unknown, what: string): void {
  const isRefusal = error instanceof TLSError && !(error instanceof BackendError)
  const { stack, cause } = error as Error
  assert.ok(isRefusal, `${what}: ${stack ?? String(error)}\n${cause instanceof Error ? cause.stack : String(cause)}`)
}

/** Whether the call went through. */
export function attempt(call: () => unknown, what: string): boolean {
  try {
    call()
    return true
  } catch (error) {
    assertRefusal(error, what)
    return false
  }
}
