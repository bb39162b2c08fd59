import type { Waiting } from './tls-buffer.ts'

/** What became of a client's early data. `not-sent`: there was no session that allows it, or not so much. */
export type EarlyDataOutcome = 'accepted' | 'rejected' | 'not-sent'

/**
 * Early data (0-RTT): what a client says before the server has answered anything. The client gives it when it makes the channel. A server
 * reads it here, apart from everything else, because it may be a replay. RFC 9846, Sections 2.3 and 8.
 */
export interface EarlyDataSteps {
  /**
   * On a server: at most `maxBytes` of early data, from the ClientHello on; `want-read` while more may come, `closed` when no more will.
   * What nobody reads is kept until the channel is disposed of, within `maxEarlyDataBytes`.
   */
  readEarlyData(maxBytes: number): Uint8Array | Waiting

  /**
   * On a server whose client sent early data that was accepted: writes before the handshake is done. The client has proved that it had
   * the session, and not yet that it is there. Like `write` from then on.
   * @throws UsageError where no early data was accepted.
   */
  writeEarlyData(data: Uint8Array): number | Waiting
}
