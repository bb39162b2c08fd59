import type { Certificate } from './certificate.ts'
import type { PrivateKey } from './private-key.ts'

/** What one side shows of itself, and the key that proves it. Source: PEP 748, SigningChain. */
export interface SigningChain {
  /** The own certificate. */
  readonly leaf: Certificate
  readonly key: PrivateKey
  /** The intermediate certificates, each signed by the next; the root is not sent. Default: none. */
  readonly chain?: readonly Certificate[]
}
