import { Alert } from '../../alerts.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import { AlertReceivedError } from '../../errors.ts'
import type { Conduct } from './conduct.ts'
import { fault } from './faults.ts'

/**
 * What an alert of the peer means: RFC 9846, Section 6; RFC 5246, Section 7.2. TLS 1.3 knows no warnings but `user_canceled`, whatever
 * the level says; before the version is known, old servers may still warn (of a name that they do not know).
 * @throws AlertReceivedError where it ends the connection.
 */
export function receiveAlert(
  content: Uint8Array,
  version: NegotiatedVersion | undefined,
  conduct: Conduct,
): 'close_notify' | 'warning' {
  const [level, code] = content
  if (content.length !== 2 || level === undefined || code === undefined) throw fault('malformed-alert')
  if (level !== warning && level !== fatal) throw fault('illegal-parameter', `an alert of level ${level}`)
  if (code === Alert.close_notify) return 'close_notify'
  const isWarning = level === warning && (version !== 'TLSv1.3' || code === Alert.user_canceled)
  if (!isWarning) throw new AlertReceivedError(code)
  conduct.noteWarning(code)
  return 'warning'
}

const warning = 1
const fatal = 2
