import { parseArgs } from 'node:util'
import { type ChainVerifierUnderTest, type Outcome, readLimboCases, runLimbo } from './limbo/cases.ts'
import { portableVerifier } from './limbo/portable.ts'

/**
 * Runs the cases of C2SP's x509-limbo in `POLYTLS_VECTORS` against a verifier of certificate chains:
 *
 *     npm run conformance:limbo -- [--json] [--backend NAME] [--profile strict|interoperable] [--verbose]
 *
 * Ends with 1 where there is a false reject or a false accept that is not explained.
 */
const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    backend: { type: 'string', default: 'portable' },
    profile: { type: 'string', default: 'strict' },
    verbose: { type: 'boolean', default: false },
  },
})

const { POLYTLS_VECTORS: vectors } = process.env
if (vectors === undefined) {
  console.error('POLYTLS_VECTORS is not set: it names the folder that has x509-limbo/limbo.json')
  process.exit(2)
}
const verifier = verifierOf(values.backend, values.profile)
const cases = readLimboCases(vectors)
const outcome = runLimbo(cases, verifier)
if (values.json) console.log(JSON.stringify(summarise(outcome), null, 2))
else print(outcome)
if (values.verbose) {
  for (const limboCase of cases)
    console.error(limboCase.id, limboCase.expected_result, JSON.stringify(verifier.verify(limboCase)))
}
process.exitCode =
  outcome.falseReject.length > 0 || outcome.falseAccept.some(({ id }) => !verifier.deliberate.has(id)) ? 1 : 0

function verifierOf(backend: string, profile: string): ChainVerifierUnderTest {
  if (profile !== 'strict' && profile !== 'interoperable') throw new Error(`there is no profile ${profile}`)
  if (backend === 'portable') return portableVerifier(profile)
  throw new Error(`no verifier is known for the backend ${backend}`)
}

/** The counts, and the cases behind them. */
function summarise({ total, ok, falseAccept, falseReject, skipped }: Outcome): object {
  return {
    backend: values.backend,
    profile: values.profile,
    total,
    ok,
    falseAccept: falseAccept.length,
    falseReject: falseReject.length,
    skipped: skipped.length,
    list: { falseAccept, falseReject, skipped },
  }
}

function print({ total, ok, falseAccept, falseReject, skipped }: Outcome): void {
  console.log(`${verifier.name}: ${ok} of ${total} ok`)
  for (const [label, list] of Object.entries({ 'false accept': falseAccept, 'false reject': falseReject, skipped })) {
    console.log(`${label}: ${list.length}`)
    for (const { id, reason } of list) console.log(`  ${id}: ${reason}`)
  }
}
