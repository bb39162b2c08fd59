import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { env } from 'node:process'
import type { NativeSecurity } from '#polytls/backends/schannel/native.js'
import { encodePKCS12 } from '#polytls/backends/schannel/pkcs12.js'
import { loadWindowsSecurity } from '#polytls/backends/schannel/windows-security.js'
import { wineVersion } from './wine-version.ts'

/**
 * The stores of Windows as somebody uses them who installs a certificate, and what lies in them: for the tests of ids, and for the script that a
 * person with Windows runs. Everything that is put there is to be removed.
 */

export type Location = 'CurrentUser' | 'LocalMachine'

export interface Stored {
  /** SHA-1, as certificate managers show it. */
  readonly thumbprint: string
  /** Where the key lies; none where the certificate was stored alone. */
  readonly keptBy: string | undefined
  /** The key alone. */
  removeKey(): void
  remove(): void
}

/** Puts a certificate into a store, with its key where one is given; PEM both. */
export function putIntoStore(
  { certificate, key }: { readonly certificate: string; readonly key?: string },
  { location = 'CurrentUser', store = 'My' }: { readonly location?: Location; readonly store?: string } = {},
): Stored {
  const { raw, fingerprint } = new X509Certificate(certificate)
  const thumbprint = fingerprint.replaceAll(':', '').toLowerCase()
  let holder = key === undefined ? undefined : storeKey(raw, key)
  const keptBy = holder?.info.pwszProvName
  const removeKey = (): void => {
    holder?.remove()
    holder = undefined
  }
  const context = native().CertCreateCertificateContext(encoding, raw, raw.byteLength)
  try {
    if (holder !== undefined) {
      const info = { ...holder.info, dwFlags: 0, cProvParam: 0, rgProvParam: null }
      must(
        'CertSetCertificateContextProperty',
        native().CertSetCertificateContextProperty(context, keyProvInfo, 0, info),
      )
    }
    withStore(location, store, (handle) =>
      must(
        'CertAddCertificateContextToStore',
        native().CertAddCertificateContextToStore(handle, context, addNew, null),
      ),
    )
  } catch (thrown) {
    removeKey()
    throw thrown
  } finally {
    native().CertFreeCertificateContext(context)
  }
  return {
    thumbprint,
    keptBy,
    removeKey,
    remove() {
      removeFromStore(raw, thumbprint, location, store)
      removeKey()
    },
  }
}

/** Removes a store of this user that was made by putting something into it. CertOpenStore empties it at most. */
export function removeStore(store: string): void {
  deleteKey('CurrentUser', store)
}

/** A key of the registry below that of the stores; there may be none. */
function deleteKey(location: Location, path: string): void {
  const name = `Software\\Microsoft\\SystemCertificates\\${path}`
  const error = native().RegDeleteTreeW(rootKey[location], name)
  // ERROR_FILE_NOT_FOUND.
  if (error !== 0 && error !== 2) throw new Error(`RegDeleteTree failed for ${name}: ${error}`)
}

/** What a user has: certificates in the stores, containers of keys by name, and the files in which Windows keeps keys. One line each, sorted. */
export function belongings(): readonly string[] {
  const certificates = ['My', 'CA', 'Root', 'TrustedPeople', 'AddressBook'].flatMap((store) =>
    thumbprintsIn('CurrentUser', store).map((each) => `certificate CurrentUser/${store} ${each}`),
  )
  const { APPDATA = '' } = env
  const folder = join(APPDATA, 'Microsoft', 'Crypto')
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []
  return [
    ...certificates,
    ...containers().map((each) => `container ${each}`),
    ...files.map((each) => `file ${each}`),
  ].sort()
}

/**
 * On Wine, the container by the name of the user, in which it keeps every key that is imported, into memory alone as well: takes it away, and
 * answers its name. Undefined on a real Windows.
 */
export function removeWineContainer(): string | undefined {
  if (wineVersion() === undefined) return undefined
  native().CryptAcquireContextW(new BigUint64Array(1), null, providerName, providerType, deleteKeyset)
  const [name, size] = [Buffer.alloc(256), Uint32Array.of(256)]
  must('GetUserName', native().GetUserNameA(name, size))
  return name.subarray(0, name.indexOf(0)).toString('latin1')
}

