import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One case of C2SP's x509-limbo, by the names of its schema; what we do not use is left out. */
export interface LimboCase {
  readonly id: string
  readonly description: string
  readonly features: readonly string[] | null
  readonly validation_kind: 'SERVER' | 'CLIENT'
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates: readonly string[]
  readonly peer_certificate: string
  readonly validation_time: string | null
  readonly key_usage: readonly string[]
  readonly extended_key_usage: readonly string[]
  readonly expected_result: 'SUCCESS' | 'FAILURE'
  readonly expected_peer_name: PeerName | null
  readonly expected_peer_names: readonly PeerName[] | null
  readonly max_chain_depth: number | null
  readonly crls?: readonly string[] | null
}
export interface PeerName {
  readonly kind: 'DNS' | 'IP' | 'RFC822'
  readonly value: string
}

/** What is put to the test. A backend that cannot set something up that a case needs (a time, CRLs) skips it with the reason. */
export interface ChainVerifierUnderTest {
  readonly name: string
  /** False accepts that are so on purpose, by the case's id, with the reason. */
  readonly deliberate: ReadonlyMap<string, string>
  verify(limboCase: LimboCase): Verdict
}
export type Verdict = 'accept' | { readonly reject: string } | { readonly skip: string }

export interface Outcome {
  readonly total: number
  readonly ok: number
  readonly falseAccept: readonly Deviation[]
  readonly falseReject: readonly Deviation[]
  readonly skipped: readonly Deviation[]
}
export interface Deviation {
  readonly id: string
  readonly reason: string
}

/** Reads the cases from a folder of test vectors. */
export function readLimboCases(vectors: string): readonly LimboCase[] {
  const { testcases } = JSON.parse(readFileSync(join(vectors, 'x509-limbo', 'limbo.json'), 'utf8'))
  return testcases
}

/** Runs every case and sorts the verdicts. */
export function runLimbo(cases: readonly LimboCase[], verifier: ChainVerifierUnderTest): Outcome {
  let ok = 0
  const falseAccept: Deviation[] = []
  const falseReject: Deviation[] = []
  const skipped: Deviation[] = []
  for (const limboCase of cases) {
    const { id, expected_result } = limboCase
    const verdict = verifier.verify(limboCase)
    if (verdict === 'accept') {
      if (expected_result === 'SUCCESS') ok++
      else falseAccept.push({ id, reason: verifier.deliberate.get(id) ?? 'not explained' })
    } else if ('skip' in verdict) skipped.push({ id, reason: verdict.skip })
    else if (expected_result === 'FAILURE') ok++
    else falseReject.push({ id, reason: verdict.reject })
  }
  return { total: cases.length, ok, falseAccept, falseReject, skipped }
}
