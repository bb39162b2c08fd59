import { stapledResponse } from '../../channel/stapled-response.ts'
import { DerReader, Tag } from '../../codec/der.ts'
import { decodePem, isPem, type PemBlock } from '../../codec/pem.ts'
import type { Certificate } from '../../config/certificate.ts'
import { type PrivateKey, passphraseOf } from '../../config/private-key.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import type { TrustStore } from '../../config/trust-store.ts'
import { equalPublicBytes, wipe } from '../../crypto/bytes.ts'
import type { CryptoProvider, KeyImport, PublicKey } from '../../crypto/provider.ts'
import { ConfigurationError } from '../../errors.ts'
import { decodeCertificate, type X509Certificate } from '../../x509/certificate.ts'
import { formatIpAddress } from '../../x509/ip-address.ts'
import { endPointOf } from './end-point.ts'
import type { Credential } from './setup.ts'

/** Reads a file for the backend, which has no way of its own to do so. */
export type ReadFile = (path: string) => Uint8Array

/** Reads what credentials and trust stores are made of. */
export interface Loader {
  readonly crypto: CryptoProvider
  readonly readFile: ReadFile | undefined
}

/** A chain with its key, ready to be shown: read, decoded, and found to belong together. */
export function loadCredential(
  loader: Loader,
  field: string,
  { leaf, key, chain = [], signedCertificateTimestamps: timestamps = [], ...rest }: SigningChain,
  minimumRsaBits: number,
): { readonly credential: Credential; readonly names: readonly string[] } {
  const own = loadCertificate(loader, `${field}.leaf`, leaf)
  const publicKey = usable(loader.crypto.importPublicKey(own.subjectPublicKeyInfo), `${field}.leaf`, 'its public key')
  const { algorithm } = publicKey
  if ('bits' in algorithm && algorithm.bits < minimumRsaBits) {
    throw new ConfigurationError(
      `${field}.leaf`,
      `its RSA key has ${algorithm.bits} bits; ${minimumRsaBits} are the least`,
    )
  }
  const issuers = chain.map((each, index) => loadCertificate(loader, `${field}.chain[${index}]`, each).der)
  const proof = loadKey(loader, `${field}.key`, key, publicKey)
  const ocspResponse = stapledResponse('portable', rest.ocspResponse)
  const endPoint = endPointOf(loader.crypto, own)
  const credential = { chain: [own.der, ...issuers], publicKey, endPoint, ocspResponse, timestamps, ...proof }
  return { credential, names: namesOf(own) }
}

/** Every certificate of a trust store's content: any number in PEM, or one in DER. */
export function certificatesIn(field: string, bytes: Uint8Array): readonly Uint8Array[] {
  if (!isPem(bytes)) return [bytes]
  const found = pemBlocks(field, bytes).flatMap((block) => (isCertificate(block) ? [block.bytes] : []))
  if (found.length === 0) throw new ConfigurationError(field, 'no certificate in it can be read: there is none')
  return found
}

/** The content of a source that the program itself holds or can read. */
export function bytesOf(
  { readFile }: Loader,
  field: string,
  source: Certificate['source'] | PrivateKey['source'] | TrustStore['source'],
): Uint8Array {
  if (source.kind === 'buffer') return source.bytes
  if (source.kind !== 'file' || readFile === undefined)
    throw new ConfigurationError(field, `this backend cannot read a source of the kind '${source.kind}'`)
  try {
    return readFile(source.path)
  } catch (cause) {
    throw new ConfigurationError(field, `the file ${source.path} cannot be read`, { cause })
  }
}

export function loadCertificate(loader: Loader, field: string, { source }: Certificate): X509Certificate {
  const [first] = certificatesIn(field, bytesOf(loader, field, source))
  try {
    return decodeCertificate(first as Uint8Array, 'the certificate')
  } catch (cause) {
    throw new ConfigurationError(field, `no certificate in it can be read: ${messageOf(cause)}`, { cause })
  }
}

