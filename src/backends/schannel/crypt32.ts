import type { Memory } from './memory.ts'
import type { Answer, ChainElement, FindBy, NativeSecurity, Pointer } from './native.ts'
import {
  CERT_CHAIN_CONTEXT,
  CERT_CHAIN_ELEMENT,
  CERT_CHAIN_ENGINE_CONFIG,
  CERT_CHAIN_PARA,
  CERT_CHAIN_POLICY_PARA,
  CERT_CHAIN_POLICY_STATUS,
  CERT_CONTEXT,
  CERT_SIMPLE_CHAIN,
  CRYPT_DATA_BLOB,
  encodeStructure,
  layoutOf,
  readNumber,
  readPointer,
  SSL_EXTRA_CERT_CHAIN_POLICY_PARA,
  type Structure,
} from './structures.ts'

export type Crypt32 = Omit<NativeSecurity, keyof import('./secur32.ts').Secur32 | 'systemName'>

/** The functions of crypt32 and ncrypt over the real libraries. */
export function crypt32On(memory: Memory): Crypt32 {
  const { functions } = memory

  /**
   * What a function answered, or the error that it left behind: not one that an earlier function did, which would stay where this one fails
   * without a reason.
   */
  function answerOf(call: () => bigint | null): Answer<Pointer> {
    functions.SetLastError(0)
    const pointer = call()
    return pointer === null || pointer === 0n ? { error: functions.GetLastError() >>> 0 } : { value: pointer }
  }

  function successOf(call: () => number): Answer<true> {
    functions.SetLastError(0)
    return call() === 0 ? { error: functions.GetLastError() >>> 0 } : { value: true }
  }

  function structureAt(structure: Structure, address: Pointer): Uint8Array {
    return memory.copy(address, layoutOf(structure).size)
  }

  function encodedCertificate(certificate: Pointer): Uint8Array {
    const context = structureAt(CERT_CONTEXT, certificate)
    return memory.copy(
      readPointer(CERT_CONTEXT, context, 'pbCertEncoded'),
      readNumber(CERT_CONTEXT, context, 'cbCertEncoded'),
    )
  }

  function createEngine(exclusiveRoot: Pointer, exclusiveFlags: number, bytes: number): Answer<Pointer> {
    const engine = new BigUint64Array(1)
    const config = encodeStructure(CERT_CHAIN_ENGINE_CONFIG, {
      cbSize: bytes,
      hExclusiveRoot: exclusiveRoot,
      dwExclusiveFlags: exclusiveFlags,
    })
    const made = successOf(() => functions.CertCreateCertificateChainEngine(config, engine))
    return made.error === undefined ? { value: engine[0] ?? 0n } : made
  }

  function readElement(address: Pointer): ChainElement {
    const element = structureAt(CERT_CHAIN_ELEMENT, address)
    return {
      certificate: encodedCertificate(readPointer(CERT_CHAIN_ELEMENT, element, 'pCertContext')),
      errorStatus: readNumber(CERT_CHAIN_ELEMENT, element, 'TrustStatus.dwErrorStatus'),
      infoStatus: readNumber(CERT_CHAIN_ELEMENT, element, 'TrustStatus.dwInfoStatus'),
    }
  }

  /** Opens the key of a certificate, does something with it and gives it back where it is ours to give. */
  function withKey(certificate: Pointer, flags: number, use: (key: bigint) => Answer<true>): Answer<true> {
    const key = new BigUint64Array(1)
    const [specification, mustFree] = [new Uint32Array(1), new Int32Array(1)]
    const acquired = successOf(() =>
      functions.CryptAcquireCertificatePrivateKey(certificate, flags, null, key, specification, mustFree),
    )
    if (acquired.error !== undefined) return acquired
    const handle = key[0] ?? 0n
    const answer = use(handle)
    if (mustFree[0] !== 0) {
      if (specification[0] === ncryptKey) functions.NCryptFreeObject(handle)
      else functions.CryptReleaseContext(handle, 0)
    }
    return answer
  }

  return {
    CertFreeCertificateContext(certificate) {
      functions.CertFreeCertificateContext(certificate)
    },

    encodedCertificate,

    CertOpenStoreInMemory: () => answerOf(() => functions.CertOpenStore(memoryProvider, 0, 0, 0, null)),

    CertOpenSystemStore: (location, name) =>
      answerOf(() =>
        functions.CertOpenStore(systemProvider, 0, 0, locations[location] | openExisting | readOnly, name),
      ),

    CertAddEncodedCertificateToStore: (store, der) =>
      successOf(() =>
        functions.CertAddEncodedCertificateToStore(store, encoding, der, der.byteLength, useExisting, null),
      ),

    CertFindCertificatesInStore(store, by) {
      const { type, parameter } = searchFor(memory, by)
      const found: Pointer[] = []
      // Each call frees the certificate that it is given, so what is kept is a reference of its own.
      for (let last: Pointer | null = null; ; ) {
        last = functions.CertFindCertificateInStore(store, encoding, 0, type, parameter, last)
        const copy: Pointer | null = last === null ? null : functions.CertDuplicateCertificateContext(last)
        if (copy === null) break
        found.push(copy)
      }
      return found
    },

    storeOfCertificate: (certificate) =>
      readPointer(CERT_CONTEXT, structureAt(CERT_CONTEXT, certificate), 'hCertStore') || undefined,

    PFXImportCertStore(pfx, password, flags) {
      const blob = encodeStructure(CRYPT_DATA_BLOB, { cbData: pfx.byteLength, pbData: memory.address(pfx) })
      return answerOf(() => functions.PFXImportCertStore(blob, password, flags))
    },

    CertCloseStore(store) {
      functions.CertCloseStore(store, 0)
    },

    CertCreateCertificateChainEngine({ exclusiveRoot, exclusiveFlags }) {
      const { size, places } = layoutOf(CERT_CHAIN_ENGINE_CONFIG)
      const made = createEngine(exclusiveRoot, exclusiveFlags, size)
      // Windows 7 knows the structure without its last field.
      return made.error === undefined
        ? made
        : createEngine(exclusiveRoot, 0, places.get('dwExclusiveFlags')?.offset ?? size)
    },

    CertFreeCertificateChainEngine(engine) {
      functions.CertFreeCertificateChainEngine(engine)
    },

    CertGetCertificateChain({ engine, certificate, time, additionalStore, usage, flags }) {
      const chain = new BigUint64Array(1)
      const identifier = Buffer.from(`${usage}\0`, 'latin1')
      const identifiers = BigUint64Array.of(memory.address(identifier))
      const parameters = encodeStructure(CERT_CHAIN_PARA, {
        cbSize: layoutOf(CERT_CHAIN_PARA).size,
        'RequestedUsage.Usage.cUsageIdentifier': 1,
        'RequestedUsage.Usage.rgpszUsageIdentifier': memory.address(identifiers),
      })
      const got = successOf(() =>
        functions.CertGetCertificateChain(
          engine ?? null,
          certificate,
          BigUint64Array.of(time),
          additionalStore ?? null,
          parameters,
          flags,
          null,
          chain,
        ),
      )
      if (got.error !== undefined) return got
      const pointer = chain[0] ?? 0n
      const context = structureAt(CERT_CHAIN_CONTEXT, pointer)
      const [first] = memory.pointers(readPointer(CERT_CHAIN_CONTEXT, context, 'rgpChain'), 1)
      const simple = structureAt(CERT_SIMPLE_CHAIN, first ?? 0n)
      const elements = memory.pointers(
        readPointer(CERT_SIMPLE_CHAIN, simple, 'rgpElement'),
        readNumber(CERT_SIMPLE_CHAIN, simple, 'cElement'),
      )
      return {
        value: {
          pointer,
          errorStatus: readNumber(CERT_CHAIN_CONTEXT, context, 'TrustStatus.dwErrorStatus'),
          elements: elements.map(readElement),
        },
      }
    },

    CertFreeCertificateChain(chain) {
      functions.CertFreeCertificateChain(chain)
    },

    CertVerifyCertificateChainPolicy(chain, policy) {
      const name = policy.serverName === undefined ? undefined : Buffer.from(`${policy.serverName}\0`, 'utf16le')
      const extra = encodeStructure(SSL_EXTRA_CERT_CHAIN_POLICY_PARA, {
        cbSize: layoutOf(SSL_EXTRA_CERT_CHAIN_POLICY_PARA).size,
        dwAuthType: policy.of === 'client' ? 1 : 2,
        pwszServerName: name === undefined ? 0n : memory.address(name),
      })
      const parameters = encodeStructure(CERT_CHAIN_POLICY_PARA, {
        cbSize: layoutOf(CERT_CHAIN_POLICY_PARA).size,
        dwFlags: policy.flags,
        pvExtraPolicyPara: memory.address(extra),
      })
      const status = encodeStructure(CERT_CHAIN_POLICY_STATUS, { cbSize: layoutOf(CERT_CHAIN_POLICY_STATUS).size })
      const verified = successOf(() => functions.CertVerifyCertificateChainPolicy(policySSL, chain, parameters, status))
      if (verified.error !== undefined) return verified
      return {
        value: {
          error: readNumber(CERT_CHAIN_POLICY_STATUS, status, 'dwError'),
          elementIndex: readNumber(CERT_CHAIN_POLICY_STATUS, status, 'lElementIndex'),
        },
      }
    },

    CryptAcquireCertificatePrivateKey: (certificate) =>
      withKey(certificate, preferNCrypt | silent, () => ({ value: true })),

    NCryptDeleteKey(certificate) {
      const key = new BigUint64Array(1)
      const [specification, mustFree] = [new Uint32Array(1), new Int32Array(1)]
      const acquired = successOf(() =>
        functions.CryptAcquireCertificatePrivateKey(
          certificate,
          onlyNCrypt | silent,
          null,
          key,
          specification,
          mustFree,
        ),
      )
      if (acquired.error !== undefined) return acquired
      // It frees the handle as well.
      const status = functions.NCryptDeleteKey(key[0] ?? 0n, 0) >>> 0
      return status === 0 ? { value: true } : { error: status }
    },
  }
}

