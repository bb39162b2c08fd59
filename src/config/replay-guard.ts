/**
 * Remembers early data that was seen, so that a server takes it once: TLS itself cannot tell a repetition from the first time.
 * Servers that share tickets have to share the guard too. RFC 9846, Section 8.
 */
export interface ReplayGuard {
  /**
   * Whether this is the first time that it sees `identifier`, now or later. It must be sure: two askers of the same identifier, in
   * whatever process, must not both hear yes; where it cannot tell, the answer is no, and the client sends its data again after the
   * handshake. It may forget an identifier at `expiresAtMilliseconds` (since 1970): older ones are refused by their age.
   */
  admit(identifier: Uint8Array, expiresAtMilliseconds: number): boolean | Promise<boolean>
}
