import { X509Certificate } from 'node:crypto'
import process from 'node:process'
import { passphraseOf } from '../../config/private-key.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import { ConfigurationError } from '../../errors.ts'
import { PFXFlag } from './constants.ts'
import type { NativeSecurity, Pointer } from './native.ts'
import { encodePKCS12, isPKCS12 } from './pkcs12.ts'
import { bytesOf, namesOf, parseCertificate, parsePrivateKey } from './sources.ts'
import { lastErrorName, Status } from './status.ts'
import { parseStoreId } from './store-id.ts'

/** What one side shows of itself, as Windows has it: a certificate that knows where its key is. */
export interface Identity {
  readonly certificate: Pointer
  /** The names that the certificate is for. */
  readonly names: readonly string[]
  /** The same with the key under a name in the user's key store, until `release`; none where the key is not ours. */
  readonly persist: (() => Identity) | undefined
  /** Wipes what only `persist` would still need. */
  forgetKey(): void
  /** Frees what was loaded, and deletes a key that was stored. */
  release(): void
}

/**
 * Loads a chain. What comes from files and buffers is imported into the memory of this process; what has an id is used where it lies, and
 * its key never seen.
 */
export function loadIdentity(native: NativeSecurity, field: string, chain: SigningChain): Identity {
  const { leaf } = chain
  return leaf.source.kind === 'id' ? findInStore(native, field, leaf.source.id) : importChain(native, field, chain)
}

function findInStore(native: NativeSecurity, field: string, id: string): Identity {
  const parsed = parseStoreId(id)
  if (typeof parsed === 'string' || parsed.find === undefined) {
    throw new ConfigurationError(`${field}.leaf`, typeof parsed === 'string' ? parsed : `'${id}' names no certificate`)
  }
  const { location, store: name, find } = parsed
  const store = native.CertOpenSystemStore(location, name)
  if (store.value === undefined) {
    throw new ConfigurationError(
      `${field}.leaf`,
      `there is no store ${location}/${name}: ${lastErrorName(store.error)}`,
    )
  }
  const found = native.CertFindCertificatesInStore(store.value, find)
  const close = (): void => {
    for (const each of found) native.CertFreeCertificateContext(each)
    native.CertCloseStore(store.value)
  }
  try {
    const certificate = onlyUsable(native, `${field}.leaf`, id, found)
    const key = native.CryptAcquireCertificatePrivateKey(certificate)
    if (key.value === undefined) {
      throw new ConfigurationError(`${field}.key`, `the key of '${id}' cannot be used: ${lastErrorName(key.error)}`, {
        hint: 'the account that runs this program needs the right to read the key, and a smart card has to be in its reader',
      })
    }
    const names = namesOf(new X509Certificate(native.encodedCertificate(certificate)))
    return { certificate, names, persist: undefined, forgetKey: () => {}, release: close }
  } catch (thrown) {
    close()
    throw thrown
  }
}

/** A subject may fit several, such as the one that is about to expire and its successor. Which is meant is not for us to guess. */
function onlyUsable(native: NativeSecurity, field: string, id: string, found: readonly Pointer[]): Pointer {
  const [first, ...others] = found
  if (first === undefined) throw new ConfigurationError(field, `no certificate fits '${id}'`)
  if (others.length === 0) return first
  const thumbprints = found.map((each) => new X509Certificate(native.encodedCertificate(each)).fingerprint)
  throw new ConfigurationError(field, `${found.length} certificates fit '${id}'`, {
    hint: `say which by its thumbprint: ${thumbprints.map((each) => each.replaceAll(':', '')).join(', ')}`,
  })
}

/** PKCS #12 with the password that opens it, and which certificate in it is meant. */
interface Package {
  readonly pfx: Buffer
  readonly password: string
  /** Undefined for the one that has a key. */
  readonly leaf: X509Certificate | undefined
}

function importChain(native: NativeSecurity, field: string, chain: SigningChain): Identity {
  const parcel = packageOf(field, chain)
  return imported(native, field, parcel, 'in memory')
}

