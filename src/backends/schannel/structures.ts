/**
 * The structures of Windows that this backend fills or reads, as data: their fields in order, from which size and offsets follow by the
 * rules of the 64-bit Windows ABIs (x64 and arm64 lay these out alike): every field is aligned to its own size. The names are those of
 * the headers schannel.h, sspi.h, wincrypt.h and subauth.h, so that a C compiler can be asked whether this is true.
 */
export interface Structure {
  readonly name: string
  readonly fields: readonly Field[]
}

export type Field = readonly [name: string, type: FieldType]
export type FieldType = ScalarType | `byte[${number}]` | `wchar[${number}]` | Structure
export type ScalarType = 'uint8' | 'uint16' | 'uint32' | 'int32' | 'pointer'

/** Where a field lies; those of a structure within are called `outer.inner`, as C's offsetof takes them. */
export interface Place {
  readonly offset: number
  readonly size: number
  readonly type: Exclude<FieldType, Structure>
}

export interface Layout {
  readonly size: number
  readonly alignment: number
  readonly places: ReadonlyMap<string, Place>
}

export function layoutOf(structure: Structure): Layout {
  let layout = layouts.get(structure)
  if (layout === undefined) {
    layout = arrange(structure)
    layouts.set(structure, layout)
  }
  return layout
}
const layouts = new WeakMap<Structure, Layout>()

function arrange({ fields }: Structure): Layout {
  const places = new Map<string, Place>()
  let [end, alignment] = [0, 1]
  for (const [name, type] of fields) {
    const own = typeof type === 'string' ? extentOf(type) : layoutOf(type)
    const offset = roundUp(end, own.alignment)
    if (typeof type === 'string') places.set(name, { offset, size: own.size, type })
    else
      for (const [each, place] of layoutOf(type).places)
        places.set(`${name}.${each}`, { ...place, offset: offset + place.offset })
    end = offset + own.size
    alignment = Math.max(alignment, own.alignment)
  }
  return { size: roundUp(end, alignment), alignment, places }
}

function extentOf(type: Place['type']): { readonly size: number; readonly alignment: number } {
  const [, unit, count] = /^(byte|wchar)\[(\d+)\]$/.exec(type) ?? []
  if (unit === undefined) return { size: sizes[type as ScalarType], alignment: sizes[type as ScalarType] }
  const alignment = unit === 'byte' ? 1 : 2
  return { size: Number(count) * alignment, alignment }
}

const sizes: { readonly [T in ScalarType]: number } = { uint8: 1, uint16: 2, uint32: 4, int32: 4, pointer: 8 }

function roundUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}

/** A structure as C has it in memory; fields that are not given are zero. */
export function encodeStructure(structure: Structure, values: Readonly<Record<string, number | bigint>>): Buffer {
  const { size, places } = layoutOf(structure)
  const bytes = Buffer.alloc(size)
  for (const [name, value] of Object.entries(values)) {
    const place = places.get(name)
    if (place === undefined) throw new TypeError(`${structure.name} has no field ${name}`)
    if (place.type === 'pointer') bytes.writeBigUInt64LE(BigInt(value), place.offset)
    else if (place.type === 'int32') bytes.writeInt32LE(Number(value), place.offset)
    else bytes.writeUIntLE(Number(value), place.offset, place.size)
  }
  return bytes
}

/** One field of a structure in memory. */
export function readNumber(structure: Structure, bytes: Uint8Array, name: string): number {
  const { place, view } = find(structure, bytes, name)
  if (place.type === 'pointer' || place.size > 4) throw new TypeError(`${structure.name}.${name} is no number`)
  return place.type === 'int32' ? view.readInt32LE(place.offset) : view.readUIntLE(place.offset, place.size)
}

/** A pointer or handle in a structure in memory; null is zero. */
export function readPointer(structure: Structure, bytes: Uint8Array, name: string): bigint {
  const { place, view } = find(structure, bytes, name)
  if (place.type !== 'pointer') throw new TypeError(`${structure.name}.${name} is no pointer`)
  return view.readBigUInt64LE(place.offset)
}

