import { ANY_POLICY, type CertificatePolicies } from './certificate-policies.ts'
import type { WorkBudget } from './work-budget.ts'

/** What the processing of policies needs to know of one certificate. */
export interface PolicyStep extends CertificatePolicies {
  readonly selfIssued: boolean
}

/**
 * Certificate policies of a path, as RFC 5280, Section 6.1 describes them, for an application that accepts any policy and requires none
 * itself: a path is then refused only where one of its certificates requires an explicit policy and the policies do not reach the end.
 *
 * `steps` go from the certificate that the trust anchor issued to the peer's own. Returns the index of the step at which the path fails,
 * or `undefined` when it is acceptable.
 *
 * Of the tree of valid policies only the lowest level matters here: the whole tree is empty exactly when that level is.
 */
export function findPolicyFault(steps: readonly PolicyStep[], budget: WorkBudget): number | undefined {
  const count = steps.length
  let level: PolicyLevel | undefined = new Map([[ANY_POLICY, new Set([ANY_POLICY])]])
  let explicitPolicy = count + 1
  let policyMapping = count + 1
  let inhibitAnyPolicy = count + 1
  for (const [i, step] of steps.entries()) {
    const last = i === count - 1
    const anyPolicyCounts = inhibitAnyPolicy > 0 || (!last && step.selfIssued)
    level = nextLevel(level, step.certificatePolicies, anyPolicyCounts, budget)
    if (explicitPolicy === 0 && level === undefined) return i
    if (last) {
      if (step.policyConstraints?.requireExplicitPolicy === 0) explicitPolicy = 0
      else if (explicitPolicy > 0) explicitPolicy--
      if (explicitPolicy === 0 && level === undefined) return i
      break
    }
    if (step.policyMappings.some((m) => m.issuerDomain === ANY_POLICY || m.subjectDomain === ANY_POLICY)) return i
    level = mapLevel(level, step, policyMapping > 0, budget)
    if (!step.selfIssued) {
      if (explicitPolicy > 0) explicitPolicy--
      if (policyMapping > 0) policyMapping--
      if (inhibitAnyPolicy > 0) inhibitAnyPolicy--
    }
    explicitPolicy = Math.min(explicitPolicy, step.policyConstraints?.requireExplicitPolicy ?? explicitPolicy)
    policyMapping = Math.min(policyMapping, step.policyConstraints?.inhibitPolicyMapping ?? policyMapping)
    inhibitAnyPolicy = Math.min(inhibitAnyPolicy, step.inhibitAnyPolicy ?? inhibitAnyPolicy)
  }
  return undefined
}

/** The nodes at one depth: each valid policy with the policies that are expected of the next certificate. */
type PolicyLevel = ReadonlyMap<string, ReadonlySet<string>>

/** Steps (d) and (e) of RFC 5280, Section 6.1.3. `undefined` is the empty tree. */
function nextLevel(
  level: PolicyLevel | undefined,
  policies: readonly string[] | undefined,
  anyPolicyCounts: boolean,
  budget: WorkBudget,
): PolicyLevel | undefined {
  if (level === undefined || policies === undefined) return undefined
  const expected = new Set<string>()
  for (const set of level.values()) {
    budget.spend('policySteps', set.size)
    for (const policy of set) expected.add(policy)
  }
  const next = new Map<string, Set<string>>()
  budget.spend('policySteps', policies.length)
  for (const policy of policies) {
    if (policy === ANY_POLICY) continue
    if (expected.has(policy) || level.has(ANY_POLICY)) next.set(policy, new Set([policy]))
  }
  if (policies.includes(ANY_POLICY) && anyPolicyCounts) {
    for (const policy of expected) if (!next.has(policy)) next.set(policy, new Set([policy]))
  }
  return next.size === 0 ? undefined : next
}

/** Step (b) of RFC 5280, Section 6.1.4. */
function mapLevel(
  level: PolicyLevel | undefined,
  { policyMappings }: PolicyStep,
  mappingAllowed: boolean,
  budget: WorkBudget,
): PolicyLevel | undefined {
  if (level === undefined || policyMappings.length === 0) return level
  budget.spend('policySteps', policyMappings.length)
  const mapped = new Map(level)
  const targets = new Map<string, Set<string>>()
  for (const { issuerDomain, subjectDomain } of policyMappings) {
    const set = targets.get(issuerDomain) ?? new Set()
    targets.set(issuerDomain, set.add(subjectDomain))
  }
  for (const [policy, set] of targets) {
    if (!mappingAllowed) mapped.delete(policy)
    else if (level.has(policy) || level.has(ANY_POLICY)) mapped.set(policy, set)
  }
  return mapped.size === 0 ? undefined : mapped
}
