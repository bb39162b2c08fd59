import { X509Certificate } from 'node:crypto'
import type { PeerCertificate } from 'node:tls'
import type { ConnectionFacts } from '../channel/facts.ts'
import { cipherSuiteName } from '../config/cipher-suite.ts'
import { StreamOverSocket } from './stream-over-socket.ts'

/** The members of `tls.TLSSocket` that libraries use, told from the stream below and from the facts. */
export abstract class SocketMembers extends StreamOverSocket {
  abstract readonly facts: ConnectionFacts

  /** Tells a TLS socket from a plain one. */
  readonly encrypted = true

  /** Whether the transport is still connecting. As in `node:tls`, the handshake is not part of it: see `secureConnecting`. */
  abstract override readonly connecting: boolean
  /** Whether the handshake is still to come, or under way. */
  get secureConnecting(): boolean {
    return !this.destroyed && this.facts.version === undefined
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
}
