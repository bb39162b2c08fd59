import { contextTag, DerReader } from '../../codec/der.ts'
import { encodeSequence } from '../../codec/der-writer.ts'
import { encodeDER } from './der.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/**
 * A client's session as OpenSSL writes it, but without the server's certificate, which lies beside it in `Session.peerChain` anyway: to
 * parse that, its key most of all, takes longer than all the rest of a resumed handshake's decoding, and OpenSSL itself resumes without.
 */
export function encodeClientState(library: Library, session: Pointer): Uint8Array {
  const state = encodeDER(library, session, library.native.i2d_SSL_SESSION)
  const fields = new DerReader(state, 'SSL_SESSION').sequence()
  const kept: Uint8Array[] = []
  while (!fields.done) {
    const { tag, encoding } = fields.element()
    if (tag !== peerCertificate) kept.push(encoding)
  }
  return encodeSequence(...kept)
}

/** `peer` of SSL_SESSION_ASN1, in OpenSSL's ssl/ssl_asn1.c. */
const peerCertificate = contextTag(3)