/** An array of bytes in a structure in memory: a view, not a copy. */
export function readBytes(structure: Structure, bytes: Uint8Array, name: string): Uint8Array {
  const { place, view } = find(structure, bytes, name)
  return view.subarray(place.offset, place.offset + place.size)
}

function find(structure: Structure, bytes: Uint8Array, name: string): { readonly place: Place; readonly view: Buffer } {
  const place = layoutOf(structure).places.get(name)
  if (place === undefined) throw new TypeError(`${structure.name} has no field ${name}`)
  return { place, view: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) }
}

function structure(name: string, fields: readonly Field[]): Structure {
  return { name, fields }
}

// ── sspi.h, subauth.h ──

export const SecBuffer: Structure = structure('SecBuffer', [
  ['cbBuffer', 'uint32'],
  ['BufferType', 'uint32'],
  ['pvBuffer', 'pointer'],
])

export const SecBufferDesc: Structure = structure('SecBufferDesc', [
  ['ulVersion', 'uint32'],
  ['cBuffers', 'uint32'],
  ['pBuffers', 'pointer'],
])

export const UNICODE_STRING: Structure = structure('UNICODE_STRING', [
  ['Length', 'uint16'],
  ['MaximumLength', 'uint16'],
  ['Buffer', 'pointer'],
])

export const SecPkgContext_StreamSizes: Structure = structure('SecPkgContext_StreamSizes', [
  ['cbHeader', 'uint32'],
  ['cbTrailer', 'uint32'],
  ['cbMaximumMessage', 'uint32'],
  ['cBuffers', 'uint32'],
  ['cbBlockSize', 'uint32'],
])

// ── schannel.h ──

export const CRYPTO_SETTINGS: Structure = structure('CRYPTO_SETTINGS', [
  ['eAlgorithmUsage', 'uint32'],
  ['strCngAlgId', UNICODE_STRING],
  ['cChainingModes', 'uint32'],
  ['rgstrChainingModes', 'pointer'],
  ['dwMinBitLength', 'uint32'],
  ['dwMaxBitLength', 'uint32'],
])

export const TLS_PARAMETERS: Structure = structure('TLS_PARAMETERS', [
  ['cAlpnIds', 'uint32'],
  ['rgstrAlpnIds', 'pointer'],
  ['grbitDisabledProtocols', 'uint32'],
  ['cDisabledCrypto', 'uint32'],
  ['pDisabledCrypto', 'pointer'],
  ['dwFlags', 'uint32'],
])

export const SCH_CREDENTIALS: Structure = structure('SCH_CREDENTIALS', [
  ['dwVersion', 'uint32'],
  ['dwCredFormat', 'uint32'],
  ['cCreds', 'uint32'],
  ['paCred', 'pointer'],
  ['hRootStore', 'pointer'],
  ['cMappers', 'uint32'],
  ['aphMappers', 'pointer'],
  ['dwSessionLifespan', 'uint32'],
  ['dwFlags', 'uint32'],
  ['cTlsParameters', 'uint32'],
  ['pTlsParameters', 'pointer'],
])

/** The structure of before Windows 10, version 1809. Microsoft calls it deprecated; it never gives TLS 1.3. */
export const SCHANNEL_CRED: Structure = structure('SCHANNEL_CRED', [
  ['dwVersion', 'uint32'],
  ['cCreds', 'uint32'],
  ['paCred', 'pointer'],
  ['hRootStore', 'pointer'],
  ['cMappers', 'uint32'],
  ['aphMappers', 'pointer'],
  ['cSupportedAlgs', 'uint32'],
  ['palgSupportedAlgs', 'pointer'],
  ['grbitEnabledProtocols', 'uint32'],
  ['dwMinimumCipherStrength', 'uint32'],
  ['dwMaximumCipherStrength', 'uint32'],
  ['dwSessionLifespan', 'uint32'],
  ['dwFlags', 'uint32'],
  ['dwCredFormat', 'uint32'],
])

export const SCHANNEL_ALERT_TOKEN: Structure = structure('SCHANNEL_ALERT_TOKEN', [
  ['dwTokenType', 'uint32'],
  ['dwAlertType', 'uint32'],
  ['dwAlertNumber', 'uint32'],
])

