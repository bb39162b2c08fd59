import type { PeerIdentity, Verdict } from '../config/peer-identity.ts'
import type { CodePoint } from '../config/registry.ts'
import type { Signer } from '../config/signer.ts'
import type { ServerContext } from './context.ts'

/**
 * What a paused channel asks of its driver. Nothing is decided inside the channel: the driver obtains the answer, now or later, and
 * calls `resume`. This is how a synchronous channel meets asynchronous keys and decisions.
 */
export type PauseRequest = SignRequest | VerifyPeerRequest | ChooseContextRequest

/** Sign `message` with a key that is elsewhere. Answered by the signature. */
export interface SignRequest {
  readonly kind: 'sign'
  readonly signer: Signer
  readonly scheme: CodePoint
  readonly message: Uint8Array
}

/** The application's veto over a peer that the backend verified. Answered by a Verdict. */
export interface VerifyPeerRequest {
  readonly kind: 'verify-peer'
  readonly peer: PeerIdentity
}

/** Which context serves this ClientHello. Answered by a ServerContext of the same backend. */
export interface ChooseContextRequest {
  readonly kind: 'choose-context'
  readonly clientHello: ClientHello
}

/** What a client asks for in its first message. RFC 9846, Section 4.1.2. */
export interface ClientHello {
  readonly serverName: string | undefined
  readonly innerProtocols: readonly string[]
  /** The whole handshake message. */
  readonly raw: Uint8Array
}

/** The answer to the request that is open, or the reason why there is none; the channel then fails with that reason as cause. */
export type PauseAnswer = Uint8Array | Verdict | ServerContext | { readonly failed: unknown }
