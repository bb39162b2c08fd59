import type { AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { longestDelayMilliseconds } from '../config/arguments.ts'
import { typeOf } from '../config/source.ts'
import { resetTransport } from './transport.ts'

/**
 * The members of `net.Socket` that libraries use, told from the stream below. Where that is no socket, what only a socket has is
 * `undefined` or does nothing.
 */
export abstract class StreamOverSocket extends Duplex {
  protected abstract readonly transport: Duplex

  #idleTimer: NodeJS.Timeout | undefined
  #idleMilliseconds = 0
  #peer: { readonly address: string | undefined; readonly port: number | undefined } | undefined

  get #socket(): Partial<Socket> {
    return this.transport as Partial<Socket>
  }

  /** Where the peer is. Stays known after the connection broke, for whoever reports that. */
  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress ?? this.#peer?.address
  }
  get remotePort(): number | undefined {
    return this.#socket.remotePort ?? this.#peer?.port
  }
  get remoteFamily(): string | undefined {
    return this.#socket.remoteFamily
  }
  get localAddress(): string | undefined {
    return this.#socket.localAddress
  }
  get localPort(): number | undefined {
    return this.#socket.localPort
  }
  get localFamily(): string | undefined {
    return this.#socket.localFamily
  }
  /** As `net.Socket`; an empty object where the stream below is no socket. */
  address(): AddressInfo | Record<string, never> {
    return this.#socket.address?.() ?? {}
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.destroyed) return 'closed'
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }
  /** Whether the transport is still connecting. */
  abstract readonly connecting: boolean
  get pending(): boolean {
    return this.connecting
  }

  /** Emits `timeout` after so long without traffic; 0 never. Nothing is closed by it. @throws TypeError and RangeError, as `net.Socket`. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (this.destroyed) return this
    if (typeof milliseconds !== 'number')
      throw new TypeError(`milliseconds: expected a number, got ${typeOf(milliseconds)}`)
    if (!(milliseconds >= 0 && Number.isFinite(milliseconds)))
      throw new RangeError(`milliseconds: ${milliseconds} is not a time to wait`)
    clearTimeout(this.#idleTimer)
    this.#idleMilliseconds = milliseconds
    const delay = Math.min(milliseconds, longestDelayMilliseconds)
    this.#idleTimer = delay > 0 ? setTimeout(() => this.emit('timeout'), delay).unref() : undefined
    if (callback !== undefined) {
      if (milliseconds > 0) this.once('timeout', callback)
      else this.off('timeout', callback)
    }
    return this
  }
  get timeout(): number {
    return this.#idleMilliseconds
  }
  /** As `net.Socket`. Sockets that this library connects or accepts do not delay. */
  setNoDelay(noDelay?: boolean): this {
    this.#socket.setNoDelay?.(noDelay)
    return this
  }
  /** As `net.Socket`. */
  setKeepAlive(enable?: boolean, initialDelayMilliseconds?: number): this {
    this.#socket.setKeepAlive?.(enable, initialDelayMilliseconds)
    return this
  }
  /** As `net.Socket`. */
  ref(): this {
    this.#socket.ref?.()
    return this
  }
  /** As `net.Socket`. */
  unref(): this {
    this.#socket.unref?.()
    return this
  }
  /** Closes at once, and has TCP tell the peer that the connection is broken. What waits to be sent is lost. */
  resetAndDestroy(): this {
    resetTransport(this.transport)
    return this.destroy()
  }
  /** Ends, and destroys once everything is sent. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Says that there was traffic. */
  protected touch(): void {
    this.#idleTimer?.refresh()
  }

  /** Keeps what a closed socket no longer tells. */
  protected rememberPeer(): void {
    this.#peer = { address: this.#socket.remoteAddress, port: this.#socket.remotePort }
  }

  protected stopIdleTimer(): void {
    clearTimeout(this.#idleTimer)
  }
}
