import { CipherSuite } from '../../config/cipher-suite.ts'
import type { CodePoint } from '../../config/registry.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import type { AeadAlgorithm, HashAlgorithm } from '../../crypto/algorithms.ts'

/** What a cipher suite stands for. */
export interface SuiteParameters {
  readonly code: CodePoint
  readonly version: NegotiatedVersion
  readonly aead: AeadAlgorithm
  /** Of the transcript and of key derivation. */
  readonly hash: HashAlgorithm
  /** TLS 1.2 alone: the kind of key in the certificate. EdDSA goes with `ecdsa`: RFC 8422, Section 2. */
  readonly authentication: 'ecdsa' | 'rsa' | undefined
}

/** Every suite that this backend implements. RFC 9846, Appendix B.4; RFC 5289, RFC 7251, RFC 7905. */
export const suites: ReadonlyMap<CodePoint, SuiteParameters> = new Map<CodePoint, SuiteParameters>([
  tls13(CipherSuite.TLS_AES_128_GCM_SHA256, 'aes-128-gcm', 'sha256'),
  tls13(CipherSuite.TLS_AES_256_GCM_SHA384, 'aes-256-gcm', 'sha384'),
  tls13(CipherSuite.TLS_CHACHA20_POLY1305_SHA256, 'chacha20-poly1305', 'sha256'),
  tls13(CipherSuite.TLS_AES_128_CCM_SHA256, 'aes-128-ccm', 'sha256'),
  tls13(CipherSuite.TLS_AES_128_CCM_8_SHA256, 'aes-128-ccm-8', 'sha256'),
  tls12(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 'aes-128-gcm', 'sha256', 'ecdsa'),
  tls12(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 'aes-256-gcm', 'sha384', 'ecdsa'),
  tls12(CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 'aes-128-gcm', 'sha256', 'rsa'),
  tls12(CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, 'aes-256-gcm', 'sha384', 'rsa'),
  tls12(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM, 'aes-128-ccm', 'sha256', 'ecdsa'),
  tls12(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CCM, 'aes-256-ccm', 'sha256', 'ecdsa'),
  tls12(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, 'aes-128-ccm-8', 'sha256', 'ecdsa'),
  tls12(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8, 'aes-256-ccm-8', 'sha256', 'ecdsa'),
  tls12(CipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 'chacha20-poly1305', 'sha256', 'rsa'),
  tls12(CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 'chacha20-poly1305', 'sha256', 'ecdsa'),
])

function tls13(code: CodePoint, aead: AeadAlgorithm, hash: HashAlgorithm): [CodePoint, SuiteParameters] {
  return [code, { code, version: 'TLSv1.3', aead, hash, authentication: undefined }]
}

function tls12(
  code: CodePoint,
  aead: AeadAlgorithm,
  hash: HashAlgorithm,
  authentication: 'ecdsa' | 'rsa',
): [CodePoint, SuiteParameters] {
  return [code, { code, version: 'TLSv1.2', aead, hash, authentication }]
}
