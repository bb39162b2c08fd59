import { Certificate } from './certificate.ts'
import { bufferSource, fileSource, idSource, type Source, typeOf } from './source.ts'

/** Whom to believe: the certificates at which a chain may end. Source: PEP 748, TrustStore. */
export class TrustStore {
  readonly source:
    | Source
    | { readonly kind: 'system' }
    | { readonly kind: 'certificates'; readonly certificates: readonly Certificate[] }

  private constructor(source: TrustStore['source']) {
    this.source = source
    Object.freeze(this)
  }

  /** What the machine trusts. A client that is given no trust store uses this. */
  static system(): TrustStore {
    return TrustStore.systemStore
  }

  /** Any number of certificates in PEM, or one in DER. */
  static fromBuffer(pem: Uint8Array | string): TrustStore {
    return new TrustStore(bufferSource('TrustStore.fromBuffer', pem))
  }

  /** A file with any number of certificates in PEM. */
  static fromFile(path: string): TrustStore {
    return new TrustStore(fileSource('TrustStore.fromFile', path))
  }

  /** A store that only a backend can find. */
  static fromId(id: string): TrustStore {
    return new TrustStore(idSource('TrustStore.fromId', id))
  }

  /**
   * A private authority, or exactly the self-signed certificate of one device: the safe form of "insecure". Nothing else is
   * trusted then, and names are still checked.
   */
  static fromCertificates(certificates: readonly Certificate[]): TrustStore {
    if (!Array.isArray(certificates) || !certificates.every((each) => each instanceof Certificate)) {
      throw new TypeError(`TrustStore.fromCertificates: expected an array of Certificate, got ${typeOf(certificates)}`)
    }
    if (certificates.length === 0) throw new TypeError('TrustStore.fromCertificates: an empty store trusts nobody')
    return new TrustStore(Object.freeze({ kind: 'certificates', certificates: Object.freeze([...certificates]) }))
  }

  private static readonly systemStore: TrustStore = new TrustStore(Object.freeze({ kind: 'system' }))
}
