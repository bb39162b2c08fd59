/**
 * `npm run conformance:wycheproof`: Wycheproof's vectors against the crypto providers. The environment
 * variable POLYTLS_VECTORS names the directory that holds the folder `wycheproof`. Ends with 1 when a vector failed.
 */
import { providersUnderTest } from '../test/crypto/providers.ts'
import { runWycheproof, type WycheproofReport, wycheproofFiles } from '../test/crypto/wycheproof.ts'
import { oneOf, readOptions } from './options.ts'

const usage = 'npm run conformance:wycheproof -- [--json] [--provider node|noble]'
const { values } = readOptions(usage, {
  json: { type: 'boolean', default: false },
  provider: { type: 'string' },
})
const provider = values.provider && oneOf(usage, '--provider', values.provider, ['node', 'noble'])
const chosen = providersUnderTest.filter(({ crypto }) => provider === undefined || crypto.name === provider)
const { POLYTLS_VECTORS: directory } = process.env
if (directory === undefined) {
  console.error('set POLYTLS_VECTORS to the directory that holds the folder wycheproof')
  process.exitCode = 2
} else {
  const reports = chosen.flatMap((under) => wycheproofFiles.map((file) => runWycheproof(file, directory, under)))
  if (values.json) console.log(JSON.stringify(reports, undefined, 2))
  else for (const report of reports) print(report)
  process.exitCode = reports.some(({ failed }) => failed.length > 0) ? 1 : 0
}

function print(report: WycheproofReport): void {
  const { file, provider, total, ok, failed, acceptable, skipped, note } = report
  console.log(`${provider}  ${file}: ${ok} of ${total} ok, ${failed.length} failed`)
  if (failed.length > 0) console.log(`    failed: ${failed.join(' ')}`)
  const { accepted, refused } = acceptable
  if (accepted.length > 0) console.log(`    acceptable and accepted: ${accepted.length}`)
  if (refused.length > 0) console.log(`    acceptable and refused: ${refused.length}`)
  if (note !== undefined) console.log(`    ${note}`)
  for (const { reason, count } of skipped) console.log(`    ${count} skipped: ${reason}`)
}
