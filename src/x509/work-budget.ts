/**
 * What validating one path may cost at most. The peer chooses the certificates, so that without limits it could choose the work too.
 * Honest chains need a few signature checks and a few dozen steps.
 */
export interface WorkLimits {
  /** Verifications of signatures, of certificates and CRLs together. Default 100. */
  readonly signatureChecks?: number
  /** Candidate issuers looked at while searching paths. Default 5,000. */
  readonly pathSteps?: number
  /** Names compared with name constraints. Default 250,000. */
  readonly nameComparisons?: number
  /** Policies looked at. Default 10,000. */
  readonly policySteps?: number
}
export type Work = keyof WorkLimits

/** Counts work, and stops it at the limit. One budget may serve one call only; its counters can be read afterwards. */
export class WorkBudget {
  readonly limits: Required<WorkLimits>
  readonly spent: Record<Work, number> = { signatureChecks: 0, pathSteps: 0, nameComparisons: 0, policySteps: 0 }

  constructor(limits: WorkLimits = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...limits }
  }

  /** Throws {@link BudgetExhausted} where the work would exceed its limit. */
  spend(work: Work, amount = 1): void {
    this.spent[work] += amount
    if (this.spent[work] > this.limits[work]) throw new BudgetExhausted(work, this.limits[work])
  }
}

/** Internal to the search; `verifyPath` turns it into a CertificateError with the reason `chain-too-complex`. */
export class BudgetExhausted extends Error {
  readonly work: Work

  constructor(work: Work, limit: number) {
    super(`more than ${limit} ${LABELS[work]}`)
    this.work = work
  }
}

const DEFAULT_LIMITS: Required<WorkLimits> = {
  signatureChecks: 100,
  pathSteps: 5_000,
  nameComparisons: 250_000,
  policySteps: 10_000,
}

const LABELS: { readonly [W in Work]: string } = {
  signatureChecks: 'signature checks',
  pathSteps: 'candidate issuers',
  nameComparisons: 'comparisons of names with name constraints',
  policySteps: 'certificate policies',
}