function loadKey(
  loader: Loader,
  field: string,
  key: PrivateKey,
  publicKey: PublicKey,
): Pick<Credential, 'key' | 'schemes'> {
  const { source } = key
  const { crypto } = loader
  if (source.kind === 'signer') {
    const { signer } = source
    const own = usable(crypto.importPublicKey(signer.publicKey), field, "the signer's public key")
    requireSame(field, own, publicKey)
    return { key: { kind: 'remote', signer }, schemes: [...signer.schemes] }
  }
  const bytes = bytesOf(loader, field, source)
  const der = plainKey(crypto, field, bytes, passphraseOf(key))
  const imported = crypto.importSigningKey(der)
  wipe(der, bytes)
  const signingKey = usable(imported, field, 'it', 'PrivateKey.fromSigner takes a key that signs elsewhere')
  requireSame(field, signingKey.publicKey, publicKey)
  return { key: { kind: 'local', key: signingKey }, schemes: signingKey.schemes }
}

/** The DER of a key, decrypted where it has to be. */
function plainKey(
  crypto: CryptoProvider,
  field: string,
  bytes: Uint8Array,
  passphrase: string | undefined,
): Uint8Array {
  const block = isPem(bytes) ? pemBlocks(field, bytes).find(({ label }) => label.endsWith('PRIVATE KEY')) : undefined
  if (isPem(bytes) && block === undefined) {
    throw new ConfigurationError(field, 'no private key in it can be read: there is none')
  }
  const encrypted = block === undefined ? isEncrypted(bytes) : block.encryption !== 'none'
  if (!encrypted) return block?.bytes ?? bytes
  if (passphrase === undefined) throw new ConfigurationError(field, 'the key is encrypted and no passphrase is given')
  if (crypto.decryptPrivateKey === undefined) {
    throw new ConfigurationError(field, `the provider ${crypto.name} cannot read encrypted keys`, {
      hint: 'openssl pkey -in encrypted.pem -out plain.pem',
    })
  }
  const plain = crypto.decryptPrivateKey(bytes, block === undefined ? 'der' : 'pem', passphrase)
  if (plain !== undefined) return plain
  throw new ConfigurationError(field, 'no private key in it can be read: it cannot be decrypted', {
    hint: 'the passphrase may be wrong',
  })
}

/** Whether DER is an EncryptedPrivateKeyInfo: it alone begins with an algorithm instead of a version. RFC 5958, Section 3. */
function isEncrypted(der: Uint8Array): boolean {
  try {
    const outer = new DerReader(der, 'the private key').sequence()
    return outer.nextTag === Tag.SEQUENCE
  } catch {
    return false
  }
}

function requireSame(field: string, own: PublicKey, ofCertificate: PublicKey): void {
  if (!equalPublicBytes(own.subjectPublicKey, ofCertificate.subjectPublicKey))
    throw new ConfigurationError(field, 'it does not belong to the certificate')
}

/** @param otherwise What can be done about a key that is right, and not for this provider. */
function usable<Key extends object>(imported: KeyImport<Key>, field: string, what: string, otherwise?: string): Key {
  if (!('reason' in imported)) return imported.key
  const hint = imported.fault === 'unsupported' ? otherwise : undefined
  throw new ConfigurationError(field, `${what} cannot be used: ${imported.reason}`, { hint })
}

/** The host names and addresses in a certificate, in the form that `ChainsByName` compares. */
function namesOf({ extensions }: X509Certificate): readonly string[] {
  return (extensions.subjectAlternativeName ?? []).flatMap((name) => {
    if (name.form === 'dns') return [name.value.toLowerCase()]
    return name.form === 'ip' ? [formatIpAddress(name.bytes)] : []
  })
}

function pemBlocks(field: string, bytes: Uint8Array): readonly PemBlock[] {
  try {
    return decodePem(bytes)
  } catch (cause) {
    throw new ConfigurationError(field, messageOf(cause), { cause })
  }
}

function isCertificate({ label }: PemBlock): boolean {
  return label === 'CERTIFICATE' || label === 'X509 CERTIFICATE'
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
