import type { CryptoProvider } from '../../crypto/provider.ts'

/**
 * Values that mean nothing, sent among those that do, so that peers that choke on what they do not know are found out: RFC 8701. Drawn
 * anew for each connection.
 */
export interface Grease {
  readonly cipherSuite: number
  readonly group: number
  readonly version: number
  readonly signatureScheme: number
  readonly extension: number
}

export function drawGrease(crypto: CryptoProvider): Grease {
  const random = crypto.random(5)
  const value = (index: number): number => 0x0a0a + ((random[index] as number) & 0xf) * 0x1010
  return {
    cipherSuite: value(0),
    group: value(1),
    version: value(2),
    signatureScheme: value(3),
    extension: value(4),
  }
}
