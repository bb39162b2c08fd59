import { readFileSync } from 'node:fs'

/** One case of C2SP's x509-limbo, by the names of its schema; what we do not use is left out, and what a case leaves out is filled in. */
export interface LimboCase {
  readonly id: string
  readonly validation_kind: 'SERVER' | 'CLIENT'
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates: readonly string[]
  readonly peer_certificate: string
  /** Milliseconds since 1970. */
  readonly validation_time: number
  readonly key_usage: readonly string[]
  readonly expected_result: 'SUCCESS' | 'FAILURE'
  /** The name or address that a server's certificate has to be for. */
  readonly expected_peer_name: string | undefined
  readonly max_chain_depth: number | undefined
  readonly crls: readonly string[]
}

/** A case that asks for something that nobody here can do, or that cannot be read. */
export interface UnusableCase {
  readonly id: string
  readonly skip: string
}

/** What is put to the test. A backend that cannot set something up that a case needs skips it with the reason. */
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
  /** Cases in which the verifier failed in a way that it must not. They are among the skipped, too. */
  readonly crashed: readonly string[]
}
export interface Deviation {
  readonly id: string
  readonly reason: string
}

/** Reads the cases of a file in the schema of x509-limbo. Fields that nobody knows are passed over. */
export function readLimboCases(file: string): readonly (LimboCase | UnusableCase)[] {
  const { testcases } = JSON.parse(readFileSync(file, 'utf8'))
  if (!Array.isArray(testcases)) throw new Error(`${file} has no testcases`)
  return testcases.map(readCase)
}

/** Runs every case and sorts the verdicts. */
export function runLimbo(cases: readonly (LimboCase | UnusableCase)[], verifier: ChainVerifierUnderTest): Outcome {
  let ok = 0
  const falseAccept: Deviation[] = []
  const falseReject: Deviation[] = []
  const skipped: Deviation[] = []
  const crashed: string[] = []
  for (const each of cases) {
    const { id } = each
    const verdict = 'skip' in each ? each : guarded(verifier, each, crashed)
    const isGood = 'skip' in each || each.expected_result === 'SUCCESS'
    if (verdict === 'accept') {
      if (isGood) ok++
      else falseAccept.push({ id, reason: verifier.deliberate.get(id) ?? 'not explained' })
    } else if ('skip' in verdict) skipped.push({ id, reason: verdict.skip })
    else if (isGood) falseReject.push({ id, reason: verdict.reject })
    else ok++
  }
  return { total: cases.length, ok, falseAccept, falseReject, skipped, crashed }
}

/** One case must not keep thousands of others from being run; a crash is no verdict, and makes the run fail. */
function guarded(verifier: ChainVerifierUnderTest, limboCase: LimboCase, crashed: string[]): Verdict {
  try {
    return verifier.verify(limboCase)
  } catch (error) {
    crashed.push(limboCase.id)
    return { skip: `crashed: ${error instanceof Error ? error.stack : String(error)}` }
  }
}

/** What may stand in a file, of whatever type. */
type RawCase = { readonly [F in keyof LimboCase | 'extended_key_usage' | 'signature_algorithms']?: unknown }

/** One case of a file, or why it cannot be run. */
export function readCase(raw: unknown, index: number): LimboCase | UnusableCase {
  const given = (typeof raw === 'object' && raw !== null ? raw : {}) as RawCase
  const id = typeof given.id === 'string' ? given.id : `case ${index}`
  const {
    validation_kind,
    expected_result,
    peer_certificate,
    expected_peer_name: peer,
    validation_time: time,
    max_chain_depth: depth,
  } = given
  if (expected_result !== 'SUCCESS' && expected_result !== 'FAILURE')
    return { id, skip: `the expected result ${JSON.stringify(expected_result)} is not known` }
  if (validation_kind !== 'SERVER' && validation_kind !== 'CLIENT')
    return { id, skip: `the kind of validation ${JSON.stringify(validation_kind)} is not known` }
  if (typeof peer_certificate !== 'string') return { id, skip: 'there is no certificate of the peer' }
  const name = peer === undefined || peer === null ? undefined : (peer as { kind?: unknown; value?: unknown })
  if (name !== undefined && (typeof name.value !== 'string' || (name.kind !== 'DNS' && name.kind !== 'IP')))
    return { id, skip: `no server is named by ${JSON.stringify(name)}` }
  const usual = validation_kind === 'SERVER' ? 'serverAuth' : 'clientAuth'
  const purposes = textsOf(given.extended_key_usage).filter((each) => each !== usual)
  if (purposes.length > 0) return { id, skip: `TLS asks for no such purpose: ${purposes.join(', ')}` }
  const usages = textsOf(given.key_usage).filter((each) => each !== 'digitalSignature')
  if (usages.length > 0) return { id, skip: `TLS asks for no such key usage: ${usages.join(', ')}` }
  const algorithms = textsOf(given.signature_algorithms)
  if (algorithms.length > 0) return { id, skip: 'what signatures are accepted cannot be chosen' }
  const milliseconds = time === undefined || time === null ? Date.now() : Date.parse(String(time))
  if (Number.isNaN(milliseconds)) return { id, skip: `the time ${JSON.stringify(time)} cannot be read` }
  return {
    id,
    validation_kind,
    expected_result,
    peer_certificate,
    trusted_certs: textsOf(given.trusted_certs),
    untrusted_intermediates: textsOf(given.untrusted_intermediates),
    validation_time: milliseconds,
    key_usage: textsOf(given.key_usage),
    expected_peer_name: name?.value as string | undefined,
    max_chain_depth: typeof depth === 'number' ? depth : undefined,
    crls: textsOf(given.crls),
  }
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}
