import { createHash } from 'node:crypto'
import type { RevocationList } from '../../config/revocation.ts'
import type { TrustStore } from '../../config/trust-store.ts'
import { ConfigurationError } from '../../errors.ts'
import { bytesOf, parseCertificates } from './credentials.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { addRevocationList, encodedLists } from './revocation.ts'

/** What the machine trusts, DER or PEM each. Given by whoever wires the backend: reading it is not a backend's business. */
export type LoadSystemTrust = () => readonly Uint8Array[]

/**
 * Keeps the X509_STOREs of a library. Parsing a system's authorities takes tens of milliseconds, so stores of the same content
 * are built once and shared by all contexts; the least recently used go when there are many.
 */
export class TrustStores {
  readonly #library: Library
  readonly #loadSystemTrust: LoadSystemTrust
  readonly #built = new Map<string, SharedStore>()

  constructor(library: Library, loadSystemTrust: LoadSystemTrust) {
    this.#library = library
    this.#loadSystemTrust = loadSystemTrust
  }

  /**
   * The store for the content of a trust store, and of revocation lists, as it is now. Owned here; a context that uses it takes a
   * reference of its own.
   */
  get(trustStore: TrustStore, revocationLists: readonly RevocationList[] = []): SharedStore {
    // The system's authorities are read once in a process, as every other library on the machine does it.
    const bundles = trustStore.source.kind === 'system' ? undefined : bundlesOf(trustStore)
    const lists = encodedLists(revocationLists)
    const trusted = bundles === undefined ? 'system' : bundles.map((each) => each.toString('latin1')).join('\n')
    const key = [trusted, ...lists.map((each) => createHash('sha256').update(each).digest('hex'))].join('\n')
    const found = this.#built.get(key)
    if (found !== undefined) {
      this.#built.delete(key)
      this.#built.set(key, found)
      return found
    }
    const built = this.#build(bundles ?? this.#loadSystemTrust(), lists)
    this.#built.set(key, built)
    if (this.#built.size > most) this.#dropOldest()
    return built
  }

  #build(bundles: readonly Uint8Array[], revocationLists: readonly Uint8Array[]): SharedStore {
    const { native } = this.#library
    const store = native.X509_STORE_new()
    if (store === null) throw new Error('X509_STORE_new failed')
    const certificates = bundles.flatMap((bundle) => parseCertificates(this.#library, 'trustStore', bundle))
    for (const certificate of certificates) native.X509_STORE_add_cert(store, certificate)

    for (const list of revocationLists) addRevocationList(this.#library, store, list)
    return new SharedStore(this.#library, store, certificates, digestOf([...bundles, ...revocationLists]))
  }

  #dropOldest(): void {
    const [key, store] = this.#built.entries().next().value ?? []
    if (key === undefined) return
    this.#built.delete(key)
    store?.free()
  }
}

/** How many different stores are kept. */
const most = 16

export class SharedStore {
  readonly store: Pointer
  /** The authorities in it, for a server to name in its CertificateRequest. */
  readonly certificates: readonly Pointer[]
  /** Tells what is in it from everything else. */
  readonly digest: string
  readonly #library: Library

  constructor(library: Library, store: Pointer, certificates: readonly Pointer[], digest: string) {
    this.#library = library
    this.store = store
    this.certificates = certificates
    this.digest = digest
  }

  /** Gives up this reference; contexts keep theirs. */
  free(): void {
    for (const certificate of this.certificates) this.#library.native.X509_free(certificate)
    this.#library.native.X509_STORE_free(this.store)
  }
}

function digestOf(bundles: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const bundle of bundles) hash.update(`${bundle.byteLength} `).update(bundle)
  return hash.digest('hex')
}

function bundlesOf({ source }: TrustStore): readonly Buffer[] {
  if (source.kind !== 'certificates') return [bytesOf('trustStore', source as never)]
  if (source.certificates.some((each) => each.source.kind === 'id')) {
    throw new ConfigurationError('trustStore', 'this backend cannot find certificates by id')
  }
  return source.certificates.map((each) => bytesOf('trustStore', each.source))
}
