import type { CryptoProvider } from '../../crypto/provider.ts'
import { decodeCertificate, type X509Certificate } from '../../x509/certificate.ts'
import { chooseEndPointHash } from '../../x509/end-point-hash.ts'

/**
 * What binds an authentication to the certificate that the server has shown, here or where the session began: the hash of it, or on a client
 * the certificate, which is hashed when somebody wants to know. RFC 5929, Section 4.
 */
export type ServerEndPoint = Uint8Array | { readonly certificate: Uint8Array }

/** `undefined` where none is defined for the certificate. */
export function endPointOf(crypto: CryptoProvider, certificate: X509Certificate): Uint8Array | undefined {
  const hash = chooseEndPointHash(certificate)
  return hash && crypto.digest(hash, certificate.der)
}

/** The same of what a connection knows of its server. */
export function readEndPoint(crypto: CryptoProvider, endPoint: ServerEndPoint | undefined): Uint8Array | undefined {
  if (endPoint === undefined || endPoint instanceof Uint8Array) return endPoint?.slice()
  return endPointOf(crypto, decodeCertificate(endPoint.certificate))
}

/** For a client: what it has been shown first, if anything. */
export function endPointOfChain([certificate]: readonly Uint8Array[]): ServerEndPoint | undefined {
  return certificate && { certificate }
}