interface Holder {
  readonly info: {
    readonly pwszContainerName: string
    readonly pwszProvName: string
    readonly dwProvType: number
    readonly dwKeySpec: number
  }
  remove(): void
}

/** In the key storage of CNG, as Windows does today; where it is not to be had, which is on Wine, in a container of the older CryptoAPI. */
function storeKey(certificate: Buffer, key: string): Holder {
  return storeInCNG(certificate, key) ?? storeInContainer(key)
}

function storeInCNG(certificate: Buffer, key: string): Holder | undefined {
  const security = windows()
  const der = createPrivateKey(key).export({ format: 'der', type: 'pkcs8' })
  const pfx = encodePKCS12({ leaf: certificate, issuers: [], key: der }, 'a moment')
  const store = security.PFXImportCertStore(pfx, 'a moment', alwaysCNG)
  if (store.value === undefined) return undefined
  const [found] = security.CertFindCertificatesInStore(store.value, { kind: 'any' })
  if (found === undefined) throw new Error('a certificate was imported, and there is none')
  const size = Uint32Array.of(0)
  must('CertGetCertificateContextProperty', native().CertGetCertificateContextProperty(found, keyProvInfo, null, size))
  const bytes = Buffer.alloc(size[0] ?? 0)
  must('CertGetCertificateContextProperty', native().CertGetCertificateContextProperty(found, keyProvInfo, bytes, size))
  return {
    info: native().decodeKeyInfo(bytes),
    remove() {
      const { error } = security.NCryptDeleteKey(found)
      security.CertFreeCertificateContext(found)
      security.CertCloseStore(store.value)
      if (error !== undefined) throw new Error(`the key cannot be deleted: ${error.toString(16)}`)
    },
  }
}

function storeInContainer(key: string): Holder {
  const name = `polytls-${randomUUID()}`
  const provider = new BigUint64Array(1)
  must('CryptAcquireContext', native().CryptAcquireContextW(provider, name, providerName, providerType, newKeyset))
  const blob = encodeKeyBlob(key)
  const imported = new BigUint64Array(1)
  const isIn = native().CryptImportKey(provider[0] ?? 0n, blob, blob.byteLength, 0, 0, imported)
  blob.fill(0)
  if (isIn !== 0) native().CryptDestroyKey(imported[0] ?? 0n)
  native().CryptReleaseContext(provider[0] ?? 0n, 0)
  const remove = (): void => {
    must(
      'CryptAcquireContext',
      native().CryptAcquireContextW(new BigUint64Array(1), name, providerName, providerType, deleteKeyset),
    )
  }
  if (isIn === 0) {
    remove()
    throw new Error('CryptImportKey failed')
  }
  return {
    info: { pwszContainerName: name, pwszProvName: providerName, dwProvType: providerType, dwKeySpec: keyExchange },
    remove,
  }
}

/** A PRIVATEKEYBLOB of RSA: each number from its lowest byte up, in the length that the modulus sets. */
function encodeKeyBlob(key: string): Buffer {
  const jwk = createPrivateKey(key).export({ format: 'jwk' })
  if (jwk.kty !== 'RSA') throw new Error('a container of the older CryptoAPI takes RSA keys alone')
  const bytesOf = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url')
  const modulus = bytesOf(jwk.n)
  const number = (text: string | undefined, length: number): Buffer =>
    Buffer.concat([bytesOf(text).reverse(), Buffer.alloc(length)]).subarray(0, length)
  const half = modulus.byteLength / 2
  const header = Buffer.alloc(20)
  // PRIVATEKEYBLOB, CUR_BLOB_VERSION, CALG_RSA_KEYX; RSAPUBKEY.
  header.writeUInt8(7, 0)
  header.writeUInt8(2, 1)
  header.writeUInt32LE(0xa400, 4)
  header.write('RSA2', 8, 'latin1')
  header.writeUInt32LE(modulus.byteLength * 8, 12)
  header.writeUInt32LE(Number.parseInt(bytesOf(jwk.e).toString('hex'), 16), 16)
  return Buffer.concat([
    header,
    number(jwk.n, modulus.byteLength),
    ...[jwk.p, jwk.q, jwk.dp, jwk.dq, jwk.qi].map((each) => number(each, half)),
    number(jwk.d, modulus.byteLength),
  ])
}

