/** Runs C2SP's Wycheproof vectors (testvectors_v1) against a provider. Used by the tests and by `conformance:wycheproof`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type AeadAlgorithm,
  type Curve,
  curveParameters,
  groupCode,
  type HashAlgorithm,
} from '#polytls/crypto/algorithms.js'
import type { DiffieHellmanGroup } from '#polytls/crypto/key-exchange.js'
import type { PublicKey } from '#polytls/crypto/provider.js'
import { bytesOfHex, type ProviderUnderTest } from './providers.ts'

export const wycheproofFiles = [
  'aes_ccm_test',
  'aes_gcm_test',
  'chacha20_poly1305_test',
  'ecdh_secp256r1_ecpoint_test',
  'ecdh_secp384r1_ecpoint_test',
  'ecdh_secp521r1_ecpoint_test',
  'ecdsa_secp256r1_sha256_test',
  'ecdsa_secp384r1_sha384_test',
  'ecdsa_secp521r1_sha512_test',
  'ed25519_test',
  'hkdf_sha256_test',
  'hkdf_sha384_test',
  'mlkem_768_semi_expanded_decaps_test',
  'rsa_pss_2048_sha256_mgf1_32_test',
  'rsa_signature_2048_sha256_test',
  'x25519_test',
] as const
export type WycheproofFile = (typeof wycheproofFiles)[number]

/** `total` is `ok` and `failed` and every `skipped` together. The acceptable ones are among `ok`, and listed by what happened. */
export interface WycheproofReport {
  readonly file: WycheproofFile
  readonly provider: string
  readonly total: number
  readonly ok: number
  readonly failed: readonly number[]
  readonly acceptable: { readonly accepted: readonly number[]; readonly refused: readonly number[] }
  readonly skipped: readonly { readonly reason: string; readonly count: number }[]
  /** What the numbers do not say. */
  readonly note?: string
}

/** `directory` holds the folder `wycheproof`. Throws when the file is absent, or of a kind that is not known here. */
export function runWycheproof(file: WycheproofFile, directory: string, under: ProviderUnderTest): WycheproofReport {
  const suite = JSON.parse(readFileSync(join(directory, 'wycheproof', `${file}.json`), 'utf8')) as Suite
  const failed: number[] = []
  const accepted: number[] = []
  const refused: number[] = []
  const skipped = new Map<string, number>()
  let ok = 0
  for (const group of suite.testGroups) {
    const run = prepare(suite.algorithm, group, under)
    for (const test of group.tests) {
      if (typeof run === 'string') {
        skipped.set(run, (skipped.get(run) ?? 0) + 1)
        continue
      }
      const outcome = run(test)
      const right =
        outcome !== 'wrong' && (test.result === 'acceptable' || (outcome === 'accepted') === (test.result === 'valid'))
      if (!right) failed.push(test.tcId)
      else ok++
      if (right && test.result === 'acceptable') (outcome === 'accepted' ? accepted : refused).push(test.tcId)
    }
  }
  return {
    file,
    provider: under.crypto.name,
    total: suite.numberOfTests,
    ok,
    failed,
    acceptable: { accepted, refused },
    skipped: [...skipped].map(([reason, count]) => ({ reason, count })),
    ...(suite.algorithm === 'ML-KEM' && under.borrowsMlKem
      ? { note: `this Node (${process.version}) has no ML-KEM: with the one of @noble/post-quantum` }
      : {}),
  }
}

interface Suite {
  readonly algorithm: string
  readonly numberOfTests: number
  readonly testGroups: readonly Group[]
}
interface Group {
  readonly type: string
  readonly keySize: number
  readonly ivSize: number
  readonly tagSize: number
  readonly curve: string
  readonly publicKeyDer: string
  readonly sha: string
  readonly mgfSha: string
  readonly sLen: number
  readonly publicKey: { readonly curve: string }
  readonly tests: readonly Vector[]
}
type Vector = Readonly<
  Record<
    | 'key'
    | 'iv'
    | 'aad'
    | 'msg'
    | 'ct'
    | 'tag'
    | 'public'
    | 'private'
    | 'shared'
    | 'sig'
    | 'ikm'
    | 'salt'
    | 'info'
    | 'okm'
    | 'dk'
    | 'c'
    | 'K',
    string
  >
> & { readonly tcId: number; readonly size: number; readonly result: 'valid' | 'invalid' | 'acceptable' }

/** `wrong`: accepted, but with another result than the vector's. */
type Outcome = 'accepted' | 'refused' | 'wrong'

