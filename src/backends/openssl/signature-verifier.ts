import { createHash } from 'node:crypto'
import type { HashAlgorithm, SignatureAlgorithm } from '../../crypto/algorithms.ts'
import { decodeSubjectPublicKeyInfo, type RsaPublicNumbers } from '../../crypto/key-encoding.ts'
import { toKeyImport } from '../../crypto/key-import.ts'
import type { KeyImport, PublicKey } from '../../crypto/provider.ts'
import { fitsSignature } from '../../crypto/signature-fit.ts'
import type { StatusVerifier } from '../../x509/signature-verifier.ts'
import { decodeDER } from './der.ts'
import type { Library } from './library.ts'
import type { Native, Pointer } from './prototypes.ts'

/** The library's verification of signatures, as the judges of X.509 ask for it. */
export class LibraryVerifier implements StatusVerifier {
  readonly #library: Library

  constructor(library: Library) {
    this.#library = library
  }

  /** Of a key whose form is right, and whose numbers are not, nothing is a signature. */
  importPublicKey(subjectPublicKeyInfo: Uint8Array): KeyImport<PublicKey> {
    return toKeyImport(() => ({ subjectPublicKeyInfo, ...decodeSubjectPublicKeyInfo(subjectPublicKeyInfo) }))
  }

  verifyWith(algorithm: SignatureAlgorithm, key: LibraryKey, message: Uint8Array, signature: Uint8Array): boolean {
    const { native } = this.#library
    if (!fitsSignature(algorithm, key, signature)) return false
    const own = decodeDER(this.#library, key.subjectPublicKeyInfo, 'public key')
    const context = native.EVP_MD_CTX_new()
    try {
      if (own === null || context === null || !this.#begin(context, algorithm, own)) return false
      return native.EVP_DigestVerify(context, signature, signature.length, message, message.length) === 1
    } finally {
      native.EVP_MD_CTX_free(context)
      native.EVP_PKEY_free(own)
      native.ERR_clear_error()
    }
  }

  /** The rest of the contract: hashes that name certificates and keys, on which nothing rests. */
  digest(algorithm: HashAlgorithm, ...message: readonly Uint8Array[]): Uint8Array {
    const hash = createHash(algorithm)
    for (const piece of message) hash.update(piece)
    return hash.digest()
  }

  sha1(data: Uint8Array): Uint8Array {
    return createHash('sha1').update(data).digest()
  }

  #begin(context: Pointer, algorithm: SignatureAlgorithm, key: Pointer): boolean {
    const { native, pointerOut } = this.#library
    const isEdwards = algorithm.type === 'ed25519' || algorithm.type === 'ed448'
    const hash = isEdwards ? null : native.EVP_get_digestbyname(algorithm.hash)
    if (native.EVP_DigestVerifyInit(context, pointerOut, hash, null, key) !== 1) return false
    return algorithm.type !== 'rsa-pss' || choosePss(native, pointerOut[0] as Pointer, algorithm)
  }
}

interface LibraryKey extends PublicKey {
  readonly rsa?: RsaPublicNumbers
}

/** RFC 8017, Section 9.1: with a salt of exactly this length. */
function choosePss(
  native: Native,
  context: Pointer,
  { mgfHash, saltLength }: Extract<SignatureAlgorithm, { type: 'rsa-pss' }>,
): boolean {
  return [
    ['rsa_padding_mode', 'pss'],
    ['rsa_pss_saltlen', String(saltLength)],
    ['rsa_mgf1_md', mgfHash],
  ].every(([name, value]) => native.EVP_PKEY_CTX_ctrl_str(context, name as string, value as string) > 0)
}