function removeFromStore(certificate: Buffer, thumbprint: string, location: Location, store: string): void {
  withStore(location, store, (handle) => {
    for (let last: bigint | null = null; ; ) {
      last = native().CertEnumCertificatesInStore(handle, last)
      if (last === null) return
      if (!certificate.equals(derOf(last))) continue
      // It frees what it deletes.
      must('CertDeleteCertificateFromStore', native().CertDeleteCertificateFromStore(last))
      return
    }
  })
  // Wine deletes it from memory alone.
  deleteKey(location, `${store}\\Certificates\\${thumbprint.toUpperCase()}`)
}

function thumbprintsIn(location: Location, store: string): readonly string[] {
  const found: string[] = []
  withStore(location, store, (handle) => {
    for (let last: bigint | null = null; ; ) {
      last = native().CertEnumCertificatesInStore(handle, last)
      if (last === null) return
      found.push(new X509Certificate(derOf(last)).fingerprint.replaceAll(':', '').toLowerCase())
    }
  })
  return found
}

/** The containers of the older CryptoAPI. */
function containers(): readonly string[] {
  const provider = new BigUint64Array(1)
  must('CryptAcquireContext', native().CryptAcquireContextW(provider, null, providerName, providerType, verifyContext))
  const names: string[] = []
  try {
    for (let flag = 1; ; flag = 2) {
      // PP_ENUMCONTAINERS, with CRYPT_FIRST and CRYPT_NEXT.
      const [name, size] = [Buffer.alloc(1024), Uint32Array.of(1024)]
      if (native().CryptGetProvParam(provider[0] ?? 0n, 2, name, size, flag) === 0) return names
      names.push(name.subarray(0, name.indexOf(0)).toString('latin1'))
    }
  } finally {
    native().CryptReleaseContext(provider[0] ?? 0n, 0)
  }
}

function withStore(location: Location, store: string, use: (handle: bigint) => void): void {
  // CERT_STORE_PROV_SYSTEM_W.
  const handle = native().CertOpenStore(10, 0, 0, locationFlag[location], store)
  if (handle === null) throw new Error(`the store ${location}/${store} cannot be opened`)
  use(handle)
  must('CertCloseStore', native().CertCloseStore(handle, 0))
}

interface Native {
  CertCreateCertificateContext(encoding: number, der: Uint8Array, bytes: number): bigint
  CertSetCertificateContextProperty(context: bigint, property: number, flags: number, info: object): number
  CertGetCertificateContextProperty(
    context: bigint,
    property: number,
    data: Uint8Array | null,
    size: Uint32Array,
  ): number
  CertAddCertificateContextToStore(store: bigint, context: bigint, disposition: number, added: null): number
  CertDeleteCertificateFromStore(context: bigint): number
  CertEnumCertificatesInStore(store: bigint, last: bigint | null): bigint | null
  CertFreeCertificateContext(context: bigint): number
  CertOpenStore(provider: number, encoding: number, unused: number, flags: number, name: string): bigint | null
  CertCloseStore(store: bigint, flags: number): number
  CryptAcquireContextW(
    provider: BigUint64Array,
    container: string | null,
    name: string,
    type: number,
    flags: number,
  ): number
  CryptReleaseContext(provider: bigint, flags: number): number
  CryptImportKey(
    provider: bigint,
    blob: Uint8Array,
    bytes: number,
    publicKey: number,
    flags: number,
    key: BigUint64Array,
  ): number
  CryptDestroyKey(key: bigint): number
  CryptGetProvParam(provider: bigint, parameter: number, data: Uint8Array, size: Uint32Array, flags: number): number
  GetUserNameA(name: Uint8Array, size: Uint32Array): number
  RegDeleteTreeW(root: bigint, key: string): number
  GetLastError(): number
  decodeKeyInfo(bytes: Uint8Array): Holder['info']
}

let loaded: Native | undefined

function native(): Native {
  loaded ??= load()
  return loaded
}