/** X509_ASN_ENCODING | PKCS_7_ASN_ENCODING. */
const encoding = 0x1_0001
/** CERT_STORE_PROV_MEMORY and CERT_STORE_PROV_SYSTEM_W. */
const [memoryProvider, systemProvider] = [2, 10]
/** CERT_SYSTEM_STORE_CURRENT_USER and CERT_SYSTEM_STORE_LOCAL_MACHINE. */
const locations = { CurrentUser: 0x1_0000, LocalMachine: 0x2_0000 } as const
/** CERT_STORE_OPEN_EXISTING_FLAG and CERT_STORE_READONLY_FLAG. */
const [openExisting, readOnly] = [0x4000, 0x8000]
/** CERT_STORE_ADD_USE_EXISTING. */
const useExisting = 2
/** CERT_CHAIN_POLICY_SSL. */
const policySSL = 4
/** CRYPT_ACQUIRE_PREFER_NCRYPT_KEY_FLAG, CRYPT_ACQUIRE_ONLY_NCRYPT_KEY_FLAG and CRYPT_ACQUIRE_SILENT_FLAG. */
const [preferNCrypt, onlyNCrypt, silent] = [0x2_0000, 0x4_0000, 0x40]
/** CERT_NCRYPT_KEY_SPEC. */
const ncryptKey = 0xffff_ffff

/** CERT_FIND_ of wincrypt.h, with what each takes. */
function searchFor(memory: Memory, by: FindBy): { readonly type: number; readonly parameter: Buffer | null } {
  if (by.kind === 'sha1') {
    const hash = Buffer.from(by.hash)
    const blob = encodeStructure(CRYPT_DATA_BLOB, { cbData: hash.byteLength, pbData: memory.address(hash) })
    return { type: 0x1_0000, parameter: blob }
  }
  if (by.kind === 'subject') {
    return { type: 0x8_0007, parameter: Buffer.from(`${by.text}\0`, 'utf16le') }
  }
  return { type: 0, parameter: null }
}
