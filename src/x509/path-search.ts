import { equalBytes, isSelfIssued, type X509Certificate } from './certificate.ts'
import { type CheckContext, chooseKey, findIssuerFault, type KeyChoice } from './certificate-checks.ts'
import { type CertificateFault, shortName } from './certificate-fault.ts'
import type { GeneralName } from './general-name.ts'
import { collectConstrainedNames, findConstraintViolation } from './name-constraints.ts'
import { findPolicyFault } from './policy-tree.ts'
import { findRevocationFault, type RevocationPolicy } from './revocation.ts'
import type { TrustAnchors } from './trust-anchors.ts'
import type { VerifiedCertificates } from './verified-certificates.ts'
import type { WorkBudget } from './work-budget.ts'

export interface SearchRequest {
  readonly leaf: X509Certificate
  /** What the peer sent besides, in any order, possibly useless. */
  readonly intermediates: readonly X509Certificate[]
  readonly anchors: TrustAnchors
  readonly context: CheckContext
  readonly revocation: RevocationPolicy | undefined
  readonly maximumIntermediates: number
  readonly remembered: VerifiedCertificates | undefined
  readonly budget: WorkBudget
}

/** A fault, and which certificate has it. */
export interface LocatedFault extends CertificateFault {
  readonly depth: number
  readonly certificate: X509Certificate
}

export type SearchResult =
  | { readonly path: readonly X509Certificate[] }
  | { readonly path: undefined; readonly fault: LocatedFault }

/**
 * Searches a path from the leaf to an anchor, depth first, the likeliest issuer first, and goes back when a candidate does not do:
 * wrong signature, expired, no authority, wrong purpose, name constraints, policies, revoked. So an unusable cross-certificate never
 * hides a usable path. RFC 5280, Section 6.1, gives the rules for a path; RFC 4158 the considerations of the search.
 *
 * Bounded: an intermediate is followed only where its names can lead to an anchor at all; no path has the same subject and key twice;
 * signatures and what does not depend on the path are checked once per certificate; the {@link WorkBudget} ends the rest.
 */
export function searchPath(request: SearchRequest): SearchResult {
  return new PathSearch(request).run()
}

class PathSearch {
  readonly #request: SearchRequest
  readonly #bySubject: ReadonlyMap<string, readonly X509Certificate[]>
  readonly #issuerFaults = new Map<X509Certificate, CertificateFault | undefined>()
  readonly #constrainedNames = new Map<X509Certificate, readonly GeneralName[]>()
  readonly #signatures = new Map<X509Certificate, Map<X509Certificate, boolean>>()
  #fault: LocatedFault | undefined
  #faultRank = -1

  constructor(request: SearchRequest) {
    this.#request = request
    this.#bySubject = indexAnchored(request.intermediates, request.anchors)
  }

  run(): SearchResult {
    const { leaf, anchors, intermediates, budget } = this.#request
    const pinned = anchors.find(leaf)
    if (pinned !== undefined) return { path: [leaf] }
    const path = this.#extend([leaf])
    if (path !== undefined) return { path }
    return { path: undefined, fault: this.#fault ?? findUntrustedEnd(leaf, intermediates, anchors, budget) }
  }

  #extend(path: readonly X509Certificate[]): readonly X509Certificate[] | undefined {
    const child = path[path.length - 1] as X509Certificate
    for (const { issuer, isAnchor, match } of this.#candidates(child)) {
      this.#request.budget.spend('pathSteps')
      if (!isAnchor && path.some((other) => isSameEntity(other, issuer))) continue
      const longer = [...path, issuer]
      const fault = this.#findStepFault(longer, isAnchor)
      if (fault !== undefined) {
        this.#record(fault, fault.reason === 'bad-signature' ? this.#signatureRank(child, match) : 2 + match)
        continue
      }
      if (!isAnchor) {
        const found = this.#extend(longer)
        if (found !== undefined) return found
        continue
      }
      const wholeFault = this.#findWholeFault(longer)
      if (wholeFault === undefined) return longer
      this.#record(wholeFault, 10)
    }
    return undefined
  }

