import { typeOf } from '../config/source.ts'

/** @throws TypeError for what is no AbortSignal, where there is something. */
export function requireSignal(signal: unknown): void {
  if (signal === undefined) return
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return
  throw new TypeError(`signal: expected an AbortSignal, got ${typeOf(signal)}`)
}

/** What an operation fails with when its signal is aborted: the reason where that is an error, or an error because of it. */
export function abortErrorOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error
    ? signal.reason
    : new Error('the operation was aborted', { cause: signal.reason })
}

/** Calls once when the signal is aborted, in a later turn if it is already. Answers how to stop listening. */
export function onAbort(signal: AbortSignal, aborted: (error: Error) => void): () => void {
  let stopped = false
  const abort = (): void => {
    if (!stopped) aborted(abortErrorOf(signal))
  }
  if (signal.aborted) process.nextTick(abort)
  else signal.addEventListener('abort', abort, { once: true })
  return () => {
    stopped = true
    signal.removeEventListener('abort', abort)
  }
}
