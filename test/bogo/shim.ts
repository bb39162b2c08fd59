#!/usr/bin/env node
/**
 * The side under test for BoGo, BoringSSL's conformance runner: it is started once for each test, connects to the runner and speaks TLS
 * with the portable backend as the flags say. Ends with 0 where all went as it should, 89 where the flags ask for what there is not, and
 * otherwise 1 with the reason on standard error. See docs/conformance.md.
 */
import { appendFileSync } from 'node:fs'
import { parseFlags, Unimplemented } from './flags.ts'

const { POLYTLS_BOGO_LOG: log } = process.env

try {
  if (process.argv.includes('-is-handshaker-supported')) {
    console.log('No')
  } else {
    const request = parseFlags(process.argv.slice(2))
    // Loaded late: most of what cannot be done is known from the flags alone.
    const { runExchange } = await import('./exchange.ts')
    await runExchange(request)
  }
} catch (error) {
  if (error instanceof Unimplemented) {
    if (log !== undefined) appendFileSync(log, `${error.message}\n`)
    process.exitCode = 89
  } else {
    const { describeError } = await import('./error-text.ts')
    console.error(describeError(error))
    process.exitCode = 1
  }
}