export const SecPkgContext_ConnectionInfo: Structure = structure('SecPkgContext_ConnectionInfo', [
  ['dwProtocol', 'uint32'],
  ['aiCipher', 'uint32'],
  ['dwCipherStrength', 'uint32'],
  ['aiHash', 'uint32'],
  ['dwHashStrength', 'uint32'],
  ['aiExch', 'uint32'],
  ['dwExchStrength', 'uint32'],
])

export const SecPkgContext_CipherInfo: Structure = structure('SecPkgContext_CipherInfo', [
  ['dwVersion', 'uint32'],
  ['dwProtocol', 'uint32'],
  ['dwCipherSuite', 'uint32'],
  ['dwBaseCipherSuite', 'uint32'],
  ['szCipherSuite', 'wchar[64]'],
  ['szCipher', 'wchar[64]'],
  ['dwCipherLen', 'uint32'],
  ['dwCipherBlockLen', 'uint32'],
  ['szHash', 'wchar[64]'],
  ['dwHashLen', 'uint32'],
  ['szExchange', 'wchar[64]'],
  ['dwMinExchangeLen', 'uint32'],
  ['dwMaxExchangeLen', 'uint32'],
  ['szCertificate', 'wchar[64]'],
  ['dwKeyType', 'uint32'],
])

export const SecPkgContext_ApplicationProtocol: Structure = structure('SecPkgContext_ApplicationProtocol', [
  ['ProtoNegoStatus', 'uint32'],
  ['ProtoNegoExt', 'uint32'],
  ['ProtocolIdSize', 'uint8'],
  ['ProtocolId', 'byte[255]'],
])

export const SecPkgContext_SessionInfo: Structure = structure('SecPkgContext_SessionInfo', [
  ['dwFlags', 'uint32'],
  ['cbSessionId', 'uint32'],
  ['rgbSessionId', 'byte[32]'],
])

// ── wincrypt.h ──

export const CERT_CONTEXT: Structure = structure('CERT_CONTEXT', [
  ['dwCertEncodingType', 'uint32'],
  ['pbCertEncoded', 'pointer'],
  ['cbCertEncoded', 'uint32'],
  ['pCertInfo', 'pointer'],
  ['hCertStore', 'pointer'],
])

export const CRYPT_DATA_BLOB: Structure = structure('CRYPT_DATA_BLOB', [
  ['cbData', 'uint32'],
  ['pbData', 'pointer'],
])

export const CERT_CHAIN_ENGINE_CONFIG: Structure = structure('CERT_CHAIN_ENGINE_CONFIG', [
  ['cbSize', 'uint32'],
  ['hRestrictedRoot', 'pointer'],
  ['hRestrictedTrust', 'pointer'],
  ['hRestrictedOther', 'pointer'],
  ['cAdditionalStore', 'uint32'],
  ['rghAdditionalStore', 'pointer'],
  ['dwFlags', 'uint32'],
  ['dwUrlRetrievalTimeout', 'uint32'],
  ['MaximumCachedCertificates', 'uint32'],
  ['CycleDetectionModulus', 'uint32'],
  ['hExclusiveRoot', 'pointer'],
  ['hExclusiveTrustedPeople', 'pointer'],
  ['dwExclusiveFlags', 'uint32'],
])

export const CERT_ENHKEY_USAGE: Structure = structure('CERT_ENHKEY_USAGE', [
  ['cUsageIdentifier', 'uint32'],
  ['rgpszUsageIdentifier', 'pointer'],
])

export const CERT_USAGE_MATCH: Structure = structure('CERT_USAGE_MATCH', [
  ['dwType', 'uint32'],
  ['Usage', CERT_ENHKEY_USAGE],
])

/** Its first two fields, which is what it is without CERT_CHAIN_PARA_HAS_EXTRA_FIELDS. */
export const CERT_CHAIN_PARA: Structure = structure('CERT_CHAIN_PARA', [
  ['cbSize', 'uint32'],
  ['RequestedUsage', CERT_USAGE_MATCH],
])

export const CERT_TRUST_STATUS: Structure = structure('CERT_TRUST_STATUS', [
  ['dwErrorStatus', 'uint32'],
  ['dwInfoStatus', 'uint32'],
])

