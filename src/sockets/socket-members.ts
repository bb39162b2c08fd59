import { X509Certificate } from 'node:crypto'
import type { AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { PeerCertificate } from 'node:tls'
import type { ConnectionFacts } from '../channel/facts.ts'
import { cipherSuiteName } from '../config/cipher-suite.ts'
import { resetTransport } from './transport.ts'

/**
 * The members of `net.Socket` and `tls.TLSSocket` that libraries use, told from the stream below and from the facts. Where that
 * stream is not a socket, what only a socket has is `undefined` or does nothing.
 */
export abstract class SocketMembers extends Duplex {
  abstract readonly facts: ConnectionFacts
  protected abstract readonly transport: Duplex

  /** Tells a TLS socket from a plain one. */
  readonly encrypted = true
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
  /** Whether the transport is still connecting. As in `node:tls`, the handshake is not part of it: see `secureConnecting`. */
  abstract readonly connecting: boolean
  /** Whether the handshake is still to come, or under way. */
  get secureConnecting(): boolean {
    return !this.destroyed && this.facts.version === undefined
  }
  get pending(): boolean {
    return this.connecting
  }

  /** Emits `timeout` after so long without traffic; 0 never. Nothing is closed by it. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (this.destroyed) return this
    clearTimeout(this.#idleTimer)
    this.#idleMilliseconds = milliseconds
    this.#idleTimer = milliseconds > 0 ? setTimeout(() => this.emit('timeout'), milliseconds).unref() : undefined
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

  /** Whether the peer showed a certificate that was verified. */
  get authorized(): boolean {
    return this.facts.verified
  }
  /** There never is one: a peer that is refused never gets this far. */
  get authorizationError(): undefined {
    return undefined
  }
  /** The protocol inside; false where none was negotiated, as in `node:tls`. */
  get alpnProtocol(): string | false | null {
    return this.facts.version === undefined ? null : (this.facts.innerProtocol ?? false)
  }
  /** The name that the client asked for; false where it asked for none, as in `node:tls`. */
  get servername(): string | false | null {
    return this.facts.version === undefined ? null : (this.facts.serverName ?? false)
  }
  /** The version of TLS; `null` before the handshake is done. */
  getProtocol(): string | null {
    return this.facts.version ?? null
  }
  /** The cipher suite by its IANA name; `undefined` before the handshake is done. */
  getCipher(): { name: string; standardName: string; version: string } | undefined {
    const { cipherSuite, version } = this.facts
    if (cipherSuite === undefined || version === undefined) return undefined
    const name = cipherSuiteName(cipherSuite)
    return { name, standardName: name, version }
  }
  /** Whether the connection went on with an earlier session. */
  isSessionReused(): boolean {
    return this.facts.resumed
  }
  /** The peer's certificate, parsed by Node; `undefined` where it showed none. */
  getPeerX509Certificate(): X509Certificate | undefined {
    const { peerCertificate } = this.facts
    return peerCertificate && new X509Certificate(peerCertificate)
  }
  /** The peer's certificate in the form of `node:tls`; an empty object where it showed none. */
  getPeerCertificate(detailed?: boolean): PeerCertificate | Record<string, never> {
    const [own, ...issuers] = this.facts.peerChain
    if (own === undefined) return {}
    const legacy = new X509Certificate(own).toLegacyObject()
    if (!detailed) return legacy
    let last = legacy as { issuerCertificate?: unknown }
    for (const issuer of issuers) {
      const next = new X509Certificate(issuer).toLegacyObject()
      last.issuerCertificate = next
      last = next as { issuerCertificate?: unknown }
    }
    return legacy
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
