import type { AdmitEarlyDataRequest } from '../../channel/pause.ts'
import type { ServerConnection } from './connection.ts'
import type { ProvenKey } from './key-lookup.ts'
import type { Negotiated } from './negotiation13.ts'

/**
 * Whether early data can be taken, if it is new: the question for the guard; `undefined` where it cannot be taken at all. It needs the
 * first of the keys, a session that allows it, the same suite and protocol as then, and an age that fits. RFC 9846, Sections 4.2.10 and 8.3.
 */
export function askAboutEarlyData(
  { connection, negotiated }: { readonly connection: ServerConnection; readonly negotiated: Negotiated },
  { origin, index, obfuscatedTicketAge, binder }: ProvenKey,
): AdmitEarlyDataRequest | undefined {
  const { sessions } = connection.setup
  if (sessions === undefined || origin.kind !== 'session' || index !== 0) return undefined
  const { session } = origin
  const isAllowed =
    session.maxEarlyDataBytes > 0 &&
    // What the client was promised must still hold.
    session.maxEarlyDataBytes <= sessions.maxEarlyDataBytes &&
    session.cipherSuite === negotiated.suite.code &&
    session.innerProtocol === negotiated.innerProtocol
  if (!isAllowed) return undefined
  const now = sessions.now()
  // As the client reckons, and as we do; both modulo 2^32.
  const claimed = (obfuscatedTicketAge - session.ageAdd + 2 ** 32) % 2 ** 32
  if (Math.abs(now - session.issuedAtMilliseconds - claimed) > freshnessMilliseconds) return undefined
  return {
    kind: 'admit-early-data',
    guard: sessions.replayGuard,
    // Nobody can make another hello with the same binder, nor the same hello with another. Section 8.2.
    identifier: connection.crypto.digest('sha256', binder),
    // What is repeated can be fresh for twice as long as ages may differ, its last moment included; and clocks of servers differ.
    expiresAtMilliseconds: now + 3 * freshnessMilliseconds,
  }
}

/** By how much the ages may differ: the way of the ticket, and clocks that do not run alike. */
const freshnessMilliseconds = 10_000
