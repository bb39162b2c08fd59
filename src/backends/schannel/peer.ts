import { X509Certificate } from 'node:crypto'
import type { NativeSecurity, Pointer } from './native.ts'
import type { Session } from './session.ts'

/** The peer's certificate, as long as `use` runs, and everything that the peer sent, DER; nothing of it where it showed none. */
export function withPeer<T>(
  native: NativeSecurity,
  session: Session,
  use: (certificate: Pointer | undefined, chain: readonly Uint8Array[]) => T,
): T {
  const certificate = session.query('REMOTE_CERT_CONTEXT')
  if (certificate === undefined) return use(undefined, Object.freeze([]))
  try {
    return use(certificate, readChain(native, certificate))
  } finally {
    native.CertFreeCertificateContext(certificate)
  }
}

/**
 * Schannel keeps what the peer sent in a store, whose order is none to rely on: it differs between releases of Windows. So each certificate
 * is put behind the one that it issued, and those that issued none of the others at the end.
 */
function readChain(native: NativeSecurity, certificate: Pointer): readonly Uint8Array[] {
  const leaf = new X509Certificate(native.encodedCertificate(certificate))
  const store = native.storeOfCertificate(certificate)
  const found = store === undefined ? [] : native.CertFindCertificatesInStore(store, { kind: 'any' })
  const others: X509Certificate[] = []
  for (const each of found) {
    const other = new X509Certificate(native.encodedCertificate(each))
    native.CertFreeCertificateContext(each)
    if (!other.raw.equals(leaf.raw)) others.push(other)
  }
  const chain = [leaf]
  for (let last: X509Certificate = leaf; ; ) {
    const index = others.findIndex((each) => last.checkIssued(each))
    const [next] = index < 0 ? [] : others.splice(index, 1)
    if (next === undefined) break
    chain.push(next)
    last = next
  }
  return Object.freeze([...chain, ...others].map(({ raw }) => new Uint8Array(raw)))
}
