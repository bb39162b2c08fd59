import type { Transcript } from './transcript.ts'

/** The ClientHello that we sent, as far as the answer has to be compared with it. */
export interface SentHello {
  /** Header included. */
  readonly raw: Uint8Array
  readonly random: Uint8Array
  readonly sessionId: Uint8Array
  /** The codes of all extensions in it: a server may answer no other. RFC 9846, Section 4.2. */
  readonly extensions: ReadonlySet<number>
  /** It holds the ClientHello (after a HelloRetryRequest: all three) and no ServerHello yet. */
  readonly transcript: Transcript
}
