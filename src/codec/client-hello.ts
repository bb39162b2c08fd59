import { ByteReader } from './byte-reader.ts'

/** What a ClientHello asks for, for whoever has to choose by it. The form is that of the configuration's `ClientHello`. */
export interface ClientHelloFields {
  readonly serverName: string | undefined
  readonly innerProtocols: readonly string[]
  readonly versions: readonly number[]
  readonly ciphers: readonly number[]
  readonly groups: readonly number[]
  readonly signatureSchemes: readonly number[]
  readonly extensions: readonly number[]
  readonly raw: Uint8Array
}

/**
 * Reads a whole handshake message, header included, without judging it: whether it keeps the rules is for the handshake to say, which
 * gets the same bytes. RFC 9846, Section 4.1.2.
 * @throws DecodeError
 */
export function readClientHello(raw: Uint8Array): ClientHelloFields {
  const { legacyVersion, ciphers, extensions } = readStructure(raw)
  const listIn = (type: number): readonly number[] => extensions.get(type)?.u16List() ?? []
  const versions = extensions.get(ExtensionType.supported_versions)
  return Object.freeze({
    serverName: readServerName(extensions.get(ExtensionType.server_name)),
    innerProtocols: Object.freeze(readProtocols(extensions.get(ExtensionType.alpn)).map(textOf)),
    versions: Object.freeze(versions === undefined ? [legacyVersion] : readVersions(versions)),
    ciphers: Object.freeze(ciphers),
    groups: Object.freeze(listIn(ExtensionType.supported_groups)),
    signatureSchemes: Object.freeze(listIn(ExtensionType.signature_algorithms)),
    extensions: Object.freeze([...extensions.keys()]),
    raw,
  })
}

/** The first protocol that the same message offers by ALPN, as it stands there: it need not be text. @throws DecodeError */
export function readFirstProtocol(raw: Uint8Array): Uint8Array | undefined {
  return readProtocols(readStructure(raw).extensions.get(ExtensionType.alpn))[0]
}

function readStructure(raw: Uint8Array) {
  const message = new ByteReader(raw, 'ClientHello')
  message.u8('type')
  const r = message.reader24('body')
  message.end()
  const legacyVersion = r.u16('legacy_version')
  r.take(32, 'random')
  r.vector8('legacy_session_id', 0, 32)
  const ciphers = r.u16List('cipher_suites')
  r.vector8('legacy_compression_methods', 1)
  const extensions = new Map<number, ByteReader>()
  // TLS 1.2 and its forerunners allow a hello that ends here.
  for (const list = r.remaining === 0 ? r : r.reader16('extensions'); list.remaining > 0; ) {
    extensions.set(list.u16('type'), list.reader16('extension'))
  }
  r.end()
  return { legacyVersion, ciphers, extensions }
}

const ExtensionType = {
  server_name: 0,
  supported_groups: 10,
  signature_algorithms: 13,
  alpn: 16,
  supported_versions: 43,
} as const

/** RFC 6066, Section 3: of the types of names there is one, host_name. */
function readServerName(extension: ByteReader | undefined): string | undefined {
  for (const list = extension?.reader16('server_name_list'); list !== undefined && list.remaining > 0; ) {
    const type = list.u8('name_type')
    const name = list.vector16('name')
    if (type === 0) return textOf(name)
  }
  return undefined
}

/** RFC 7301, Section 3.1. */
function readProtocols(extension: ByteReader | undefined): Uint8Array[] {
  const names: Uint8Array[] = []
  for (const list = extension?.reader16('protocol_name_list'); list !== undefined && list.remaining > 0; ) {
    names.push(list.vector8('protocol_name', 1))
  }
  return names
}

function readVersions(extension: ByteReader): readonly number[] {
  const versions: number[] = []
  for (const list = extension.reader8('supported_versions'); list.remaining > 0; ) versions.push(list.u16('version'))
  return versions
}

/** What is no UTF-8 is a name that nobody has, and still one to look at; so is one with a byte order mark, which stays. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}
