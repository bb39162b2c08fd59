import type { KeyShare } from '../../crypto/provider.ts'
import type { ClientHello } from './messages/client-hello.ts'
import type { OfferedExtensions } from './messages/extensions.ts'
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
  /** It holds the ClientHello (after a HelloRetryRequest: all three messages) and no ServerHello yet. */
  readonly transcript: Transcript
}
