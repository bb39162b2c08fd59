import { optionalObject } from './arguments.ts'
import type { Signer } from './signer.ts'
import { bufferSource, fileSource, idSource, type Source, typeOf } from './source.ts'

/** Private keys and the passphrases that unlock them are kept out of what a log could print of the object. */
const passphrases = new WeakMap<PrivateKey, string>()

/** A private key, by where it comes from; the key itself may never enter the program. Source: PEP 748, PrivateKey. */
export class PrivateKey {
  declare readonly source: Source | { readonly kind: 'signer'; readonly signer: Signer }

  private constructor(source: PrivateKey['source'], passphrase?: string) {
    // Not enumerable: a configuration that is logged must not print its key.
    Object.defineProperty(this, 'source', { value: source, enumerable: false })
    if (passphrase !== undefined) passphrases.set(this, passphrase)
    Object.freeze(this)
  }

  /** A key in PEM (PKCS#8, PKCS#1, SEC 1; encrypted with a passphrase or not) or DER. */
  static fromBuffer(pemOrDer: Uint8Array | string, options?: { readonly passphrase?: string }): PrivateKey {
    return new PrivateKey(
      bufferSource('PrivateKey.fromBuffer', pemOrDer),
      passphraseFrom('PrivateKey.fromBuffer', options),
    )
  }

  /** A file with a key in PEM or DER. */
  static fromFile(path: string, options?: { readonly passphrase?: string }): PrivateKey {
    return new PrivateKey(fileSource('PrivateKey.fromFile', path), passphraseFrom('PrivateKey.fromFile', options))
  }

  /** A key that only a backend can reach, such as one in a token or in the Windows certificate store. */
  static fromId(id: string): PrivateKey {
    return new PrivateKey(idSource('PrivateKey.fromId', id))
  }

  /** A key that the program reaches through code of its own. */
  static fromSigner(signer: Signer): PrivateKey {
    if (
      typeof signer?.sign !== 'function' ||
      !(signer.publicKey instanceof Uint8Array) ||
      !Array.isArray(signer.schemes) ||
      signer.schemes.length === 0 ||
      !signer.schemes.every((scheme) => typeof scheme === 'number')
    ) {
      throw new TypeError('PrivateKey.fromSigner: expected an object with publicKey, schemes (one or more) and sign()')
    }
    return new PrivateKey(Object.freeze({ kind: 'signer', signer }))
  }
}

/** The passphrase given with a key. For backends; not part of the public surface. */
export function passphraseOf(key: PrivateKey): string | undefined {
  return passphrases.get(key)
}

function passphraseFrom(call: string, options: { readonly passphrase?: string } | undefined): string | undefined {
  optionalObject(call, options)
  const passphrase = options?.passphrase
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw new TypeError(`passphrase: expected a string, got ${typeOf(passphrase)}`)
  }
  return passphrase
}
