import type { SigningChain } from '../../config/signing-chain.ts'
import { ConfigurationError } from '../../errors.ts'
import { Ctrl } from './constants.ts'
import { loadCertificate, loadPrivateKey } from './credentials.ts'
import { takeErrors, textOf } from './fault.ts'
import type { Library } from './library.ts'
import type { Native, Pointer } from './prototypes.ts'

/** An SSL_CTX, or one SSL. */
export type ChainHolder = { readonly context: Pointer } | { readonly ssl: Pointer }

/**
 * Gives a certificate, its issuers and its key to whoever is to show them, which takes references of its own. Answers the certificate.
 * @throws ConfigurationError naming the field.
 */
export function useChain(
  library: Library,
  holder: ChainHolder,
  field: string,
  { leaf, key, chain = [] }: SigningChain,
): Pointer {
  const { native } = library
  const { target, useCertificate, useKey, control } = settersFor(library, holder)
  const refuse = (part: string, why: string): never => {
    throw new ConfigurationError(`${field}.${part}`, `${why}: ${textOf(takeErrors(native))}`)
  }
  const owned: (() => void)[] = []
  const own = (pointer: Pointer, free: (pointer: Pointer) => unknown): Pointer => {
    owned.push(() => free(pointer))
    return pointer
  }
  try {
    const certificate = own(loadCertificate(library, `${field}.leaf`, leaf), native.X509_free)
    const privateKey = own(loadPrivateKey(library, `${field}.key`, key), native.EVP_PKEY_free)
    native.ERR_clear_error()
    if (native.X509_check_private_key(certificate, privateKey) !== 1)
      refuse('key', 'it does not belong to the certificate')
    if (useCertificate(target, certificate) !== 1) refuse('leaf', 'OpenSSL refuses the certificate')
    if (useKey(target, privateKey) !== 1) refuse('key', 'OpenSSL refuses the key')
    chain.forEach((each, index) => {
      const issuer = own(loadCertificate(library, `${field}.chain[${index}]`, each), native.X509_free)
      // The 1 has OpenSSL take a reference of its own.
      if (control(target, Ctrl.CHAIN_CERT, 1, issuer) !== 1)
        refuse(`chain[${index}]`, 'OpenSSL refuses the certificate')
    })
    return certificate
  } finally {
    for (const free of owned) free()
  }
}

interface Setters {
  readonly target: Pointer
  readonly useCertificate: Native['SSL_use_certificate']
  readonly useKey: Native['SSL_use_PrivateKey']
  readonly control: Native['SSL_ctrl']
}

function settersFor({ native }: Library, holder: ChainHolder): Setters {
  return 'ssl' in holder
    ? {
        target: holder.ssl,
        useCertificate: native.SSL_use_certificate,
        useKey: native.SSL_use_PrivateKey,
        control: native.SSL_ctrl,
      }
    : {
        target: holder.context,
        useCertificate: native.SSL_CTX_use_certificate,
        useKey: native.SSL_CTX_use_PrivateKey,
        control: native.SSL_CTX_ctrl,
      }
}
