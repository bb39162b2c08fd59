/** Who the peer proved to be, for the application's veto. */
export interface PeerIdentity {
  /** The certificates that the peer sent, DER, its own first. Empty for a client that showed none. */
  readonly chain: readonly Uint8Array[]
  /** The name that was asked for; `undefined` if none was. */
  readonly serverName: string | undefined
  /** Whether the peer showed this chain in an earlier connection, which this one resumes. Default: false. */
  readonly resumed?: boolean
}

/** What the application says about a peer; the reason of a refusal becomes part of the error. */
export type Verdict = { readonly accept: true } | { readonly accept: false; readonly reason: string }

/**
 * The application's veto. It runs after the backend's own verification succeeded and before any byte of the application is
 * sent or handed over; it can only refuse, never excuse. A connection that is resumed asks again: what was accepted then may have
 * been revoked since. Early data alone goes before it.
 */
export type VerifyPeer = (peer: PeerIdentity) => Verdict | Promise<Verdict>
