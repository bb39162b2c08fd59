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
