import { backends, createSchannelBackend, defaultBackend } from '../backends.ts'
import type { Backend } from '../channel/backend.ts'
import { UsageFailure } from './exit-code.ts'
import { nearest } from './nearest.ts'

/**
 * Schannel as programs drive it that know the old structure alone: to find out whether that is why they do not reach a server. Not among those
 * that `polytls backends` lists, for nobody should work with it.
 */
export const legacyBackendName = 'schannel-legacy'
const legacy = createSchannelBackend({ name: legacyBackendName, credentials: 'legacy' })

/** The backend of `--backend`, or the default one. */
export function chooseBackend(name: string | undefined): Backend {
  if (name === undefined) return defaultBackend()
  const all = [...backends, legacy]
  const found = all.find((backend) => backend.name === name.toLowerCase())
  const names = all.map((each) => each.name)
  if (found === undefined) {
    const close = nearest(name, names)
    throw new UsageFailure(`there is no backend '${name}'`, {
      hint: close === undefined ? `there are ${names.join(', ')}` : `did you mean ${close}?`,
    })
  }
  if (!found.available.yes) {
    throw new UsageFailure(`the backend ${found.name} is not available here: ${found.available.reason}`, {
      hint: "'polytls backends' lists what is",
    })
  }
  return found
}
