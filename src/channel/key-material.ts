/** Secrets for other protocols, bound to this connection. */
export interface KeyMaterial {
  /**
   * Bytes that only the two ends of this connection can compute. Labels are registered, or begin with `EXPERIMENTAL`.
   * RFC 9846, Section 7.5; RFC 5705 for TLS 1.2, where no context and an empty one differ.
   * @param length In bytes, from 1 to 65,535 or what the hash allows.
   */
  exportKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array

  /**
   * The same from what is known before the handshake is done: for early data, and no better than that.
   * @throws UsageError where no early data was accepted (on a client: sent).
   */
  exportEarlyKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array

  /**
   * What ties an authentication inside to this connection, as SCRAM-PLUS wants it.
   * - `tls-exporter`: RFC 9266; any connection of TLS 1.3, those of TLS 1.2 with extended_master_secret.
   * - `tls-server-end-point`: RFC 5929, Section 4; the hash of the server's certificate.
   * @throws UsageError where the connection has no such binding.
   */
  channelBinding(type: ChannelBindingType): Uint8Array
}

export type ChannelBindingType = 'tls-exporter' | 'tls-server-end-point'
