import { readFileSync } from 'node:fs'
import type { Certificate } from '../../config/certificate.ts'
import { type PrivateKey, passphraseOf } from '../../config/private-key.ts'
import type { TrustStore } from '../../config/trust-store.ts'
import { ConfigurationError } from '../../errors.ts'
import { decodeDER } from './der.ts'
import { takeErrors, textOf } from './fault.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/** Reads the certificate that a source names. The caller owns what it gets (X509_free). */
export function loadCertificate(library: Library, field: string, certificate: Certificate): Pointer {
  const bytes = bytesOf(field, certificate.source)
  const [first, ...rest] = parseCertificates(library, field, bytes, 1)
  for (const each of rest) library.native.X509_free(each)
  return first as Pointer
}

/** Reads every certificate of a bundle in PEM, or the one in DER. The caller owns what it gets (X509_free each). */
export function parseCertificates(
  library: Library,
  field: string,
  bytes: Uint8Array,
  atMost: number = Number.POSITIVE_INFINITY,
): Pointer[] {
  const { native } = library
  native.ERR_clear_error()
  const certificates = isPEM(bytes) ? parsePEM(library, bytes, atMost) : parseDER(library, bytes)
  const errors = takeErrors(native)
  if (certificates.length > 0) return certificates
  throw new ConfigurationError(field, `no certificate in it can be read: ${textOf(errors)}`)
}

/** Reads a private key. The caller owns what it gets (EVP_PKEY_free). */
export function loadPrivateKey(library: Library, field: string, key: PrivateKey): Pointer {
  const { native } = library
  const bytes = bytesOf(field, key.source)
  const passphrase = passphraseOf(key)
  native.ERR_clear_error()
  // An empty passphrase, where none is given, keeps OpenSSL from asking for one on the terminal.
  const found = isPEM(bytes)
    ? withBIO(library, bytes, (bio) => native.PEM_read_bio_PrivateKey(bio, null, null, passphrase ?? ''))
    : (decodeDER(library, bytes, 'private key') ??
      withBIO(library, bytes, (bio) => native.d2i_PKCS8PrivateKey_bio(bio, null, null, passphrase ?? '')))
  const errors = takeErrors(native)
  bytes.fill(0)
  if (found !== null) return found
  if (passphrase === undefined && Buffer.from(bytesOf(field, key.source)).includes('ENCRYPTED')) {
    throw new ConfigurationError(field, 'the key is encrypted and no passphrase is given')
  }
  throw new ConfigurationError(field, `no private key in it can be read: ${textOf(errors)}`, {
    hint: passphrase === undefined ? undefined : 'the passphrase may be wrong',
  })
}

/** The content of a source that the program itself holds or can read. */
export function bytesOf(
  field: string,
  source: Certificate['source'] | PrivateKey['source'] | TrustStore['source'],
): Buffer {
  if (source.kind === 'buffer') return Buffer.from(source.bytes)
  if (source.kind !== 'file')
    throw new ConfigurationError(field, `this backend cannot read a source of the kind '${source.kind}'`)
  try {
    return readFileSync(source.path)
  } catch (cause) {
    throw new ConfigurationError(field, `the file ${source.path} cannot be read`, { cause })
  }
}

function parsePEM(library: Library, bytes: Uint8Array, atMost: number): Pointer[] {
  return withBIO(library, bytes, (bio) => {
    const certificates: Pointer[] = []
    while (certificates.length < atMost) {
      const certificate = library.native.PEM_read_bio_X509(bio, null, null, '')
      if (certificate === null) break
      certificates.push(certificate)
    }
    return certificates
  })
}

function parseDER(library: Library, bytes: Uint8Array): Pointer[] {
  const certificate = decodeDER(library, bytes, 'certificate')
  return certificate === null ? [] : [certificate]
}

function withBIO<T>({ native }: Library, bytes: Uint8Array, use: (bio: Pointer) => T): T {
  const bio = native.BIO_new_mem_buf(bytes, bytes.byteLength)
  if (bio === null) throw new Error('BIO_new_mem_buf failed')
  try {
    return use(bio)
  } finally {
    native.BIO_free(bio)
  }
}

function isPEM(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('-----BEGIN ')
}
