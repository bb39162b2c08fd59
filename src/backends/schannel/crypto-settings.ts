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
