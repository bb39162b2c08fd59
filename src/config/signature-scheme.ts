import { type CodePoint, codePointName } from './registry.ts'

/**
 * Signature schemes, for the handshake and for certificates.
 * Source: IANA, TLS SignatureScheme; RFC 9846, Section 4.2.3.
 */
export const SignatureScheme = {
  rsa_pkcs1_sha256: 0x0401,
  rsa_pkcs1_sha384: 0x0501,
  rsa_pkcs1_sha512: 0x0601,
  ecdsa_secp256r1_sha256: 0x0403,
  ecdsa_secp384r1_sha384: 0x0503,
  ecdsa_secp521r1_sha512: 0x0603,
  rsa_pss_rsae_sha256: 0x0804,
  rsa_pss_rsae_sha384: 0x0805,
  rsa_pss_rsae_sha512: 0x0806,
  ed25519: 0x0807,
  ed448: 0x0808,
  rsa_pss_pss_sha256: 0x0809,
  rsa_pss_pss_sha384: 0x080a,
  rsa_pss_pss_sha512: 0x080b,
} as const
export type SignatureScheme = (typeof SignatureScheme)[keyof typeof SignatureScheme]

/** The IANA name of a scheme; its number in hexadecimal where this library has no name for it. */
export function signatureSchemeName(codePoint: CodePoint): string {
  return codePointName(SignatureScheme, codePoint)
}
