/**
 * For how long what a full handshake has proved is believed, in milliseconds: resuming gives new tickets, but does not prove anything
 * anew, so that without an end keys from one handshake would go on forever. RFC 9846, Section 4.6.1: a ticket lasts seven days at most,
 * and the keys behind it should have an end too.
 */
const longestTrustMilliseconds = 604_800_000

/** For how long a ticket can be used, in seconds, whatever the server says. RFC 9846, Section 4.6.1. */
export const longestTicketSeconds = 604_800

/** When the peer of a full handshake has to prove again who it is; `certificateEnd` where it has shown a certificate. */
export function authenticatedUntil(nowMilliseconds: number, certificateEnd: number | undefined): number {
  return Math.min(nowMilliseconds + longestTrustMilliseconds, certificateEnd ?? Number.MAX_SAFE_INTEGER)
}