/** What of CERT_CHAIN_CONTEXT is read; the fields behind these are left out. */
export const CERT_CHAIN_CONTEXT: Structure = structure('CERT_CHAIN_CONTEXT', [
  ['cbSize', 'uint32'],
  ['TrustStatus', CERT_TRUST_STATUS],
  ['cChain', 'uint32'],
  ['rgpChain', 'pointer'],
])

/** What of CERT_SIMPLE_CHAIN is read; the fields behind these are left out. */
export const CERT_SIMPLE_CHAIN: Structure = structure('CERT_SIMPLE_CHAIN', [
  ['cbSize', 'uint32'],
  ['TrustStatus', CERT_TRUST_STATUS],
  ['cElement', 'uint32'],
  ['rgpElement', 'pointer'],
])

/** What of CERT_CHAIN_ELEMENT is read; the fields behind these are left out. */
export const CERT_CHAIN_ELEMENT: Structure = structure('CERT_CHAIN_ELEMENT', [
  ['cbSize', 'uint32'],
  ['pCertContext', 'pointer'],
  ['TrustStatus', CERT_TRUST_STATUS],
])

/** In C its first field is a union of cbStruct and cbSize. */
export const SSL_EXTRA_CERT_CHAIN_POLICY_PARA: Structure = structure('SSL_EXTRA_CERT_CHAIN_POLICY_PARA', [
  ['cbSize', 'uint32'],
  ['dwAuthType', 'uint32'],
  ['fdwChecks', 'uint32'],
  ['pwszServerName', 'pointer'],
])

export const CERT_CHAIN_POLICY_PARA: Structure = structure('CERT_CHAIN_POLICY_PARA', [
  ['cbSize', 'uint32'],
  ['dwFlags', 'uint32'],
  ['pvExtraPolicyPara', 'pointer'],
])

export const CERT_CHAIN_POLICY_STATUS: Structure = structure('CERT_CHAIN_POLICY_STATUS', [
  ['cbSize', 'uint32'],
  ['dwError', 'uint32'],
  ['lChainIndex', 'int32'],
  ['lElementIndex', 'int32'],
  ['pvExtraPolicyStatus', 'pointer'],
])

// ── winnt.h ──

export const OSVERSIONINFOW: Structure = structure('OSVERSIONINFOW', [
  ['dwOSVersionInfoSize', 'uint32'],
  ['dwMajorVersion', 'uint32'],
  ['dwMinorVersion', 'uint32'],
  ['dwBuildNumber', 'uint32'],
  ['dwPlatformId', 'uint32'],
  ['szCSDVersion', 'wchar[128]'],
])

/** Every structure, for the test that compares them with what a C compiler says. */
export const structures: readonly Structure[] = [
  SecBuffer,
  SecBufferDesc,
  UNICODE_STRING,
  SecPkgContext_StreamSizes,
  CRYPTO_SETTINGS,
  TLS_PARAMETERS,
  SCH_CREDENTIALS,
  SCHANNEL_CRED,
  SCHANNEL_ALERT_TOKEN,
  SecPkgContext_ConnectionInfo,
  SecPkgContext_CipherInfo,
  SecPkgContext_ApplicationProtocol,
  SecPkgContext_SessionInfo,
  CERT_CONTEXT,
  CRYPT_DATA_BLOB,
  CERT_CHAIN_ENGINE_CONFIG,
  CERT_ENHKEY_USAGE,
  CERT_USAGE_MATCH,
  CERT_CHAIN_PARA,
  CERT_TRUST_STATUS,
  CERT_CHAIN_CONTEXT,
  CERT_SIMPLE_CHAIN,
  CERT_CHAIN_ELEMENT,
  SSL_EXTRA_CERT_CHAIN_POLICY_PARA,
  CERT_CHAIN_POLICY_PARA,
  CERT_CHAIN_POLICY_STATUS,
  OSVERSIONINFOW,
]

/** Those of which only the first fields are described here: their size in C is larger. */
export const partialStructures: ReadonlySet<Structure> = new Set([
  CERT_CHAIN_PARA,
  CERT_CHAIN_CONTEXT,
  CERT_SIMPLE_CHAIN,
  CERT_CHAIN_ELEMENT,
])