/** How to run a group's tests, or the reason why they are skipped. */
function prepare(algorithm: string, group: Group, under: ProviderUnderTest): ((test: Vector) => Outcome) | string {
  switch (group.type) {
    case 'AeadTest':
      return prepareAead(algorithm, group, under)
    case 'EcdhEcpointTest':
      return prepareAgreement(groupCode[group.curve as Curve], curveParameters[group.curve as Curve].fieldLength, under)
    case 'XdhComp':
      return prepareAgreement(groupCode.x25519, 32, under)
    case 'EcdsaVerify': {
      const scheme = { secp256r1: 0x0403, secp384r1: 0x0503, secp521r1: 0x0603 }[group.publicKey.curve as Curve]
      return prepareVerification(group, under, (key, message, signature) =>
        under.crypto.verify(scheme, key, message, signature),
      )
    }
    case 'EddsaVerify':
      return prepareVerification(group, under, (key, message, signature) =>
        under.crypto.verify(0x0807, key, message, signature),
      )
    case 'RsassaPssVerify':
      return prepareVerification(group, under, (key, message, signature) =>
        under.crypto.verifyWith(
          { type: 'rsa-pss', hash: hashOf(group.sha), mgfHash: hashOf(group.mgfSha), saltLength: group.sLen },
          key,
          message,
          signature,
        ),
      )
    case 'RsassaPkcs1Verify':
      return prepareVerification(group, under, (key, message, signature) =>
        under.crypto.verifyWith({ type: 'rsa-pkcs1', hash: hashOf(group.sha) }, key, message, signature),
      )
    case 'HkdfTest':
      return (test) => runHkdf(hashOf(algorithm.slice('HKDF-'.length)), test, under)
    case 'MLKEMDecapsValidationTest':
      return (test) => compare(under.decapsulate(bytesOfHex(test.dk), bytesOfHex(test.c)), test.K)
    default:
      throw new Error(`unknown kind of test: ${group.type}`)
  }
}

function prepareAead(algorithm: string, group: Group, under: ProviderUnderTest): ((test: Vector) => Outcome) | string {
  if (group.ivSize !== 96) return 'TLS uses nonces of 96 bits only'
  const name =
    algorithm === 'CHACHA20-POLY1305'
      ? 'chacha20-poly1305'
      : `${algorithm.replace('AES-', `aes-${group.keySize}-`).toLowerCase()}${group.tagSize === 64 ? '-8' : ''}`
  if (group.keySize === 192) return 'TLS does not use AES with keys of 192 bits'
  if (group.tagSize !== 128 && name !== `aes-${group.keySize}-ccm-8`)
    return 'TLS does not use tags of this size with this cipher'
  return (test) => {
    const aead = under.crypto.createAead(name as AeadAlgorithm, bytesOfHex(test.key))
    const nonce = bytesOfHex(test.iv)
    const additionalData = bytesOfHex(test.aad)
    const message = bytesOfHex(test.msg)
    const ciphertext = bytesOfHex(test.ct + test.tag)
    const outcome = compare(aead.open(nonce, additionalData, ciphertext), test.msg)
    if (test.result === 'invalid') return outcome
    // Sealed in two pieces and at an odd offset, as a record layer does it.
    const target = new Uint8Array(5 + ciphertext.length)
    const half = message.length >> 1
    const length = aead.seal(nonce, additionalData, [message.subarray(0, half), message.subarray(half)], target, 5)
    return length === ciphertext.length && compare(target.subarray(5), test.ct + test.tag) === 'accepted'
      ? outcome
      : 'wrong'
  }
}

function prepareAgreement(
  group: DiffieHellmanGroup,
  length: number,
  under: ProviderUnderTest,
): (test: Vector) => Outcome {
  return (test) => {
    const privateKey = new Uint8Array(length)
    const given = bytesOfHex(test.private)
    privateKey.set(given.subarray(Math.max(0, given.length - length)), Math.max(0, length - given.length))
    return compare(under.keyShareFrom(group, privateKey).agree(bytesOfHex(test.public)), test.shared)
  }
}

function prepareVerification(
  group: Group,
  under: ProviderUnderTest,
  verify: (key: PublicKey, message: Uint8Array, signature: Uint8Array) => boolean,
): (test: Vector) => Outcome {
  const imported = under.crypto.importPublicKey(bytesOfHex(group.publicKeyDer))
  const { key } = imported
  if (key === undefined) return () => 'refused'
  return (test) => (verify(key, bytesOfHex(test.msg), bytesOfHex(test.sig)) ? 'accepted' : 'refused')
}

function runHkdf(hash: HashAlgorithm, test: Vector, under: ProviderUnderTest): Outcome {
  const pseudorandomKey = under.crypto.hkdfExtract(hash, bytesOfHex(test.salt), bytesOfHex(test.ikm))
  try {
    return compare(under.crypto.hkdfExpand(hash, pseudorandomKey, bytesOfHex(test.info), test.size), test.okm)
  } catch (error) {
    if (error instanceof RangeError) return 'refused'
    throw error
  }
}

function compare(result: Uint8Array | undefined, expectedHex: string): Outcome {
  if (result === undefined) return 'refused'
  return Buffer.from(result).toString('hex') === expectedHex ? 'accepted' : 'wrong'
}

function hashOf(name: string): HashAlgorithm {
  return name.toLowerCase().replace('-', '') as HashAlgorithm
}