  /** Possible issuers by name: those whose key identifier fits first, anchors before intermediates, those that contradict last. */
  #candidates(child: X509Certificate): Candidate[] {
    const name = child.issuer.key
    const candidates: Candidate[] = []
    for (const issuer of this.#request.anchors.withSubject(name)) {
      candidates.push({ issuer, isAnchor: true, match: matchKeyIdentifier(child, issuer) })
    }
    for (const issuer of this.#bySubject.get(name) ?? []) {
      candidates.push({ issuer, isAnchor: false, match: matchKeyIdentifier(child, issuer) })
    }
    return candidates.length > 1 ? candidates.sort((a, b) => b.match - a.match) : candidates
  }

  /** What is wrong with the last certificate of the path as issuer of those before. The dear check, the signature, comes last. */
  #findStepFault(path: readonly X509Certificate[], isAnchor: boolean): LocatedFault | undefined {
    const depth = path.length - 1
    const issuer = path[depth] as X509Certificate
    const at = (fault: CertificateFault) => ({ ...fault, depth, certificate: issuer })
    const own = this.#issuerFault(issuer, isAnchor)
    if (own !== undefined) return at(own)
    const below = path.slice(1, depth).filter((certificate) => !isSelfIssued(certificate)).length
    const allowed = issuer.extensions.basicConstraints?.pathLength
    if (allowed !== undefined && below > allowed) {
      return at({ reason: 'path-too-long', problem: `allows ${allowed} authorities below it, and there are ${below}` })
    }
    const { maximumIntermediates } = this.#request
    const count = below + (isAnchor || isSelfIssued(issuer) ? 0 : 1)
    if (count > maximumIntermediates || path.length > MAXIMUM_PATH) {
      return at({
        reason: 'path-too-long',
        problem: `is beyond the ${maximumIntermediates} intermediates that are allowed`,
      })
    }
    return this.#findConstraintFault(path) ?? this.#findSignatureFault(path)
  }

  /** RFC 5280, Section 6.1.3, steps (b) and (c): self-issued certificates are exempt, unless the leaf. */
  #findConstraintFault(path: readonly X509Certificate[]): LocatedFault | undefined {
    const issuer = path[path.length - 1] as X509Certificate
    const constraints = issuer.extensions.nameConstraints
    if (constraints === undefined) return undefined
    for (let depth = 0; depth < path.length - 1; depth++) {
      const certificate = path[depth] as X509Certificate
      if (depth > 0 && isSelfIssued(certificate)) continue
      let names = this.#constrainedNames.get(certificate)
      if (names === undefined) {
        names = collectConstrainedNames(certificate.subject, certificate.extensions.subjectAlternativeName)
        this.#constrainedNames.set(certificate, names)
      }
      const violation = findConstraintViolation(constraints, names, this.#request.budget)
      if (violation !== undefined) {
        const problem = `breaks the name constraints of ${shortName(issuer.subject)}: ${violation}`
        return { reason: 'name-constraints', problem, depth, certificate }
      }
    }
    return undefined
  }

  #findSignatureFault(path: readonly X509Certificate[]): LocatedFault | undefined {
    const depth = path.length - 2
    const certificate = path[depth] as X509Certificate
    const issuer = path[depth + 1] as X509Certificate
    const { signatureChoice } = certificate
    if (signatureChoice.algorithm === undefined) {
      const problem = `is signed by ${signatureChoice.name}, which is not accepted`
      return { reason: 'weak-signature', problem, depth, certificate }
    }
    if (this.#isSignedBy(certificate, issuer)) return undefined
    return {
      reason: 'bad-signature',
      problem: `is not signed by the key of ${shortName(issuer.subject)}`,
      depth,
      certificate,
    }
  }

  #isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
    const { algorithm } = certificate.signatureChoice
    const { key } = this.#key(issuer)
    if (algorithm === undefined || key === undefined) return false
    if (this.#request.remembered?.wasSignedBy(certificate, issuer)) return true
    const known = this.#signatures.get(certificate) ?? new Map<X509Certificate, boolean>()
    this.#signatures.set(certificate, known)
    for (const [other, result] of known) if (hasSameKey(other, issuer)) return result
    this.#request.budget.spend('signatureChecks')
    const result = this.#request.context.crypto.verifyWith(algorithm, key, certificate.tbs, certificate.signature)
    known.set(issuer, result)
    return result
  }

  /** What can be judged only when the path is complete. */
  #findWholeFault(path: readonly X509Certificate[]): LocatedFault | undefined {
    const { revocation, context, budget } = this.#request
    const issued = path.slice(0, -1)
    const steps = issued.map((c) => ({ ...c.extensions, selfIssued: isSelfIssued(c) })).reverse()
    const failed = steps.some((step) => step.policyConstraints !== undefined || step.policyMappings.length > 0)
      ? findPolicyFault(steps, budget)
      : undefined
    if (failed !== undefined) {
      const depth = issued.length - 1 - failed
      const problem = 'has no certificate policy that an authority above it requires'
      return { reason: 'other', problem, depth, certificate: issued[depth] as X509Certificate }
    }
    if (revocation === undefined) return undefined
    for (const [depth, certificate] of (revocation.scope === 'leaf' ? issued.slice(0, 1) : issued).entries()) {
      const issuer = path[depth + 1] as X509Certificate
      const fault = findRevocationFault(certificate, issuer, this.#key(issuer), revocation, context, budget)
      if (fault !== undefined) return { ...fault, depth, certificate }
    }
    return undefined
  }

  #key(certificate: X509Certificate): KeyChoice {
    return chooseKey(certificate, this.#request.context.crypto)
  }

  #issuerFault(issuer: X509Certificate, isAnchor: boolean): CertificateFault | undefined {
    if (this.#issuerFaults.has(issuer)) return this.#issuerFaults.get(issuer)
    const position = isAnchor ? 'anchor' : 'intermediate'
    const fault = findIssuerFault(issuer, position, this.#key(issuer), this.#request.context)
    this.#issuerFaults.set(issuer, fault)
    return fault
  }

  /** A wrong signature means little where another key was meant, or where the certificate signs itself. */
  #signatureRank(child: X509Certificate, match: number): number {
    return match < 0 || isSelfIssued(child) ? -1 : match
  }

  /** The most telling fault wins: of a complete path, then of an issuer that is meant by key, then of one that has the name. */
  #record(fault: LocatedFault, rank: number): void {
    if (rank <= this.#faultRank) return
    this.#fault = fault
    this.#faultRank = rank
  }
}

