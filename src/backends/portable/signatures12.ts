import { namedGroupName } from '../../config/named-group.ts'
import type { CodePoint } from '../../config/registry.ts'
import { signatureSchemeName } from '../../config/signature-scheme.ts'
import { groupCode, type KeyAlgorithm, schemeParameters } from '../../crypto/algorithms.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { fitsKey } from '../../crypto/signature-fit.ts'
import type { Connection } from './connection.ts'
import { fault } from './faults.ts'
import { type CertificateRequest12, ClientCertificateType } from './messages/certificate-request.ts'
import type { AcceptedChain } from './peer-verification.ts'
import type { Settings } from './settings.ts'
import type { Credential } from './setup.ts'
import type { SuiteParameters } from './suites.ts'

declare const proof: unique symbol
/** The peer has the key of its certificate: it signed this handshake. Made only by {@link verifySignature12}. */
export interface ProvenPeer {
  readonly [proof]: true
  readonly chain: AcceptedChain
  readonly scheme: CodePoint
}

/**
 * Checks what a peer signed: ServerKeyExchange's parameters, or a client's handshake messages. The scheme has to be one that we
 * offered, and the key one that it goes with. RFC 5246, Sections 7.4.3 and 7.4.8; RFC 8422, Section 5.10.
 * @throws ProtocolError
 */
export function verifySignature12(
  crypto: CryptoProvider,
  settings: Settings,
  chain: AcceptedChain,
  signed: { readonly algorithm: CodePoint; readonly message: Uint8Array; readonly signature: Uint8Array },
): ProvenPeer {
  const scheme = signed.algorithm
  const parameters = schemeParameters.get(scheme)
  if (parameters === undefined || !settings.signatureSchemes.includes(scheme)) {
    throw fault('wrong-signature-scheme', signatureSchemeName(scheme))
  }
  const { publicKey } = chain
  if (!fitsKey12(scheme, publicKey.algorithm)) {
    throw fault('wrong-key-for-scheme', `${publicKey.algorithm.type} with ${parameters.name}`)
  }
  if (!crypto.verifyWith(parameters.algorithm, publicKey, signed.message, signed.signature))
    throw fault('bad-signature')
  return { chain, scheme } as ProvenPeer
}

/** A certificate's key has to be of the suite's kind and, for ECDSA, on a curve that we offered. RFC 8422, Section 5.3. */
export function checkKey12(key: KeyAlgorithm, settings: Settings, suite: SuiteParameters): void {
  if (!fitsSuite(key, suite)) throw fault('wrong-key-for-scheme', `a key of the type ${key.type} with this suite`)
  if (key.type === 'ec' && !settings.groups.includes(groupCode[key.curve])) {
    throw fault('wrong-key-for-scheme', `a certificate's key on ${namedGroupName(groupCode[key.curve])}`)
  }
}

/**
 * What a server of TLS 1.2 accepts of a client: of its schemes, those of keys whose certificates it takes as well. RFC 5246,
 * Section 7.4.4; RFC 8422, Section 5.5.
 */
export function requestedSchemes12({
  certificateTypes,
  signatureAlgorithms,
}: Pick<CertificateRequest12, 'certificateTypes' | 'signatureAlgorithms'>): readonly CodePoint[] {
  return signatureAlgorithms.filter((scheme) => {
    const keyType = schemeParameters.get(scheme)?.keyType
    if (keyType === undefined) return true
    const isRSA = keyType === 'rsa' || keyType === 'rsa-pss'
    return certificateTypes.includes(isRSA ? ClientCertificateType.rsa_sign : ClientCertificateType.ecdsa_sign)
  })
}

/** RFC 8422, Section 2: `ECDSA` in the name of a suite also stands for EdDSA. */
export function fitsSuite(key: KeyAlgorithm, suite: SuiteParameters): boolean {
  const isRSA = key.type === 'rsa' || key.type === 'rsa-pss'
  return suite.authentication === (isRSA ? 'rsa' : 'ecdsa')
}

/**
 * The scheme of our preference that the key can sign with and the peer accepts. With ECDSA one whose hash is the curve's, as TLS 1.3
 * would have it, comes before the others.
 */
export function chooseScheme12(
  settings: Settings,
  credential: Credential,
  accepted: readonly CodePoint[],
): CodePoint | undefined {
  const common = settings.signatureSchemes.filter(
    (scheme) =>
      accepted.includes(scheme) &&
      fitsKey12(scheme, credential.publicKey.algorithm) &&
      // A key elsewhere says itself what it does.
      (credential.key.kind === 'local' || credential.key.signer.schemes.includes(scheme)),
  )
  return common.find((scheme) => credential.schemes.includes(scheme)) ?? common[0]
}

/** The signature, or `undefined` where the connection pauses to get it from elsewhere. */
export function signOrPause12(
  connection: Connection,
  credential: Credential,
  scheme: CodePoint,
  message: Uint8Array,
): Uint8Array | undefined {
  const { key } = credential
  if (key.kind === 'remote') {
    connection.pause({ kind: 'sign', signer: key.signer, scheme, message })
    return undefined
  }
  const parameters = schemeParameters.get(scheme)
  if (parameters === undefined) throw new RangeError(`no such scheme: ${scheme}`)
  return connection.crypto.signWith(parameters.algorithm, key.key, message)
}

/** Other than in TLS 1.3, an ECDSA scheme names a hash and no curve: RFC 9846, Section 4.2.3. */
function fitsKey12(scheme: CodePoint, key: KeyAlgorithm): boolean {
  const parameters = schemeParameters.get(scheme)
  return parameters !== undefined && parameters.keyType === key.type && fitsKey(parameters.algorithm, key)
}
