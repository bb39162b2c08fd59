import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Waits for a socket that is connecting. Exactly one of the two is called; a socket that is closed without a reason fails with none. */
export function awaitConnection(
  transport: Duplex,
  outcome: { connected(): void; failed(error: Error | undefined): void },
): void {
  const forget = (): void => {
    transport.off('error', failed)
    transport.off('close', closed)
    transport.off('connect', connected)
  }
  const failed = (error: Error | undefined): void => {
    forget()
    outcome.failed(error)
  }
  const closed = (): void => failed(undefined)
  const connected = (): void => {
    forget()
    outcome.connected()
  }
  transport.on('error', failed)
  transport.on('close', closed)
  transport.on('connect', connected)
}

/**
 * Ends a transport and calls back when it is closed. What was written to it, an alert perhaps, goes out first; a peer that takes
 * nothing any more is given a moment for it. With `awaitsEnd` the peer gets the same moment to close its side: TCP drops what is
 * still on its way out when something arrives at a socket that is closed, be it a session ticket that nobody asked for.
 */
export function closeTransport(
  transport: Duplex,
  { awaitsEnd }: { readonly awaitsEnd: boolean },
  closed: () => void,
): void {
  // Also where it is destroyed already: a write that failed at once says so only in a moment.
  transport.on('error', ignore)
  if (transport.closed || transport.destroyed) {
    closed()
    return
  }
  const settle = (): void => {
    clearTimeout(giveUp)
    transport.off('close', settle)
    closed()
  }
  const giveUp = setTimeout(() => {
    transport.destroy()
    // Not every stream says that it is closed.
    setImmediate(settle)
  }, lingerMilliseconds)
  const destroy = (): void => {
    if (!awaitsEnd || transport.readableEnded) transport.destroy()
    else transport.once('end', () => transport.destroy())
  }
  transport.once('close', settle)
  if ((transport as Partial<Socket>).connecting) transport.destroy()
  else {
    // Something unread would have TCP drop what is on its way out as well.
    transport.resume()
    if (transport.writableFinished) destroy()
    else {
      transport.once('finish', destroy)
      transport.end()
    }
  }
}

/** Closes a transport at once; where it is a TCP connection, by a reset. */
export function resetTransport(transport: Duplex): void {
  const { resetAndDestroy, connecting, writableEnded, writableFinished } = transport as Partial<Socket> & Duplex
  // Node never closes the handle of a socket that is to be reset while its end is on the way: the descriptor leaks, and the process
  // hangs when it exits.
  if (resetAndDestroy !== undefined && !connecting && writableEnded === writableFinished) {
    try {
      resetAndDestroy.call(transport)
    } catch {
      // Not TCP: Unix sockets have no reset.
    }
  }
  transport.destroy()
}

/** How long a transport that is being closed may take. */
const lingerMilliseconds = 2_000

/**
 * Gives a transport back as a stream that nobody has read from: paused by nothing, with `behind` as the first bytes to come.
 * Calls back when it is in that state.
 */
export function makeFresh(transport: Duplex, behind: Uint8Array, done: () => void): void {
  if (behind.byteLength > 0) transport.unshift(behind)
  // A stream that was paused by hand stays so when somebody starts to listen. Taking a `readable` listener off, even one that was
  // never there, has it look at its listeners anew; there is no other public way.
  transport.off('readable', ignore)
  process.nextTick(done)
}

/** Errors of a transport that is being closed concern nobody any more: what mattered has been reported. */
function ignore(): void {}
