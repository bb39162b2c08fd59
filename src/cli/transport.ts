import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import { type Endpoint, formatEndpoint } from './endpoint.ts'

/** A connection in plain text, and what it took. */
export interface Transport {
  readonly socket: Duplex
  /** The address that was reached, with its port. */
  readonly address: string
  /** Until it was connected, the look-up of the name included. */
  readonly connectMilliseconds: number
  /** `undefined` where there was no name to look up. */
  readonly lookupMilliseconds: number | undefined
}

/** Connects apart from TLS, so that the phases can be told from one another, in time and when they fail. */
export function openTransport(endpoint: Endpoint, timeoutMilliseconds: number): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    let lookupMilliseconds: number | undefined
    // Half open: TLS decides when its own direction ends.
    const socket = net.connect({ ...endpoint, noDelay: true, allowHalfOpen: true })
    const timer = setTimeout(() => socket.destroy(timedOut()), timeoutMilliseconds)
    socket.once('error', fail)
    socket.once('lookup', () => {
      if (net.isIP(endpoint.host) === 0) lookupMilliseconds = performance.now() - startedAt
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      const address = formatEndpoint({ host: socket.remoteAddress ?? endpoint.host, port: endpoint.port })
      resolve({ socket, address, connectMilliseconds: performance.now() - startedAt, lookupMilliseconds })
    })
    function fail(error: Error): void {
      clearTimeout(timer)
      reject(error)
    }
  })
}

/** As the kernel says it. */
export function timedOut(): Error {
  return Object.assign(new Error('connecting took too long'), { code: 'ETIMEDOUT', syscall: 'connect' })
}
