import { describe, it } from 'node:test'
import { type Backend, backends, type NegotiatedVersion } from 'polytls'

/**
 * Defines the same tests for every backend that is available here. POLYTLS_TEST_BACKENDS, a list of names with commas between, narrows
 * them to some.
 */
export function forEachBackend(subject: string, define: (backend: Backend) => void): void {
  const { POLYTLS_TEST_BACKENDS: narrowed } = process.env
  const wanted = narrowed?.split(',')
  for (const backend of backends) {
    const { name, available } = backend
    if (wanted !== undefined && !wanted.includes(name)) continue
    if (available.yes) describe(`${subject}: ${name}`, () => define(backend))
    else it(`${subject}: ${name}`, { skip: `not available here: ${available.reason}` }, () => {})
  }
}

export const versions = ['TLSv1.2', 'TLSv1.3'] as const satisfies readonly NegotiatedVersion[]
