import type { DuplexOptions } from 'node:stream'
import type { ClientContext, ServerContext } from '../channel/context.ts'
import type { ConnectionFacts } from '../channel/facts.ts'
import type { TLSBuffer } from '../channel/tls-buffer.ts'
import { defaultHandshakeTimeoutMilliseconds } from '../config/common-options.ts'
import type { PeerIdentity } from '../config/peer-identity.ts'
import { HandshakeTimeoutError } from '../errors.ts'
import { CertificateRequests } from './certificate-requests.ts'
import { KeyMaterialMembers } from './key-material-members.ts'

/** What TLS 1.3 lets a socket do beside carrying data: sessions, early data, new keys, authentication of clients later. */
export abstract class SessionMembers extends KeyMaterialMembers {
  readonly context: ClientContext | ServerContext
  protected readonly channel: TLSBuffer
  /** Hands what the channel has produced to the transport; answers whether the transport takes more at once. */
  protected abstract flushChannel(): boolean
  /** What is to be told of them, the socket says. */
  protected readonly certificateRequests: CertificateRequests = new CertificateRequests()
  #early: Uint8Array[] = []
  #hasEarly = false

  constructor(channel: TLSBuffer, options: DuplexOptions) {
    super(options)
    this.channel = channel
    this.context = channel.context
    // Sessions that came before anybody listened are not lost.
    this.on('newListener', (event) => {
      if (event === 'session') queueMicrotask(() => this.deliverSessions())
    })
  }

  /** What was agreed; nothing before the handshake is done. Stays readable after the end. */
  get facts(): ConnectionFacts {
    return this.channel.facts
  }

  /**
   * On a server: what the client said before the handshake and nobody listened to (`earlyData`). It may be a replay, so act only on what
   * is safe to happen twice. RFC 9846, Section 8; RFC 8470 says how HTTP does it.
   */
  get earlyData(): Buffer {
    return Buffer.concat(this.#early)
  }

  /**
   * On a server whose client sent early data that was accepted: answers it at once, while nobody has proved to be there. What is written by
   * `write` waits for the handshake. Answers whether the transport takes more at once.
   * @throws UsageError where no early data was accepted.
   */
  writeEarly(data: Uint8Array): boolean {
    if (!this.secureConnecting) return this.write(data)
    let takesMore = true
    for (let rest = data; rest.byteLength > 0; takesMore = this.flushChannel()) {
      const taken = this.channel.writeEarlyData(rest)
      if (typeof taken === 'number') rest = rest.subarray(taken)
    }
    return takesMore
  }

  /**
   * Changes the keys with which we send; with `requestPeer` the peer is asked to do so too. RFC 9846, Section 4.6.3.
   * @throws UsageError in TLS 1.2 and before the handshake is done.
   */
  updateKeys(options?: { readonly requestPeer?: boolean }): void {
    this.channel.updateKeys(options)
    this.flushChannel()
  }

  /**
   * On a server: sends the client one more ticket.
   * @throws UsageError on a client, in TLS 1.2, where sessions are off, and once the socket has ended.
   */
  sendTicket(): void {
    this.channel.sendTicket()
    this.flushChannel()
  }

  /**
   * On a server: asks the client who it is, and resolves when it has answered and been accepted, with no certificates where it declines.
   * From then on `facts` are about the one that it has proved to be. Verification and the veto are those of the handshake: a client that
   * is refused is an error of the socket, and the promise rejects with it; so it does where the connection ends before there is an answer.
   * The answer comes behind the data that the client has sent before, so the socket has to be read. It may take as long as a handshake
   * (`handshakeTimeoutMilliseconds`, the veto included); then the socket ends with a HandshakeTimeoutError, since a client that has sent
   * half an answer keeps a server on OpenSSL from writing. RFC 9846, Section 4.6.2.
   * @throws UsageError (as a rejection) on a client, in TLS 1.2, where the client has not offered it, and where four requests are open;
   * ConfigurationError where the server has no `trustStore`.
   */
  async requestClientCertificate(): Promise<PeerIdentity> {
    const request = this.channel.requestClientCertificate()
    this.flushChannel()
    const milliseconds = this.context.configuration.handshakeTimeoutMilliseconds ?? defaultHandshakeTimeoutMilliseconds
    return await this.certificateRequests.answerTo(request, {
      milliseconds,
      tooLate: () => this.destroy(new HandshakeTimeoutError(milliseconds, 'post-handshake authentication')),
    })
  }

  /** Tells the program of early data, before anything else: `early` once, then `earlyData` for each piece. */
  protected deliverEarlyData(): void {
    while (!this.destroyed) {
      const chunk = this.channel.readEarlyData(earlyReadBytes)
      if (typeof chunk === 'string') return
      if (!this.#hasEarly) {
        this.#hasEarly = true
        this.emit('early')
      }
      if (this.listenerCount('earlyData') > 0) this.emit('earlyData', chunk)
      else this.#early.push(chunk)
    }
  }

  /** Tells the program of sessions that came, if it listens (`session`). */
  protected deliverSessions(): void {
    if (this.destroyed || this.listenerCount('session') === 0) return
    for (const session of this.channel.takeSessions()) this.emit('session', session)
  }
}

const earlyReadBytes = 16_384
