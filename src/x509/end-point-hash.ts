import type { HashAlgorithm } from '../crypto/algorithms.ts'
import type { X509Certificate } from './certificate.ts'

/**
 * The hash of a certificate that binds an authentication to the server that shows it: that of its signature, or SHA-256 instead of MD5 and
 * SHA-1; `undefined` where the signature names none. RFC 5929, Section 4.1.
 */
export function chooseEndPointHash({
  signatureChoice,
  signatureAlgorithm,
}: X509Certificate): HashAlgorithm | undefined {
  const { algorithm } = signatureChoice
  if (algorithm !== undefined) return 'hash' in algorithm ? algorithm.hash : undefined
  return oldAlgorithms.has(signatureAlgorithm.oid) ? 'sha256' : undefined
}

/** RSA with MD5 and SHA-1, ECDSA with SHA-1. */
const oldAlgorithms: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.3.14.3.2.29',
  '1.2.840.10045.4.1',
])
