import { requireObject } from '../config/arguments.ts'
import { Session } from '../config/session.ts'
import { typeOf } from '../config/source.ts'
import type { Backend } from './backend.ts'
import type { ClientBufferOptions } from './context.ts'
import { unsupported } from './unsupported.ts'

/** @throws TypeError where an option of a client's channel has another type than it must have; ConfigurationError for early data that cannot be sent. */
export function requireBufferOptions(options: ClientBufferOptions, backend: Backend): ClientBufferOptions {
  requireObject('createBuffer', options)
  const { service, session, earlyData } = options
  if (service !== undefined && typeof service !== 'string')
    throw new TypeError(`service: expected a string, got ${typeOf(service)}`)
  if (session !== undefined && !(session instanceof Session))
    throw new TypeError(`session: expected a Session, got ${typeOf(session)}`)
  if (earlyData !== undefined && !(earlyData instanceof Uint8Array))
    throw new TypeError(`earlyData: expected a Uint8Array, got ${typeOf(earlyData)}`)
  if (earlyData !== undefined && !backend.capabilities.features.has('early-data'))
    throw unsupported(backend, 'early-data', 'earlyData')
  return options
}
