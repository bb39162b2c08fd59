import { equalPublicBytes } from '../../crypto/bytes.ts'

/**
 * The last bytes of ServerHello.random by which a server of TLS 1.3 says that it was made to speak less, out of reach of whoever made
 * it. RFC 9846, Section 4.1.3.
 */
export const sentinelOf12: Uint8Array = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 1)
/** The same for TLS 1.1 and older. */
const sentinelOf11 = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0)

export function hasDowngradeSentinel(random: Uint8Array): boolean {
  return [sentinelOf12, sentinelOf11].some((sentinel) => equalPublicBytes(random.subarray(-sentinel.length), sentinel))
}
