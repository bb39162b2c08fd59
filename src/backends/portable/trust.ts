import type { TrustStore } from '../../config/trust-store.ts'
import { hexOfBytes } from '../../crypto/bytes.ts'
import { ConfigurationError } from '../../errors.ts'
import { decodeTrustAnchors, type TrustAnchors } from '../../x509/trust-anchors.ts'
import { bytesOf, certificatesIn, type Loader } from './credentials.ts'

/** What the machine trusts, DER or PEM each. Given by whoever wires the backend: reading it is not a backend's business. */
export type LoadSystemTrust = () => readonly Uint8Array[]

/**
 * Keeps decoded trust stores. A system's authorities take tens of milliseconds, so stores of the same content are decoded once and
 * shared by all contexts; the least recently used go when there are many.
 */
export class TrustStores {
  readonly #loader: Loader
  readonly #loadSystemTrust: LoadSystemTrust | undefined
  readonly #decoded = new Map<string, TrustAnchors>()

  constructor(loader: Loader, loadSystemTrust: LoadSystemTrust | undefined) {
    this.#loader = loader
    this.#loadSystemTrust = loadSystemTrust
  }

  /** The anchors in a trust store's content as it is now. */
  get({ source }: TrustStore): TrustAnchors {
    if (source.kind === 'system') return this.#find('system', () => this.#decodeSystem())
    const bundles = this.#bundlesOf(source)
    const ders = bundles.flatMap((bundle) => certificatesIn('trustStore', bundle))
    return this.#find(ders.map(hexOfBytes).join(), () => decodeGiven(ders))
  }

  #bundlesOf(source: TrustStore['source']): readonly Uint8Array[] {
    if (source.kind !== 'certificates') return [bytesOf(this.#loader, 'trustStore', source)]
    return source.certificates.map((each) => {
      // Of a file or buffer with several certificates the first counts, as everywhere for `Certificate`.
      const [first] = certificatesIn('trustStore', bytesOf(this.#loader, 'trustStore', each.source))
      return first as Uint8Array
    })
  }

  /** The system's authorities are read once in a process, and those that cannot be read are passed over: nobody can mend them here. */
  #decodeSystem(): TrustAnchors {
    if (this.#loadSystemTrust === undefined) {
      throw new ConfigurationError('trustStore', 'this backend knows no trust store of the system')
    }
    const ders = this.#loadSystemTrust().flatMap((bundle) => certificatesIn('trustStore', bundle))
    return decodeTrustAnchors(ders).anchors
  }

  #find(key: string, decode: () => TrustAnchors): TrustAnchors {
    const found = this.#decoded.get(key)
    if (found !== undefined) {
      this.#decoded.delete(key)
      this.#decoded.set(key, found)
      return found
    }
    const decoded = decode()
    this.#decoded.set(key, decoded)
    if (this.#decoded.size > most) {
      const [oldest] = this.#decoded.keys()
      if (oldest !== undefined) this.#decoded.delete(oldest)
    }
    return decoded
  }
}

/** How many different stores are kept. */
const most = 16

function decodeGiven(ders: readonly Uint8Array[]): TrustAnchors {
  const { anchors, malformed } = decodeTrustAnchors(ders)
  const [first] = malformed
  if (first === undefined) return anchors
  throw new ConfigurationError('trustStore', `a certificate in it cannot be read: ${first.error.message}`, {
    cause: first.error,
  })
}
