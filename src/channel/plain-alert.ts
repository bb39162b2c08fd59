import { Alert, type AlertName } from '../alerts.ts'

/** A fatal alert in a record of its own, in clear: for whoever refuses before anything is encrypted. RFC 9846, Sections 5.1 and 6. */
export function encodePlainAlert(alert: AlertName): Uint8Array {
  return Uint8Array.of(21, 3, 3, 0, 2, 2, Alert[alert])
}
