/** How TLS 1.3 proves that a peer has the key of its certificate, and binds both to the handshake: RFC 9846, Section 4.4. */
import type { CodePoint } from '../../config/registry.ts'
import { schemeParameters } from '../../crypto/algorithms.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { fitsScheme } from '../../crypto/signature-fit.ts'
import type { Connection } from './connection.ts'
import { fault } from './faults.ts'
import type { CertificateVerify } from './messages/authentication.ts'
import type { AcceptedChain } from './peer-verification.ts'
import type { Credential } from './setup.ts'

declare const proof: unique symbol

/** The peer has proved to have the key of its certificate. Made only by `verifyCertificateVerify`. */
export interface AuthenticatedPeer {
  readonly [proof]: 'certificate'
  readonly chain: AcceptedChain
  readonly signatureScheme: CodePoint
}

/** The peer's Finished covers the handshake. Made only by `verifyFinished`. */
export interface FinishedProof {
  readonly [proof]: 'finished'
}

/** Schemes that TLS 1.3 has in its handshake: RSA with PKCS#1 v1.5 is left to certificates. RFC 9846, Section 4.2.3. */
export function isHandshakeScheme(scheme: CodePoint): boolean {
  return schemeParameters.get(scheme)?.algorithm.type !== 'rsa-pkcs1' && schemeParameters.has(scheme)
}

/** @throws ProtocolError: `illegal_parameter` for a scheme that was not offered or does not fit, `decrypt_error` for a wrong signature. */
export function verifyCertificateVerify(
  crypto: CryptoProvider,
  side: 'client' | 'server',
  chain: AcceptedChain,
  offered: readonly CodePoint[],
  message: CertificateVerify,
  transcript: Uint8Array,
): AuthenticatedPeer {
  const { algorithm, signature } = message
  if (!offered.includes(algorithm) || !isHandshakeScheme(algorithm)) throw fault('wrong-signature-scheme')
  const parameters = schemeParameters.get(algorithm)
  if (parameters === undefined || !fitsScheme(parameters, chain.publicKey.algorithm))
    throw fault('wrong-key-for-scheme')
  if (!crypto.verify(algorithm, chain.publicKey, signedContent(side, transcript), signature))
    throw fault('bad-signature')
  // The one place where the proof is made.
  return { chain, signatureScheme: algorithm } as unknown as AuthenticatedPeer
}

/** @throws ProtocolError with `decrypt_error`. */
export function verifyFinished(crypto: CryptoProvider, expected: Uint8Array, verifyData: Uint8Array): FinishedProof {
  if (!crypto.timingSafeEqual(expected, verifyData)) throw fault('bad-finished')
  // The one place where the proof is made.
  return {} as unknown as FinishedProof
}

/** What CertificateVerify signs: RFC 9846, Section 4.4.3. */
export function signedContent(side: 'client' | 'server', transcript: Uint8Array): Uint8Array {
  const context = new TextEncoder().encode(`TLS 1.3, ${side} CertificateVerify`)
  const content = new Uint8Array(64 + context.length + 1 + transcript.length)
  content.fill(0x20, 0, 64)
  content.set(context, 64)
  content.set(transcript, 64 + context.length + 1)
  return content
}

/** The scheme to sign with: our first that the key has and the peer accepts. */
export function chooseScheme(
  credential: Credential,
  ours: readonly CodePoint[],
  peers: readonly CodePoint[],
): CodePoint | undefined {
  return ours.find(
    (scheme) => isHandshakeScheme(scheme) && credential.schemes.includes(scheme) && peers.includes(scheme),
  )
}

/** The signature, or `undefined` where somebody else makes it: then the connection is paused until it comes. */
export function sign(
  connection: Connection,
  { key }: Credential,
  scheme: CodePoint,
  content: Uint8Array,
): Uint8Array | undefined {
  if (key.kind === 'local') return connection.crypto.sign(scheme, key.key, content)
  connection.pause({ kind: 'sign', signer: key.signer, scheme, message: content })
  return undefined
}
