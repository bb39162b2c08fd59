import type { Verdict } from '../config/peer-identity.ts'
import { CertificateError } from '../errors.ts'

/** How the application's veto was answered. */
export type VetoAnswer = Verdict | { readonly failed: unknown }

/** Whatever is not plainly an acceptance refuses. */
export function accepted(verdict: VetoAnswer): boolean {
  return 'accept' in verdict && verdict.accept === true
}

/** What a channel fails with when the application does not accept the peer. `alert` is what the peer is told, if it is told at all. */
export function vetoed(verdict: VetoAnswer, alert: 'bad_certificate' | undefined): CertificateError {
  if ('failed' in verdict) {
    return new CertificateError('vetoed', 'verifyPeer failed', { alert, depth: 0, cause: verdict.failed })
  }
  const reason = 'reason' in verdict ? String(verdict.reason) : 'no reason given'
  return new CertificateError('vetoed', `the application refused the peer: ${reason}`, { alert, depth: 0 })
}