interface Candidate {
  readonly issuer: X509Certificate
  readonly isAnchor: boolean
  /** 1: the child names this key. 0: it names none. -1: it names another. */
  readonly match: -1 | 0 | 1
}

/** The intermediates from which names lead on to an anchor, by subject, each once. */
function indexAnchored(
  intermediates: readonly X509Certificate[],
  anchors: TrustAnchors,
): ReadonlyMap<string, readonly X509Certificate[]> {
  const byIssuer = new Map<string, X509Certificate[]>()
  for (const certificate of intermediates) {
    const key = certificate.issuer.key
    const same = byIssuer.get(key)
    if (same === undefined) byIssuer.set(key, [certificate])
    else if (
      !same.some(
        (other) => equalBytes(other.signature, certificate.signature) && equalBytes(other.tbs, certificate.tbs),
      )
    )
      same.push(certificate)
  }
  const bySubject = new Map<string, X509Certificate[]>()
  const reached = [...byIssuer.keys()].filter((key) => anchors.withSubject(key).length > 0)
  const seen = new Set(reached)
  for (let issuer = reached.pop(); issuer !== undefined; issuer = reached.pop()) {
    for (const certificate of byIssuer.get(issuer) ?? []) {
      const subject = certificate.subject.key
      const same = bySubject.get(subject)
      if (same === undefined) bySubject.set(subject, [certificate])
      else same.push(certificate)
      if (!seen.has(subject)) {
        seen.add(subject)
        reached.push(subject)
      }
    }
  }
  return bySubject
}

/** Where the chain that the peer sent ends, followed by name only, when it does not lead to an anchor. */
function findUntrustedEnd(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  anchors: TrustAnchors,
  budget: WorkBudget,
): LocatedFault {
  const bySubject = new Map<string, X509Certificate[]>()
  for (const other of intermediates) {
    const same = bySubject.get(other.subject.key)
    if (same === undefined) bySubject.set(other.subject.key, [other])
    else same.push(other)
  }
  const seen = new Set([leaf])
  let certificate = leaf
  for (let depth = 0; ; depth++) {
    if (isSelfIssued(certificate)) {
      if (depth === 0) return { reason: 'self-signed', problem: 'is self-signed and not trusted', depth, certificate }
      return { reason: 'self-signed-in-chain', problem: 'is a root that is not trusted', depth, certificate }
    }
    let next: X509Certificate | undefined
    for (const other of bySubject.get(certificate.issuer.key) ?? []) {
      budget.spend('pathSteps')
      if (seen.has(other) || isSameEntity(other, certificate)) continue
      if (next === undefined || matchKeyIdentifier(certificate, other) > matchKeyIdentifier(certificate, next))
        next = other
    }
    if (next === undefined) {
      const named = anchors.withSubject(certificate.issuer.key).length > 0
      const problem = `is issued by ${shortName(certificate.issuer)}, which is ${named ? 'trusted with another key only' : 'not trusted'}`
      return { reason: 'unknown-issuer', problem, depth, certificate }
    }
    seen.add(next)
    certificate = next
  }
}

function matchKeyIdentifier(child: X509Certificate, issuer: X509Certificate): -1 | 0 | 1 {
  const wanted = child.extensions.authorityKeyIdentifier?.keyIdentifier
  const found = issuer.extensions.subjectKeyIdentifier
  if (wanted === undefined || found === undefined) return 0
  return equalBytes(wanted, found) ? 1 : -1
}

function isSameEntity(a: X509Certificate, b: X509Certificate): boolean {
  return a === b || (hasSameKey(a, b) && a.subject.key === b.subject.key)
}

function hasSameKey(a: X509Certificate, b: X509Certificate): boolean {
  return equalBytes(a.subjectPublicKeyInfo, b.subjectPublicKeyInfo)
}

/** Certificates in a path, self-issued ones included. */
const MAXIMUM_PATH = 32
