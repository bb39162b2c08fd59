import {
  algorithms,
  type Codec,
  certificateStatus,
  distinguishedNames,
  empty,
  everything,
  keyShareEntry,
  keyShares,
  offeredPreSharedKeys,
  opaque8,
  opaque16,
  protocolName,
  protocolNames,
  recordSizeLimit,
  serverNames,
  statusRequest,
  timestamps,
  uint8List,
  uint16,
  uint16List,
  uint32,
  versions,
} from './extension-codecs.ts'
import type { ExtensionForms, ExtensionName, ExtensionPlace } from './extension-forms.ts'

/**
 * The extensions that this library knows: their numbers, the messages that they may stand in, and how they are written there. What is
 * not here for a message is refused in it. RFC 9846, Section 4.2; numbers from IANA, TLS ExtensionType Values.
 */
export const extensionTable: ExtensionTable = {
  server_name: { code: 0, client_hello: serverNames, encrypted_extensions: empty, server_hello12: empty },
  status_request: {
    code: 5,
    client_hello: statusRequest,
    certificate_request: empty,
    certificate: certificateStatus,
    server_hello12: empty,
  },
  supported_groups: {
    code: 10,
    client_hello: uint16List,
    encrypted_extensions: uint16List,
    server_hello12: everything,
  },
  ec_point_formats: { code: 11, client_hello: uint8List, server_hello12: uint8List },
  signature_algorithms: { code: 13, client_hello: uint16List, certificate_request: uint16List },
  application_layer_protocol_negotiation: {
    code: 16,
    client_hello: protocolNames,
    encrypted_extensions: protocolName,
    server_hello12: protocolName,
  },
  signed_certificate_timestamp: {
    code: 18,
    client_hello: empty,
    certificate_request: empty,
    certificate: timestamps,
    server_hello12: timestamps,
  },
  extended_master_secret: { code: 23, client_hello: empty, server_hello12: empty },
  compress_certificate: { code: 27, client_hello: algorithms, certificate_request: algorithms },
  record_size_limit: {
    code: 28,
    client_hello: recordSizeLimit,
    encrypted_extensions: recordSizeLimit,
    server_hello12: recordSizeLimit,
  },
  session_ticket: { code: 35, client_hello: everything, server_hello12: empty },
  pre_shared_key: { code: 41, client_hello: offeredPreSharedKeys, server_hello: uint16 },
  early_data: { code: 42, client_hello: empty, encrypted_extensions: empty, new_session_ticket: uint32 },
  supported_versions: { code: 43, client_hello: versions, server_hello: uint16, hello_retry_request: uint16 },
  cookie: { code: 44, client_hello: opaque16, hello_retry_request: opaque16 },
  psk_key_exchange_modes: { code: 45, client_hello: uint8List },
  certificate_authorities: { code: 47, client_hello: distinguishedNames, certificate_request: distinguishedNames },
  post_handshake_auth: { code: 49, client_hello: empty },
  signature_algorithms_cert: { code: 50, client_hello: uint16List, certificate_request: uint16List },
  key_share: { code: 51, client_hello: keyShares, server_hello: keyShareEntry, hello_retry_request: uint16 },
  renegotiation_info: { code: 0xff01, client_hello: opaque8, server_hello12: opaque8 },
}

export type ExtensionTable = {
  readonly [N in ExtensionName]: { readonly code: number } & {
    readonly [P in keyof ExtensionForms[N]]: Codec<ExtensionForms[N][P]>
  }
}

const names: ReadonlyMap<number, ExtensionName> = new Map(
  (Object.keys(extensionTable) as ExtensionName[]).map((name) => [extensionTable[name].code, name]),
)

/** The name of an extension that this library knows. */
export function extensionName(code: number): ExtensionName | undefined {
  return names.get(code)
}

/** How an extension is written in a message; `undefined` where it may not stand there. */
export function extensionCodec(name: ExtensionName, place: ExtensionPlace): Codec<unknown> | undefined {
  const row: { readonly [P in ExtensionPlace]?: Codec<unknown> } = extensionTable[name]
  return row[place]
}
