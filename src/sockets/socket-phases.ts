import { type CommonOptions, defaultHandshakeTimeoutMilliseconds } from '../config/common-options.ts'
import { HandshakeTimeoutError, UsageError } from '../errors.ts'
import type { TLSSocket } from './tls-socket.ts'

/** How long each phase took, in milliseconds. */
export interface PhaseTimes {
  /** From the call until the transport was connected; 0 for a stream that was given. */
  readonly connect: number
  /** From then until the handshake was done, the veto included. */
  readonly handshake: number
}

/** Times the phases of a connection, and says when they have taken too long together. */
export class HandshakeClock {
  #timer: NodeJS.Timeout | undefined
  readonly #createdAt: number = performance.now()
  #connectedAt: number = this.#createdAt
  #times: PhaseTimes | undefined

  constructor({ handshakeTimeoutMilliseconds: limit }: CommonOptions, tooLate: (error: HandshakeTimeoutError) => void) {
    const milliseconds = limit ?? defaultHandshakeTimeoutMilliseconds
    this.#timer = setTimeout(() => tooLate(new HandshakeTimeoutError(milliseconds)), milliseconds)
  }

  connected(): void {
    this.#connectedAt = performance.now()
  }

  secured(): void {
    this.stop()
    this.#times = {
      connect: this.#connectedAt - this.#createdAt,
      handshake: performance.now() - this.#connectedAt,
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Whether it keeps the process running, as `ref` and `unref` of sockets say. */
  ref(): void {
    this.#timer?.ref()
  }
  unref(): void {
    this.#timer?.unref()
  }

  /** `undefined` until the handshake is done. */
  get times(): PhaseTimes | undefined {
    return this.#times
  }
}

/** Resolves when the handshake is done; rejects with what went wrong before. */
export function secured<Socket extends TLSSocket>(socket: Socket): Promise<Socket> {
  const closedEarly = (): Error =>
    socket.errored ?? new UsageError('the socket was closed before its handshake was done')
  if (socket.times !== undefined) return Promise.resolve(socket)
  if (socket.destroyed) return Promise.reject(closedEarly())
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off('secureConnect', settle)
      socket.off('error', settle)
      socket.off('close', settle)
      if (socket.times !== undefined) resolve(socket)
      else reject(closedEarly())
    }
    socket.on('secureConnect', settle)
    socket.on('error', settle)
    socket.on('close', settle)
  })
}

/**
 * Fails a socket, one turn later where nobody listens yet. What comes in one chunk with the handshake's end fails before whoever awaits
 * the connection has had a turn to listen; an error that nobody hears ends the process, and no peer must have that in its hand.
 */
export function whenHeard(socket: TLSSocket, fail: () => void): void {
  if (socket.listenerCount('error') > 0) fail()
  else setImmediate(fail)
}

/** Ends a socket and resolves when it is closed; a peer that does not close its side is cut off. */
export async function closeGracefully(socket: TLSSocket): Promise<void> {
  if (socket.closed) return
  await new Promise<void>((resolve) => {
    const cutOff = setTimeout(() => socket.resetAndDestroy(), patienceMilliseconds)
    socket.once('close', () => {
      clearTimeout(cutOff)
      resolve()
    })
    // Nobody is there any more for what may still come or go wrong.
    socket.on('error', () => {})
    socket.resume()
    socket.end()
  })
}

/** How long the peer may take to close its side. */
const patienceMilliseconds = 5_000
