import { backends, defaultBackend } from '../backends.ts'
import type { Backend } from '../channel/backend.ts'
import { UsageFailure } from './exit-code.ts'
import { nearest } from './nearest.ts'

/** The backend of `--backend`, or the default one. */
export function chooseBackend(name: string | undefined): Backend {
  if (name === undefined) return defaultBackend()
  const found = backends.find((backend) => backend.name === name.toLowerCase())
  const names = backends.map((each) => each.name)
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
