import { CipherSuite, type CodePoint, NamedGroup, SignatureScheme } from 'polytls'

const tls12 = 0x0303

/** What authorities demand, as a configuration says it. */
export interface Policy {
  readonly flag: string
  readonly lowest: number
  readonly ciphers: readonly CodePoint[]
  readonly groups: readonly CodePoint[]
  readonly signatureSchemes: readonly CodePoint[]
}
const {
  TLS_AES_128_GCM_SHA256,
  TLS_AES_256_GCM_SHA384,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
} = CipherSuite
const gcm256 = [TLS_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]
const { secp256r1, secp384r1 } = NamedGroup
const {
  ecdsa_secp256r1_sha256,
  ecdsa_secp384r1_sha384,
  rsa_pkcs1_sha256,
  rsa_pkcs1_sha384,
  rsa_pkcs1_sha512,
  rsa_pss_rsae_sha256,
  rsa_pss_rsae_sha384,
  rsa_pss_rsae_sha512,
} = SignatureScheme
export const policies: readonly Policy[] = [
  {
    flag: '-fips-202205',
    lowest: tls12,
    ciphers: [
      ...gcm256,
      TLS_AES_128_GCM_SHA256,
      TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
      TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ],
    groups: [secp256r1, secp384r1],
    signatureSchemes: [
      ecdsa_secp256r1_sha256,
      rsa_pss_rsae_sha256,
      rsa_pkcs1_sha256,
      ecdsa_secp384r1_sha384,
      rsa_pss_rsae_sha384,
      rsa_pkcs1_sha384,
      rsa_pss_rsae_sha512,
      rsa_pkcs1_sha512,
    ],
  },
  {
    flag: '-wpa-202304',
    lowest: tls12,
    ciphers: gcm256,
    groups: [secp384r1],
    signatureSchemes: [
      ecdsa_secp384r1_sha384,
      rsa_pss_rsae_sha384,
      rsa_pkcs1_sha384,
      rsa_pss_rsae_sha512,
      rsa_pkcs1_sha512,
    ],
  },
  // ML-KEM-1024, which these allow or prefer, is not implemented; the rest of them can be kept.
  {
    flag: '-cnsa1-202603',
    lowest: tls12,
    ciphers: gcm256,
    groups: [secp384r1],
    signatureSchemes: [ecdsa_secp384r1_sha384, rsa_pss_rsae_sha384, rsa_pkcs1_sha384],
  },
]
