import type { AlertName } from '../alerts.ts'
import { NegotiationError, type NegotiationSubject } from '../errors.ts'

/** What the application refuses by the ClientHello comes to no handshake. */
type Disagreement = Exclude<NegotiationSubject, 'client-hello'>

/** The error where both sides keep the rules and have nothing in common. `alert`: where it is not the subject's own. */
export function disagreement(subject: Disagreement, message: string, alert?: AlertName): NegotiationError {
  const entry = disagreements[subject]
  return new NegotiationError(subject, message, { alert: alert ?? entry.alert, hint: entry.hint })
}

const disagreements: { readonly [S in Disagreement]: { readonly alert: AlertName; readonly hint?: string } } = {
  version: {
    alert: 'protocol_version',
    hint: 'compare lowestSupportedVersion and highestSupportedVersion on both sides',
  },
  'cipher-suite': {
    alert: 'handshake_failure',
    hint: 'compare ciphers on both sides, and the kind of key that the certificate has',
  },
  group: { alert: 'handshake_failure', hint: 'compare groups on both sides' },
  'signature-scheme': {
    alert: 'handshake_failure',
    hint: 'compare signatureSchemes on both sides, and the kind of key that the certificate has',
  },
  'inner-protocol': { alert: 'no_application_protocol', hint: 'compare innerProtocols on both sides' },
  certificate: { alert: 'handshake_failure' },
}