function load(): Native {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
  const keyInfo = koffi.struct('CRYPT_KEY_PROV_INFO', {
    pwszContainerName: 'str16',
    pwszProvName: 'str16',
    dwProvType: 'uint32_t',
    dwFlags: 'uint32_t',
    cProvParam: 'uint32_t',
    rgProvParam: 'void *',
    dwKeySpec: 'uint32_t',
  })
  const functions: Record<string, unknown> = {
    decodeKeyInfo: (bytes: Uint8Array) => koffi.decode(bytes, keyInfo),
  }
  for (const [library, prototypes] of Object.entries(prototypesByLibrary)) {
    const handle = koffi.load(library)
    for (const prototype of prototypes) {
      const [, name] = /(\w+)\(/.exec(prototype) ?? []
      functions[name as string] = handle.func(prototype)
    }
  }
  return functions as unknown as Native
}

const prototypesByLibrary = {
  'crypt32.dll': [
    'void *__stdcall CertCreateCertificateContext(uint32_t, void *, uint32_t)',
    'int __stdcall CertSetCertificateContextProperty(void *, uint32_t, uint32_t, CRYPT_KEY_PROV_INFO *)',
    'int __stdcall CertGetCertificateContextProperty(void *, uint32_t, void *, void *)',
    'int __stdcall CertAddCertificateContextToStore(void *, void *, uint32_t, void *)',
    'int __stdcall CertDeleteCertificateFromStore(void *)',
    'void *__stdcall CertEnumCertificatesInStore(void *, void *)',
    'int __stdcall CertFreeCertificateContext(void *)',
    'void *__stdcall CertOpenStore(uintptr_t, uint32_t, uintptr_t, uint32_t, str16)',
    'int __stdcall CertCloseStore(void *, uint32_t)',
  ],
  'advapi32.dll': [
    'int __stdcall CryptAcquireContextW(void *, str16, str16, uint32_t, uint32_t)',
    'int __stdcall CryptReleaseContext(uintptr_t, uint32_t)',
    'int __stdcall CryptImportKey(uintptr_t, void *, uint32_t, uintptr_t, uint32_t, void *)',
    'int __stdcall GetUserNameA(void *, void *)',
    'int __stdcall RegDeleteTreeW(uintptr_t, str16)',
    'int __stdcall CryptDestroyKey(uintptr_t)',
    'int __stdcall CryptGetProvParam(uintptr_t, uint32_t, void *, void *, uint32_t)',
  ],
  'kernel32.dll': ['uint32_t __stdcall GetLastError()'],
} as const

let security: NativeSecurity | undefined

function windows(): NativeSecurity {
  if (security !== undefined) return security
  const found = loadWindowsSecurity()
  if ('reason' in found) throw new Error(found.reason)
  security = found
  return found
}

function derOf(certificate: bigint): Uint8Array {
  return windows().encodedCertificate(certificate)
}

function must(what: string, succeeded: number): void {
  if (succeeded === 0) throw new Error(`${what} failed: 0x${native().GetLastError().toString(16)}`)
}

/** CERT_SYSTEM_STORE_CURRENT_USER and CERT_SYSTEM_STORE_LOCAL_MACHINE. */
const locationFlag = { CurrentUser: 0x1_0000, LocalMachine: 0x2_0000 } as const
/** HKEY_CURRENT_USER and HKEY_LOCAL_MACHINE. */
const rootKey = { CurrentUser: 0x8000_0001n, LocalMachine: 0x8000_0002n } as const
/** X509_ASN_ENCODING. */
const encoding = 1
/** CERT_STORE_ADD_NEW. */
const addNew = 1
/** CERT_KEY_PROV_INFO_PROP_ID. */
const keyProvInfo = 2
/** PKCS12_ALWAYS_CNG_KSP. */
const alwaysCNG = 0x200
/** PROV_RSA_AES, which signs by SHA-2. */
const providerType = 24
const providerName = 'Microsoft Enhanced RSA and AES Cryptographic Provider'
/** CRYPT_NEWKEYSET, CRYPT_DELETEKEYSET and CRYPT_VERIFYCONTEXT. */
const [newKeyset, deleteKeyset, verifyContext] = [0x8, 0x10, 0xf000_0000]
/** AT_KEYEXCHANGE. */
const keyExchange = 1
