import { type CodePoint, codePointName, requireCodePoint } from './registry.ts'

/**
 * The cipher suites that this library knows by name: those of TLS 1.3, and of TLS 1.2 those with forward secrecy and an AEAD.
 * Source: PEP 748, CipherSuite; IANA, TLS Cipher Suites.
 */
export const CipherSuite = {
  TLS_AES_128_GCM_SHA256: 0x1301,
  TLS_AES_256_GCM_SHA384: 0x1302,
  TLS_CHACHA20_POLY1305_SHA256: 0x1303,
  TLS_AES_128_CCM_SHA256: 0x1304,
  TLS_AES_128_CCM_8_SHA256: 0x1305,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 0xc02b,
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 0xc02c,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 0xc02f,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 0xc030,
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM: 0xc0ac,
  TLS_ECDHE_ECDSA_WITH_AES_256_CCM: 0xc0ad,
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: 0xc0ae,
  TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8: 0xc0af,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 0xcca8,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 0xcca9,
} as const
export type CipherSuite = (typeof CipherSuite)[keyof typeof CipherSuite]

/** The IANA name of a suite; its number in hexadecimal where this library has no name for it. */
export function cipherSuiteName(codePoint: CodePoint): string {
  return codePointName(CipherSuite, codePoint)
}

/** Whether a suite belongs to TLS 1.3, whose suites name no key exchange and no signature. RFC 9846, Appendix B.4. */
export function isTLS13Suite(codePoint: CodePoint): boolean {
  requireCodePoint(codePoint)
  return codePoint >> 8 === 0x13
}
