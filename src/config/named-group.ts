import { type CodePoint, codePointName } from './registry.ts'

/**
 * Groups for the key exchange.
 * Source: IANA, TLS Supported Groups; RFC 9846, Section 4.2.7.
 */
export const NamedGroup = {
  secp256r1: 0x0017,
  secp384r1: 0x0018,
  secp521r1: 0x0019,
  x25519: 0x001d,
  x448: 0x001e,
  ffdhe2048: 0x0100,
  ffdhe3072: 0x0101,
  ffdhe4096: 0x0102,
  SecP256r1MLKEM768: 0x11eb,
  X25519MLKEM768: 0x11ec,
  SecP384r1MLKEM1024: 0x11ed,
} as const
export type NamedGroup = (typeof NamedGroup)[keyof typeof NamedGroup]

/** The IANA name of a group; its number in hexadecimal where this library has no name for it. */
export function namedGroupName(codePoint: CodePoint): string {
  return codePointName(NamedGroup, codePoint)
}
