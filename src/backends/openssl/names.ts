import { CipherSuite } from '../../config/cipher-suite.ts'
import { NamedGroup } from '../../config/named-group.ts'
import type { CodePoint } from '../../config/registry.ts'
import { SignatureScheme } from '../../config/signature-scheme.ts'
import { NID } from './constants.ts'

/** OpenSSL's own names for what the registries of IANA number. Its groups and schemes cannot be set by number. */

export const groupNames: ReadonlyMap<CodePoint, string> = new Map<CodePoint, string>([
  [NamedGroup.X25519MLKEM768, 'X25519MLKEM768'],
  [NamedGroup.SecP256r1MLKEM768, 'SecP256r1MLKEM768'],
  [NamedGroup.SecP384r1MLKEM1024, 'SecP384r1MLKEM1024'],
  [NamedGroup.x25519, 'X25519'],
  [NamedGroup.secp256r1, 'P-256'],
  [NamedGroup.x448, 'X448'],
  [NamedGroup.secp521r1, 'P-521'],
  [NamedGroup.secp384r1, 'P-384'],
  [NamedGroup.ffdhe2048, 'ffdhe2048'],
  [NamedGroup.ffdhe3072, 'ffdhe3072'],
  [NamedGroup.ffdhe4096, 'ffdhe4096'],
])

/** Schemes are known to OpenSSL by the names of IANA. */
export const schemeNames: ReadonlyMap<CodePoint, string> = new Map(
  Object.entries(SignatureScheme).map(([name, codePoint]) => [codePoint, name]),
)

export const suiteNames: ReadonlyMap<CodePoint, string> = new Map<CodePoint, string>([
  [CipherSuite.TLS_AES_128_GCM_SHA256, 'TLS_AES_128_GCM_SHA256'],
  [CipherSuite.TLS_AES_256_GCM_SHA384, 'TLS_AES_256_GCM_SHA384'],
  [CipherSuite.TLS_CHACHA20_POLY1305_SHA256, 'TLS_CHACHA20_POLY1305_SHA256'],
  [CipherSuite.TLS_AES_128_CCM_SHA256, 'TLS_AES_128_CCM_SHA256'],
  [CipherSuite.TLS_AES_128_CCM_8_SHA256, 'TLS_AES_128_CCM_8_SHA256'],
  [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  [CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 'ECDHE-RSA-AES128-GCM-SHA256'],
  [CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, 'ECDHE-RSA-AES256-GCM-SHA384'],
  [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM, 'ECDHE-ECDSA-AES128-CCM'],
  [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CCM, 'ECDHE-ECDSA-AES256-CCM'],
  [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, 'ECDHE-ECDSA-AES128-CCM8'],
  [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8, 'ECDHE-ECDSA-AES256-CCM8'],
  [CipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 'ECDHE-RSA-CHACHA20-POLY1305'],
  [CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 'ECDHE-ECDSA-CHACHA20-POLY1305'],
])

/** What SSL_get_negotiated_group answers: the NID of a group, or its code point above this mark where it has no NID. */
const unknownGroupMark = 0x1000000
const groupByNID: ReadonlyMap<number, CodePoint> = new Map<number, CodePoint>([
  [415, NamedGroup.secp256r1],
  [715, NamedGroup.secp384r1],
  [716, NamedGroup.secp521r1],
  [1034, NamedGroup.x25519],
  [1035, NamedGroup.x448],
  [1126, NamedGroup.ffdhe2048],
  [1127, NamedGroup.ffdhe3072],
  [1128, NamedGroup.ffdhe4096],
])

export function groupOfNegotiated(answer: number): CodePoint | undefined {
  return answer >= unknownGroupMark ? answer - unknownGroupMark : groupByNID.get(answer)
}

/** The scheme that OpenSSL describes by a kind of signature, a hash, and the kind of key that made it. */
export function schemeOf(signature: number, hash: number, key: number): CodePoint | undefined {
  if (signature === NID.ED25519) return SignatureScheme.ed25519
  if (signature === NID.ED448) return SignatureScheme.ed448
  const size = [NID.sha256, NID.sha384, NID.sha512].indexOf(hash as never)
  if (size < 0) return undefined
  if (signature === NID.X9_62_id_ecPublicKey) return ecdsa[size]
  if (signature === NID.rsassaPss) return key === NID.rsassaPss ? pssWithPssKey[size] : pssWithRsaKey[size]
  return signature === NID.rsaEncryption ? pkcs1[size] : undefined
}

const S = SignatureScheme
const ecdsa = [S.ecdsa_secp256r1_sha256, S.ecdsa_secp384r1_sha384, S.ecdsa_secp521r1_sha512]
const pssWithRsaKey = [S.rsa_pss_rsae_sha256, S.rsa_pss_rsae_sha384, S.rsa_pss_rsae_sha512]
const pssWithPssKey = [S.rsa_pss_pss_sha256, S.rsa_pss_pss_sha384, S.rsa_pss_pss_sha512]
const pkcs1 = [S.rsa_pkcs1_sha256, S.rsa_pkcs1_sha384, S.rsa_pkcs1_sha512]
