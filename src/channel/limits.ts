/**
 * How much a channel holds. A peer cannot make it hold more: what does not fit is not taken, and waits in the transport, whose own
 * flow control then slows the peer down. Certificates are bounded by `maxCertificateChainBytes`.
 */

/** Ciphertext that was taken and not yet processed. Room for several records of 2^14 bytes (RFC 9846, Section 5.1). */
export const incomingLimitBytes: number = 128 * 1024

/**
 * Ciphertext that was produced and not yet fetched, at which `write` answers `want-write`. One flight may exceed it, and so may answers
 * to what the peer asks for (new keys, say): at twice as much, `read` and `shutdown` answer `want-write` too and process nothing more.
 */
export const outgoingLimitBytes: number = 128 * 1024

/**
 * How much early data goes into one record. Behind a HelloRetryRequest a server has no keys to open it with, and OpenSSL then holds it to
 * the 2^14 bytes of a record in clear, although what is protected may be longer by 256 (RFC 9846, Section 5.2).
 */
export const earlyRecordBytes: number = 16_384 - 256

/**
 * How much a backend keeps of a session, its ticket above all. A ticket may be as long as all of a ClientHello's extensions together, and
 * one that leaves them no room could not be offered: what is longer than this is not kept.
 */
export const longestSessionStateBytes: number = 48 * 1024

/** The longest Certificate message that is accepted. */
export const maxCertificateChainBytes: number = 100 * 1024

/**
 * The longest OCSP response that is stapled or judged, ten times what responders send. In TLS 1.2 it is a message by itself, of which
 * OpenSSL takes 2^14 bytes, four of them its type and length (RFC 6066, Section 8).
 */
export const longestStapledResponseBytes: number = 16_384 - 4
