import { NamedGroup } from '../../config/named-group.ts'
import type { CodePoint } from '../../config/registry.ts'

/** What an algorithm that is disabled would be used for: eTlsAlgorithmUsage. */
export const AlgorithmUsage = { KeyExchange: 0, Signature: 1, Cipher: 2, Digest: 3, CertSig: 4 } as const

/** One entry of TLS_PARAMETERS.pDisabledCrypto: CRYPTO_SETTINGS. */
export interface CryptoSetting {
  readonly usage: keyof typeof AlgorithmUsage
  /** The name that CNG gives the algorithm. */
  readonly algorithm: string
  /** The names that CNG gives the modes; empty where the algorithm has none. */
  readonly chainingModes: readonly string[]
}

/**
 * What to disable so that of Schannel's suites and groups those that are wanted remain. Schannel cannot be given a list of suites; it can
 * be told algorithms that no suite may use. So everything is disabled that no wanted suite needs. What slips through, because a wanted suite
 * shares all its algorithms with others, is refused when a peer chooses it (see `negotiation.ts`).
 *
 * @param groups Undefined where any group will do.
 */
export function disabledCrypto(
  suites: ReadonlySet<CodePoint>,
  groups: ReadonlySet<CodePoint> | undefined,
): readonly CryptoSetting[] {
  const needed = new Set([...suites].flatMap((suite) => algorithmsOf.get(suite) ?? []))
  const anyTLS13 = [...suites].some((suite) => suite >> 8 === 0x13)
  const disabled = [...known].filter((algorithm) => {
    // Suites of TLS 1.3 say nothing of signatures, and any may be needed there.
    if (algorithm.startsWith('Signature') && anyTLS13) return false
    return !needed.has(algorithm)
  })
  const modes = disabled.flatMap((algorithm) => /^Cipher AES (\w+)/.exec(algorithm)?.[1] ?? [])
  return [
    ...disabled.filter((algorithm) => !algorithm.startsWith('Cipher AES ')).map(settingOf),
    ...(modes.length === 0 ? [] : [{ usage: 'Cipher', algorithm: 'AES', chainingModes: modes } as const]),
    ...[...curves].flatMap(([group, algorithm]) =>
      groups === undefined || groups.has(group)
        ? []
        : [{ usage: 'KeyExchange', algorithm, chainingModes: [] } as const],
    ),
  ]
}

/** By the names of CNG. BCRYPT_ECDH_P256_ALGORITHM and its like, and BCRYPT_ECC_CURVE_25519. */
const curves: ReadonlyMap<CodePoint, string> = new Map([
  [NamedGroup.secp256r1, 'ECDH_P256'],
  [NamedGroup.secp384r1, 'ECDH_P384'],
  [NamedGroup.secp521r1, 'ECDH_P521'],
  [NamedGroup.x25519, 'curve25519'],
])

function settingOf(algorithm: string): CryptoSetting {
  const [usage, name] = algorithm.split(' ')
  return { usage: usage as CryptoSetting['usage'], algorithm: name ?? '', chainingModes: [] }
}

const gcm = 'Cipher AES ChainingModeGCM'
const cbc = 'Cipher AES ChainingModeCBC'
const ccm = 'Cipher AES ChainingModeCCM'
const chacha = 'Cipher CHACHA20_POLY1305'
const [sha1, sha256, sha384] = ['Digest SHA1', 'Digest SHA256', 'Digest SHA384']
const [ecdsa, rsaSigned] = ['Signature ECDSA', 'Signature RSA']
const [finiteField, enciphered] = ['KeyExchange DH', 'KeyExchange RSA']

/** The suites that any release of Windows with TLS 1.2 has, each with what it uses. Source: Microsoft, "TLS Cipher Suites in Windows 11". */
const algorithmsOf: ReadonlyMap<CodePoint, readonly string[]> = new Map([
  [0x1301, [gcm, sha256]],
  [0x1302, [gcm, sha384]],
  [0x1303, [chacha, sha256]],
  [0x1304, [ccm, sha256]],
  [0x1305, [ccm, sha256]],
  [0xc02b, [gcm, sha256, ecdsa]],
  [0xc02c, [gcm, sha384, ecdsa]],
  [0xc02f, [gcm, sha256, rsaSigned]],
  [0xc030, [gcm, sha384, rsaSigned]],
  [0xcca8, [chacha, sha256, rsaSigned]],
  [0xcca9, [chacha, sha256, ecdsa]],
  [0xc0ac, [ccm, sha256, ecdsa]],
  [0xc0ad, [ccm, sha256, ecdsa]],
  [0xc0ae, [ccm, sha256, ecdsa]],
  [0xc0af, [ccm, sha256, ecdsa]],
  [0x009e, [gcm, sha256, rsaSigned, finiteField]],
  [0x009f, [gcm, sha384, rsaSigned, finiteField]],
  [0xc023, [cbc, sha256, ecdsa]],
  [0xc024, [cbc, sha384, ecdsa]],
  [0xc027, [cbc, sha256, rsaSigned]],
  [0xc028, [cbc, sha384, rsaSigned]],
  [0xc009, [cbc, sha1, ecdsa]],
  [0xc00a, [cbc, sha1, ecdsa]],
  [0xc013, [cbc, sha1, rsaSigned]],
  [0xc014, [cbc, sha1, rsaSigned]],
  [0x0033, [cbc, sha1, rsaSigned, finiteField]],
  [0x0039, [cbc, sha1, rsaSigned, finiteField]],
  [0x009c, [gcm, sha256, enciphered]],
  [0x009d, [gcm, sha384, enciphered]],
  [0x003c, [cbc, sha256, enciphered]],
  [0x003d, [cbc, sha256, enciphered]],
  [0x002f, [cbc, sha1, enciphered]],
  [0x0035, [cbc, sha1, enciphered]],
  [0x000a, ['Cipher 3DES', sha1, enciphered]],
  [0x0005, ['Cipher RC4', sha1, enciphered]],
])

/** Every algorithm of the table. */
const known: ReadonlySet<string> = new Set([...algorithmsOf.values()].flat())

/**
 * Suites that no configuration can have: without a certificate there would be nothing to verify, and without encryption nothing to
 * protect. Of those, Schannel has some by TLS_PSK and TLS_RSA_WITH_NULL.
 */
export function isUsableSuite(suite: CodePoint): boolean {
  return algorithmsOf.has(suite)
}
