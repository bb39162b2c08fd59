import { DecodeError } from '../codec/decode-error.ts'
import type { PublicKey } from '../crypto/provider.ts'
import { UsageError } from '../errors.ts'
import { decodeCertificate, type X509Certificate } from './certificate.ts'
import { type CheckContext, chooseKey, findLeafFault, type PathPurpose } from './certificate-checks.ts'
import { certificateError } from './certificate-fault.ts'
import type { VerificationProfile } from './conformance.ts'
import { searchPath } from './path-search.ts'
import type { RevocationPolicy } from './revocation.ts'
import { parseServerIdentity, type ServerIdentity } from './server-identity.ts'
import type { SignatureVerifier } from './signature-verifier.ts'
import type { TrustAnchors } from './trust-anchors.ts'
import type { VerifiedCertificates } from './verified-certificates.ts'
import { BudgetExhausted, WorkBudget } from './work-budget.ts'

export interface PathRequest {
  /** What the peer sent, in DER: its own certificate first, then others in any order. */
  readonly chain: readonly Uint8Array[]
  readonly anchors: TrustAnchors
  readonly crypto: SignatureVerifier
  /** Whose certificate it is: a client asks for `server-authentication`. */
  readonly purpose: PathPurpose
  /** Milliseconds since 1970, as `Date.now()` gives them; fractions of a second do not count. */
  readonly timeMilliseconds: number
  /** The DNS name or IP address that the certificate must be for; `undefined` to accept any, as a server does of clients. */
  readonly serverName: string | undefined
  /** Default `interoperable`. */
  readonly profile?: VerificationProfile
  /** Whether the leaf's key usage, if it has one, must allow signatures, as TLS needs. Default true. */
  readonly mustSign?: boolean
  /** Default: revocation is not checked. */
  readonly revocation?: RevocationPolicy
  /** How many intermediates, not counting self-issued ones, may be between leaf and anchor. Default 16. */
  readonly maximumIntermediates?: number
  /** What earlier calls verified, to be taken into account and added to. Default: nothing is remembered. */
  readonly remembered?: VerifiedCertificates | undefined
  /** Limits and counters of the work. Default: a new budget with the default limits. */
  readonly budget?: WorkBudget
}

declare const verified: unique symbol

/** The proof that a certificate was verified: only {@link verifyPath} makes it. */
export interface VerifiedPath {
  readonly [verified]: true
  /** From the peer's own certificate to the anchor; a single one where that is trusted itself. */
  readonly path: readonly X509Certificate[]
  readonly leaf: X509Certificate
  readonly anchor: X509Certificate
  /** The leaf's key, ready for verifying the handshake's signature. */
  readonly publicKey: PublicKey
  readonly purpose: PathPurpose
  readonly serverName: string | undefined
}

/**
 * Builds and validates a path from the peer's certificate to a trusted one: RFC 5280, Section 6, and RFC 9525 for the server's name.
 *
 * Throws `CertificateError` with reason, depth, subject and the alert to send. Where several things are wrong, the lack of a path is
 * reported before faults of the peer's own certificate, and of several paths the most telling fault. `UsageError` for a time that is none.
 */
export function verifyPath(request: PathRequest): VerifiedPath {
  const { chain, anchors, crypto, purpose, serverName, remembered, budget = new WorkBudget() } = request
  // Every comparison with NaN is false: such a time would be within any validity.
  if (!Number.isFinite(request.timeMilliseconds)) throw new UsageError('the time of a verification must be a number')
  const leaf = decodeLeaf(chain, remembered)
  const identity = serverName === undefined ? undefined : identityOf(serverName, leaf)
  const context: CheckContext = {
    crypto,
    purpose,
    timeSeconds: Math.floor(request.timeMilliseconds / 1000),
    profile: request.profile ?? 'interoperable',
  }
  const { intermediates, malformed } = decodeIntermediates(chain, remembered)
  const { revocation, maximumIntermediates = 16 } = request
  try {
    const result = searchPath({
      leaf,
      intermediates,
      anchors,
      context,
      revocation,
      maximumIntermediates,
      remembered,
      budget,
    })
    if (result.path === undefined) {
      if (result.fault.reason === 'unknown-issuer' && malformed !== undefined) throw malformed
      throw certificateError(result.fault, result.fault.depth, result.fault.certificate)
    }
    const { path } = result
    const key = chooseKey(leaf, crypto)
    const requirements = { serverIdentity: identity, mustSign: request.mustSign ?? true }
    const fault = findLeafFault(leaf, key, context, requirements)
    if (fault !== undefined) throw certificateError(fault, 0, leaf)
    if (key.key === undefined) throw certificateError(key.fault, 0, leaf)
    remembered?.remember(path)
    const anchor = path[path.length - 1] as X509Certificate
    return { path, leaf, anchor, publicKey: key.key, purpose, serverName } as VerifiedPath
  } catch (error) {
    if (!(error instanceof BudgetExhausted)) throw error
    const problem = `would take more work than allowed: ${error.message}`
    throw certificateError({ reason: 'chain-too-complex', problem }, 0, leaf)
  }
}

function decodeLeaf([der]: readonly Uint8Array[], remembered: VerifiedCertificates | undefined): X509Certificate {
  if (der === undefined) throw certificateError({ reason: 'missing', problem: 'was not sent' }, 0)
  try {
    return remembered?.find(der) ?? decodeCertificate(der)
  } catch (cause) {
    throw malformedCertificate(cause, 0)
  }
}

/** A malformed certificate that no path needs does no harm; it is told only if no path is found. */
function decodeIntermediates(
  chain: readonly Uint8Array[],
  remembered: VerifiedCertificates | undefined,
): {
  readonly intermediates: readonly X509Certificate[]
  readonly malformed: Error | undefined
} {
  const intermediates: X509Certificate[] = []
  let malformed: Error | undefined
  for (let i = 1; i < chain.length; i++) {
    try {
      const der = chain[i] as Uint8Array
      intermediates.push(remembered?.find(der) ?? decodeCertificate(der))
    } catch (cause) {
      malformed ??= malformedCertificate(cause, i)
    }
  }
  return { intermediates, malformed }
}

function malformedCertificate(cause: unknown, depth: number): Error {
  if (!(cause instanceof DecodeError)) throw cause
  return certificateError({ reason: 'malformed', problem: `is malformed: ${cause.message}`, cause }, depth)
}

function identityOf(serverName: string, leaf: X509Certificate): ServerIdentity {
  const identity = parseServerIdentity(serverName)
  if (identity !== undefined) return identity
  const problem = `cannot be for ${JSON.stringify(serverName)}, which is neither a DNS name in ASCII nor an IP address`
  throw certificateError({ reason: 'wrong-host', problem }, 0, leaf)
}
