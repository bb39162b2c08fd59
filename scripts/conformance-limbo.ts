import { join } from 'node:path'
import { type ChainVerifierUnderTest, type Outcome, readLimboCases, runLimbo } from './limbo/cases.ts'
import { opensslVerifier } from './limbo/openssl.ts'
import { portableVerifier } from './limbo/portable.ts'
import { oneOf, readOptions } from './options.ts'

/**
 * Runs the cases of C2SP's x509-limbo, or of any file in its schema, against the verification of a backend.
 * Without `--file` it is `x509-limbo/limbo.json` in `POLYTLS_VECTORS`. Ends with 1 where our own verification rejects what is good, or
 * accepts what is bad without an explanation, and where any verification crashes; what OpenSSL decides is only counted.
 */
const usage =
  'npm run conformance:limbo -- [--json] [--backend NAME] [--profile strict|interoperable] [--file PATH] [--verbose]'
const { values } = readOptions(usage, {
  json: { type: 'boolean', default: false },
  backend: { type: 'string', default: 'portable' },
  profile: { type: 'string', default: 'strict' },
  file: { type: 'string' },
  verbose: { type: 'boolean', default: false },
})

const profile = oneOf(usage, '--profile', values.profile, ['strict', 'interoperable'])

const { POLYTLS_VECTORS: vectors } = process.env
const file = values.file ?? (vectors === undefined ? undefined : join(vectors, 'x509-limbo', 'limbo.json'))
if (file === undefined) {
  console.error('neither --file nor POLYTLS_VECTORS is given, which names the folder that has x509-limbo/limbo.json')
  process.exit(2)
}
const isOurs = values.backend.startsWith('portable')
const verifier = verifierOf(values.backend)
const cases = readLimboCases(file)
const outcome = runLimbo(cases, verifier)
if (values.json) console.log(JSON.stringify(summarise(outcome), null, 2))
else print(outcome)
if (values.verbose) {
  for (const each of cases)
    console.error(each.id, JSON.stringify('skip' in each ? each : [each.expected_result, verifier.verify(each)]))
}
for (const id of outcome.crashed) console.error(`crashed: ${id}`)
const unexplained = outcome.falseAccept.some(({ id }) => !verifier.deliberate.has(id))
process.exitCode = outcome.crashed.length > 0 || (isOurs && (outcome.falseReject.length > 0 || unexplained)) ? 1 : 0

function verifierOf(backend: string): ChainVerifierUnderTest {
  switch (backend) {
    case 'portable':
      return portableVerifier(profile, 'node')
    case 'portable-noble':
      return portableVerifier(profile, 'noble')
    case 'openssl':
      return opensslVerifier(backend, 'embedded')
    case 'openssl-system':
      return opensslVerifier(backend, 'system')
    default:
      return {
        name: backend,
        deliberate: new Map(),
        verify: () => ({ skip: `the backend ${backend} verifies no chain outside a handshake` }),
      }
  }
}

/** The counts, and the cases behind them. */
function summarise({ total, ok, falseAccept, falseReject, skipped }: Outcome): object {
  return {
    backend: values.backend,
    ...(isOurs && { profile }),
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
