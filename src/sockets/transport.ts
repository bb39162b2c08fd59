import type { Duplex } from 'node:stream'

/**
 * Ends a transport and calls back when it is closed. What was written to it, an alert perhaps, goes out first; a peer that takes
 * nothing any more is given a moment for it.
 */
export function closeTransport(transport: Duplex, closed: () => void): void {
  if (transport.closed || transport.destroyed) {
    closed()
    return
  }
  const giveUp = setTimeout(() => transport.destroy(), lingerMilliseconds)
  transport.on('error', ignore)
  transport.once('close', () => {
    clearTimeout(giveUp)
    transport.off('error', ignore)
    closed()
  })
  const destroy = (): void => {
    transport.destroy()
  }
  if (transport.writableFinished || (transport as { connecting?: boolean }).connecting) destroy()
  else {
    transport.once('finish', destroy)
    transport.end()
  }
}

/** How long a transport that is being closed may take to send what it holds. */
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
