import type { KeyShare } from '../../crypto/provider.ts'
import type { OfferableSession } from './client-sessions.ts'
import type { ClientHello } from './messages/client-hello.ts'
import type { OfferedExtensions } from './messages/extensions.ts'
import type { OfferedKey } from './offered-keys.ts'
import type { SessionState12 } from './session-state.ts'
import type { SuiteParameters } from './suites.ts'
import type { Transcript } from './transcript.ts'

/** The ClientHello that we sent, as far as the answer has to be compared with it. */
export interface SentHello {
  readonly message: Omit<ClientHello, 'type'>
  /** Header included. */
  readonly raw: Uint8Array
  readonly random: Uint8Array
  readonly sessionId: Uint8Array
  /** A server may answer no other extension. */
  readonly extensions: OfferedExtensions
  /** For TLS 1.3, by preference. */
  readonly keyShares: readonly KeyShare[]
  /** The pre-shared keys that were offered, in this order. */
  readonly offered: readonly OfferedKey[]
  /** A session of TLS 1.2 that was offered. */
  readonly session12: OfferedSession12 | undefined
  /** Early data went out behind the first hello, and a HelloRetryRequest has rejected it. */
  readonly rejectedEarlyData: boolean
  /** Early data went out behind the hello, under the first of the keys, for this suite. */
  readonly earlySuite: SuiteParameters | undefined
  /** It holds the ClientHello (after a HelloRetryRequest: all three messages) and no ServerHello yet. */
  readonly transcript: Transcript
}

export interface OfferedSession12 {
  readonly offered: OfferableSession
  readonly state: SessionState12
}
