import type { TrustStore } from '../../config/trust-store.ts'
import { ConfigurationError } from '../../errors.ts'
import { exclusiveEnableCA } from './constants.ts'
import type { Answer, NativeSecurity, Pointer } from './native.ts'
import { bytesOf, parseBundle, parseCertificate } from './sources.ts'
import { lastErrorName } from './status.ts'
import { parseStoreId } from './store-id.ts'

/** Whom a context believes, as Windows has it. */
export interface Trust {
  /** The chain engine; none for the one that trusts what Windows trusts. */
  readonly engine: Pointer | undefined
  /** The store behind it. */
  readonly store: Pointer | undefined
  /** Whether this certificate, DER, is one at which a chain may end. Always false for what Windows trusts: it knows itself. */
  isAnchor(certificate: Uint8Array): boolean
  release(): void
}

export function loadTrust(native: NativeSecurity, { source }: TrustStore): Trust {
  if (source.kind === 'system') {
    return { engine: undefined, store: undefined, isAnchor: () => false, release: () => {} }
  }
  return source.kind === 'id' ? storeOfSystem(native, source.id) : storeOf(native, certificatesOf(source))
}

/** An engine with these certificates and no other, whatever Windows trusts. */
function storeOf(native: NativeSecurity, certificates: readonly Uint8Array[]): Trust {
  const store = must(native.CertOpenStoreInMemory(), 'no store can be opened')
  try {
    for (const each of certificates) {
      must(native.CertAddEncodedCertificateToStore(store, each), 'Windows does not take a certificate of it')
    }
  } catch (thrown) {
    native.CertCloseStore(store)
    throw thrown
  }
  const anchors = new Set(certificates.map(keyOf))
  return engineOn(native, store, (certificate) => anchors.has(keyOf(certificate)))
}

function storeOfSystem(native: NativeSecurity, id: string): Trust {
  const parsed = parseStoreId(id)
  if (typeof parsed === 'string') throw new ConfigurationError('trustStore', parsed)
  const { location, store: name } = parsed
  const store = must(native.CertOpenSystemStore(location, name), `there is no store ${location}/${name}`)
  const found = native.CertFindCertificatesInStore(store, { kind: 'any' })
  const anchors = new Set(found.map((each) => keyOf(native.encodedCertificate(each))))
  for (const each of found) native.CertFreeCertificateContext(each)
  return engineOn(native, store, (certificate) => anchors.has(keyOf(certificate)))
}

function engineOn(native: NativeSecurity, store: Pointer, isAnchor: Trust['isAnchor']): Trust {
  const engine = native.CertCreateCertificateChainEngine({ exclusiveRoot: store, exclusiveFlags: exclusiveEnableCA })
  if (engine.value === undefined) {
    native.CertCloseStore(store)
    throw new ConfigurationError('trustStore', `Windows makes no chain engine for it: ${lastErrorName(engine.error)}`)
  }
  return {
    engine: engine.value,
    store,
    isAnchor,
    release() {
      native.CertFreeCertificateChainEngine(engine.value)
      native.CertCloseStore(store)
    },
  }
}

function certificatesOf(source: TrustStore['source']): readonly Uint8Array[] {
  if (source.kind !== 'certificates') return parseBundle('trustStore', bytesOf('trustStore', source))
  return source.certificates.map((each) => parseCertificate('trustStore', bytesOf('trustStore', each.source)).raw)
}

function must<T>(answer: Answer<T>, what: string): T {
  if (answer.error === undefined) return answer.value
  throw new ConfigurationError('trustStore', `${what}: ${lastErrorName(answer.error)}`)
}

function keyOf(certificate: Uint8Array): string {
  return Buffer.from(certificate.buffer, certificate.byteOffset, certificate.byteLength).toString('latin1')
}
