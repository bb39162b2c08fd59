import type { EarlyDataOutcome } from '../../channel/early-data.ts'
import { agreedFacts, type ConnectionFacts } from '../../channel/facts.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import { Ctrl, ProtocolVersion } from './constants.ts'
import { encodeDER } from './der.ts'
import type { Library } from './library.ts'
import { groupOfNegotiated, schemeOf } from './names.ts'
import type { Pointer } from './prototypes.ts'

/** What the channel knows beside OpenSSL. */
export interface KnownFacts {
  readonly isServer: boolean
  readonly serverName: string | undefined
  readonly verified: boolean
  readonly sessions: SessionFacts
  readonly ocspResponse: Uint8Array | undefined
  readonly signedCertificateTimestamps: readonly Uint8Array[] | undefined
  /** Whether there is a protocol inside that could have been agreed. */
  readonly hasInnerProtocols: boolean
}

/** What sessions, early data and pre-shared keys add. */
export interface SessionFacts {
  readonly earlyData: EarlyDataOutcome | undefined
  readonly preSharedKeyIdentity: Uint8Array | undefined
  /** Where the connection goes on from a session. */
  readonly resumed:
    | { readonly peerChain: readonly Uint8Array[]; readonly ageMilliseconds: number | undefined }
    | undefined
}

/** Reads what was agreed from a connection whose handshake is done. */
export function readFacts(library: Library, ssl: Pointer, known: KnownFacts): ConnectionFacts {
  const { native } = library
  const { isServer, serverName, verified, sessions } = known
  const { resumed } = sessions
  const version = versionOf(native.SSL_version(ssl))
  const peerChain = resumed === undefined ? readPeerChain(library, ssl, isServer) : resumed.peerChain
  // A connection that failed may have lost it, and C would follow the null.
  const suite = native.SSL_get_current_cipher(ssl)
  // TLS 1.2 resumes without a key exchange; OpenSSL would name that of the first connection.
  const hasExchange = version !== 'TLSv1.2' || resumed === undefined
  return agreedFacts({
    version,
    cipherSuite: suite === null ? undefined : native.SSL_CIPHER_get_protocol_id(suite),
    group: hasExchange ? groupOfNegotiated(native.SSL_ctrl(ssl, Ctrl.GET_NEGOTIATED_GROUP, 0, null)) : undefined,
    // Nobody signs to resume.
    signatureScheme: resumed === undefined ? readSignatureScheme(library, ssl, peerChain.length > 0) : undefined,
    innerProtocol: known.hasInnerProtocols ? readInnerProtocol(library, ssl) : undefined,
    serverName: isServer ? (native.SSL_get_servername(ssl, 0) ?? undefined) : serverName,
    peerCertificate: peerChain[0],
    peerChain,
    verified,
    resumed: resumed !== undefined,
    sessionAgeMilliseconds: resumed?.ageMilliseconds,
    earlyData: sessions.earlyData,
    preSharedKeyIdentity: sessions.preSharedKeyIdentity,
    ocspResponse: known.ocspResponse,
    signedCertificateTimestamps: known.signedCertificateTimestamps,
    certificateCompression: undefined,
  })
}

/** What the peer sent, DER, its own certificate first. */
export function readPeerChain(library: Library, ssl: Pointer, isServer: boolean): readonly Uint8Array[] {
  const { native } = library
  const leaf = native.SSL_get0_peer_certificate(ssl)
  const stack = native.SSL_get_peer_cert_chain(ssl)
  const chain = encodeStack(library, stack)
  // A server's stack lacks the client's own certificate. SSL_get_peer_cert_chain(3).
  return isServer && leaf !== null ? Object.freeze([encodeDER(library, leaf, native.i2d_X509), ...chain]) : chain
}

/** The certificates of a STACK_OF(X509), DER. */
export function encodeStack(library: Library, stack: Pointer | null): readonly Uint8Array[] {
  const { native } = library
  const chain: Uint8Array[] = []
  for (let index = 0; stack !== null && index < native.OPENSSL_sk_num(stack); index++) {
    chain.push(encodeDER(library, native.OPENSSL_sk_value(stack, index) as Pointer, native.i2d_X509))
  }
  return Object.freeze(chain)
}

/** The version of a connection, as soon as it is agreed. */
export function versionOf(version: number): NegotiatedVersion | undefined {
  if (version === ProtocolVersion.TLS1_3) return 'TLSv1.3'
  return version === ProtocolVersion.TLS1_2 ? 'TLSv1.2' : undefined
}

export function readSignatureScheme({ native }: Library, ssl: Pointer, ofPeer: boolean): number | undefined {
  const signature = new Int32Array(1)
  const hash = new Int32Array(1)
  const read = ofPeer ? native.SSL_get_peer_signature_type_nid : native.SSL_get_signature_type_nid
  if (read(ssl, signature) !== 1) return undefined
  native.SSL_ctrl(ssl, ofPeer ? Ctrl.GET_PEER_SIGNATURE_NID : Ctrl.GET_SIGNATURE_NID, 0, hash)
  const certificate = ofPeer ? native.SSL_get0_peer_certificate(ssl) : native.SSL_get_certificate(ssl)
  const key = certificate === null ? null : native.X509_get0_pubkey(certificate)
  return schemeOf(signature[0] ?? 0, hash[0] ?? 0, key === null ? 0 : native.EVP_PKEY_get_base_id(key))
}

export function readInnerProtocol(library: Library, ssl: Pointer): string | undefined {
  const name = new BigUint64Array(1)
  const length = new Uint32Array(1)
  library.native.SSL_get0_alpn_selected(ssl, name, length)
  if (length[0] === 0) return undefined
  return Buffer.from(library.copy(name[0] ?? null, length[0] ?? 0)).toString('utf8')
}