function packageOf(field: string, { leaf, key, chain = [] }: SigningChain): Package {
  const leafBytes = bytesOf(`${field}.leaf`, leaf.source)
  const keyBytes = bytesOf(`${field}.key`, key.source)
  const issuers = chain.map((each, index) => {
    const name = `${field}.chain[${index}]`
    return parseCertificate(name, bytesOf(name, each.source)).raw
  })
  if (isPKCS12(keyBytes)) {
    if (issuers.length > 0) {
      throw new ConfigurationError(
        `${field}.chain`,
        'a PKCS #12 file brings its own issuers along, and no others can be added',
      )
    }
    const certificate = isPKCS12(leafBytes) ? undefined : parseCertificate(`${field}.leaf`, leafBytes)
    return { pfx: keyBytes, password: passphraseOf(key) ?? '', leaf: certificate }
  }
  if (isPKCS12(leafBytes)) {
    throw new ConfigurationError(
      `${field}.leaf`,
      'it is PKCS #12, where the key stands beside it: give the same file as key',
    )
  }
  const certificate = parseCertificate(`${field}.leaf`, leafBytes)
  const pkcs8 = parsePrivateKey(`${field}.key`, key, keyBytes, certificate)
  const password = 'in memory'
  const pfx = Buffer.from(encodePKCS12({ leaf: certificate.raw, issuers, key: pkcs8 }, password))
  pkcs8.fill(0)
  keyBytes.fill(0)
  return { pfx, password, leaf: certificate }
}

function imported(native: NativeSecurity, field: string, parcel: Package, where: 'in memory' | 'by name'): Identity {
  const flags = where === 'in memory' ? PFXFlag.NO_PERSIST_KEY : PFXFlag.ALWAYS_CNG_KSP
  const store = native.PFXImportCertStore(parcel.pfx, parcel.password, flags)
  if (store.value === undefined) {
    throw new ConfigurationError(`${field}.key`, `Windows cannot import it: ${lastErrorName(store.error)}`, {
      hint: store.error === Status.ERROR_INVALID_PASSWORD ? 'the passphrase is wrong' : undefined,
    })
  }
  const found = native.CertFindCertificatesInStore(
    store.value,
    parcel.leaf === undefined
      ? { kind: 'any' }
      : { kind: 'sha1', hash: Buffer.from(parcel.leaf.fingerprint.replaceAll(':', ''), 'hex') },
  )
  // Of several certificates in the file, that of the key.
  const certificate =
    found.length < 2
      ? found[0]
      : found.find((each) => native.CryptAcquireCertificatePrivateKey(each).error === undefined)
  const release = (): void => {
    living.delete(release)
    if (where === 'by name' && certificate !== undefined) deleteKey(native, certificate)
    for (const each of found) native.CertFreeCertificateContext(each)
    native.CertCloseStore(store.value)
  }
  if (where === 'by name') keepUntilExit(release)
  if (certificate === undefined) {
    release()
    throw new ConfigurationError(`${field}.leaf`, 'the PKCS #12 file does not hold this certificate')
  }
  const names = namesOf(parcel.leaf ?? new X509Certificate(native.encodedCertificate(certificate)))
  const persist = where === 'by name' ? undefined : () => imported(native, field, parcel, 'by name')
  return { certificate, names, persist, forgetKey: () => void parcel.pfx.fill(0), release }
}

/** Nobody waits for the answer, and a secret that stays where it should not is worth a word. */
function deleteKey(native: NativeSecurity, certificate: Pointer): void {
  const { error } = native.NCryptDeleteKey(certificate)
  if (error === undefined) return
  process.emitWarning(
    `a private key stays in the key store of this user, because Windows cannot delete it: ${lastErrorName(error)}`,
    {
      code: 'POLYTLS_KEY_LEFT_BEHIND',
    },
  )
}

/** What is stored outside of this process has to go when it ends, also where nobody let go of it before. */
function keepUntilExit(release: () => void): void {
  if (living.size === 0) process.once('exit', releaseAll)
  living.add(release)
}

function releaseAll(): void {
  for (const release of living) release()
}

const living = new Set<() => void>()
