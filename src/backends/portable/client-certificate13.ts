/** What a client of TLS 1.3 is asked for, and what it shows of itself: RFC 9846, Sections 4.3.2 and 4.4.2. */
import type { CertificateRequest } from '../../config/certificate-request.ts'
import type { CodePoint } from '../../config/registry.ts'
import { chooseScheme } from './authentication.ts'
import type { ClientConnection } from './connection.ts'
import { encodeCertificate } from './messages/certificate.ts'
import { decodeCertificateRequest } from './messages/certificate-request.ts'
import type { Credential } from './setup.ts'

export function readRequest(
  body: Uint8Array,
  afterHandshake: boolean,
): {
  readonly context: Uint8Array
  readonly request: CertificateRequest
  readonly compressions: readonly CodePoint[] | undefined
} {
  const { context, extensions } = decodeCertificateRequest(body)
  const { signature_algorithms, certificate_authorities = [], compress_certificate: compressions } = extensions
  // Copies: the application may keep them.
  const authorities = Object.freeze(certificate_authorities.map((each) => each.slice()))
  const signatureSchemes = Object.freeze([...signature_algorithms])
  return { context, request: Object.freeze({ authorities, signatureSchemes, afterHandshake }), compressions }
}

export function schemeFor(
  { setup }: ClientConnection,
  { signatureSchemes }: CertificateRequest,
  credential: Credential | undefined,
): CodePoint | undefined {
  return credential && chooseScheme(credential, setup.settings.signatureSchemes, signatureSchemes)
}

/** Without a credential it says that we have none to show. */
export function certificateOf(credential: Credential | undefined, context: Uint8Array): Uint8Array {
  const entries = (credential?.chain ?? []).map((certificate) => ({ certificate, extensions: {} }))
  return encodeCertificate({ context, entries })
}
