import { X509Certificate } from 'node:crypto'
import type { ServerName } from '../../channel/server-name.ts'
import { cacheOnlyURLRetrieval, Usage } from './constants.ts'
import type { CertificateChain, NativeSecurity, Pointer } from './native.ts'
import { lastErrorName } from './status.ts'
import type { Trust } from './trust.ts'
import { faultOfPolicy, faultOfTrust, firstFault, type TrustFault } from './trust-fault.ts'

/** Whose certificate is to be judged, and by what. */
export interface Verification {
  readonly native: NativeSecurity
  readonly trust: Trust
  /** Whose certificate it is. */
  readonly of: 'client' | 'server'
  /** Whom it has to be for; undefined where that is not checked. */
  readonly serverName: ServerName | undefined
  /** Milliseconds since 1970. */
  readonly now: number
}

/**
 * Has Windows judge the peer's certificate: its chain engine builds a chain and says what is wrong with each certificate in it, its policy
 * for SSL judges the whole. The name is checked once more by the rules that every backend follows: Windows also accepts a common name
 * (RFC 9525, Section 6.3, does not), and does not tell addresses from names.
 *
 * @param certificate The peer's, as Schannel gives it, with what else the peer sent in its store.
 * @param peerChain The same, DER.
 * @returns Why it is refused; undefined where it is accepted.
 */
export function verifyPeer(
  { native, trust, of, serverName, now }: Verification,
  certificate: Pointer,
  peerChain: readonly Uint8Array[],
): TrustFault | undefined {
  const got = native.CertGetCertificateChain({
    engine: trust.engine,
    certificate,
    time: fileTimeOf(now),
    additionalStore: native.storeOfCertificate(certificate),
    usage: of === 'server' ? Usage.serverAuth : Usage.clientAuth,
    // Whom the caller named, the network need not vouch for. Windows' own trust may have an authority fetched that it has not met yet.
    flags: trust.engine === undefined ? 0 : cacheOnlyURLRetrieval,
  })
  if (got.value === undefined) return { reason: 'other', depth: 0, detail: lastErrorName(got.error) }
  try {
    const fault = judge(got.value, trust, now) ?? judgePolicy(native, got.value, trust, of, serverName)
    if (fault !== undefined) return fault
  } finally {
    native.CertFreeCertificateChain(got.value.pointer)
  }
  return isFor(peerChain[0], serverName) ? undefined : { reason: 'wrong-host', depth: 0, detail: undefined }
}

/** What the chain engine objects to. */
function judge(chain: CertificateChain, trust: Trust, now: number): TrustFault | undefined {
  const anchor = anchorOf(chain, trust)
  // Whatever stands in the trust store is trusted as it is, be it a root, an intermediate, or the certificate of one device.
  const judged = anchor === -1 ? chain.elements : chain.elements.slice(0, anchor + 1)
  const isGiven = trust.engine !== undefined
  return firstFault(judged, now) ?? (anchor === -1 ? faultOfTrust(chain, isGiven) : undefined)
}

/** Where the chain meets what the caller gave; -1 where it does not. */
function anchorOf({ elements }: CertificateChain, trust: Trust): number {
  return elements.findIndex(({ certificate }) => trust.isAnchor(certificate))
}

function judgePolicy(
  native: NativeSecurity,
  chain: CertificateChain,
  trust: Trust,
  of: 'client' | 'server',
  serverName: ServerName | undefined,
): TrustFault | undefined {
  const anchor = anchorOf(chain, trust)
  const policy = native.CertVerifyCertificateChainPolicy(chain.pointer, {
    of,
    // Windows would take an address for a name.
    serverName: serverName?.kind === 'dns' ? serverName.name : undefined,
    flags: 0,
  })
  if (policy.value === undefined) return { reason: 'other', depth: 0, detail: lastErrorName(policy.error) }
  const { error, elementIndex } = policy.value
  if (error === 0) return undefined
  return faultOfPolicy(error, elementIndex, anchor)
}

function isFor(certificate: Uint8Array | undefined, serverName: ServerName | undefined): boolean {
  if (serverName === undefined) return true
  if (certificate === undefined) return false
  const parsed = new X509Certificate(certificate)
  if (serverName.kind === 'ip') return parsed.checkIP(serverName.address) !== undefined
  return (
    parsed.checkHost(serverName.name, { subject: 'never', partialWildcards: false, singleLabelSubdomains: false }) !==
    undefined
  )
}

/** Units of 100 ns since 1601. */
export function fileTimeOf(milliseconds: number): bigint {
  return (BigInt(Math.floor(milliseconds)) + 11_644_473_600_000n) * 10_000n
}
