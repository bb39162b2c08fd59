import type { KeyShare } from '../../crypto/provider.ts'
import { encodeProtocol } from './application-protocols.ts'
import type { ClientConnection } from './connection.ts'
import { drawGrease, type Grease } from './grease.ts'
import { isGroupOf12 } from './handshake12.ts'
import { type ClientHello, encodeClientHello } from './messages/client-hello.ts'
import type { ExtensionsIn, KeyShareEntry } from './messages/extension-forms.ts'
import { offeredExtensions } from './messages/extensions.ts'
import { versionCode } from './protocol-version.ts'
import { maxContentLength } from './record/protection.ts'
import type { SentHello } from './sent-hello.ts'
import { Transcript } from './transcript.ts'

/** What we accept in one record, the type byte of TLS 1.3 included: all that the protocol allows. RFC 8449, Section 4. */
export const recordSizeLimit: number = maxContentLength + 1

/** Makes the ClientHello of a new connection and sends it: RFC 9846, Section 4.1.2. */
export function sendClientHello(connection: ClientConnection): SentHello {
  const { crypto } = connection
  const { settings } = connection.setup
  const grease = drawGrease(crypto)
  const speaks13 = settings.versions.includes('TLSv1.3')
  const keyShares = speaks13 ? settings.shareGroups.map((group) => crypto.generateKeyShare(group)) : []
  const message: Omit<ClientHello, 'type'> = {
    legacyVersion: versionCode['TLSv1.2'],
    random: crypto.random(32),
    // Not empty, so that it looks like resumption of TLS 1.2 to middleboxes: RFC 9846, Appendix D.4.
    sessionId: speaks13 ? crypto.random(32) : new Uint8Array(0),
    cipherSuites: [grease.cipherSuite, ...settings.tls13Suites, ...settings.tls12Suites],
    compressionMethods: Uint8Array.of(0),
    extensions: helloExtensions(connection, grease, keyShares),
  }
  return sendHello(connection, message, keyShares, new Transcript(crypto))
}

/** The second ClientHello, as a HelloRetryRequest wants it and otherwise as the first: RFC 9846, Section 4.1.2. */
export function resendClientHello(
  connection: ClientConnection,
  sent: SentHello,
  changes: { readonly group: number | undefined; readonly cookie: Uint8Array | undefined },
): SentHello {
  const { group, cookie } = changes
  const keyShares = group === undefined ? sent.keyShares : [connection.crypto.generateKeyShare(group)]
  const message = {
    ...sent.message,
    extensions: {
      ...sent.message.extensions,
      ...(group === undefined ? {} : { key_share: keyShares.map(entryOf) }),
      ...(cookie === undefined ? {} : { cookie: cookie.slice() }),
    },
  }
  return sendHello(connection, message, keyShares, sent.transcript)
}

function sendHello(
  connection: ClientConnection,
  message: Omit<ClientHello, 'type'>,
  keyShares: readonly KeyShare[],
  transcript: Transcript,
): SentHello {
  const raw = encodeClientHello(message)
  connection.send(raw)
  transcript.add(raw)
  const { random, sessionId } = message
  return { message, raw, random, sessionId, extensions: offeredExtensions(message.extensions), keyShares, transcript }
}

function helloExtensions(
  { setup, serverName }: ClientConnection,
  grease: Grease,
  keyShares: readonly KeyShare[],
): ExtensionsIn<'client_hello'> {
  const { versions, groups, signatureSchemes, certificateSignatureSchemes, innerProtocols } = setup.settings
  const { ocspStapling = 'none', certificateTimestamps } = setup.configuration
  const speaks12 = versions.includes('TLSv1.2')
  const speaks13 = versions.includes('TLSv1.3')
  return {
    unknown: [{ type: grease.extension, body: new Uint8Array(0) }],
    // RFC 6066, Section 3: only names, never addresses.
    server_name: serverName?.kind === 'dns' ? serverName.name : undefined,
    extended_master_secret: speaks12 ? true : undefined,
    renegotiation_info: speaks12 ? new Uint8Array(0) : undefined,
    supported_groups: [grease.group, ...(speaks13 ? groups : groups.filter(isGroupOf12))],
    ec_point_formats: speaks12 ? Uint8Array.of(0) : undefined,
    application_layer_protocol_negotiation: innerProtocols.length > 0 ? innerProtocols.map(encodeProtocol) : undefined,
    status_request: ocspStapling === 'none' ? undefined : anyStatus,
    signed_certificate_timestamp: certificateTimestamps === true ? true : undefined,
    signature_algorithms: [grease.signatureScheme, ...signatureSchemes],
    signature_algorithms_cert: certificateSignatureSchemes,
    record_size_limit: speaks13 ? recordSizeLimit : maxContentLength,
    ...(speaks13 ? extensionsOf13(setup.settings.versions, grease, keyShares) : {}),
  }
}

/** By whatever responder, with no extensions: RFC 6066, Section 8. */
const anyStatus = { statusType: 1, responderIds: new Uint8Array(0), requestExtensions: new Uint8Array(0) } as const

function extensionsOf13(
  versions: readonly (keyof typeof versionCode)[],
  grease: Grease,
  keyShares: readonly KeyShare[],
): ExtensionsIn<'client_hello'> {
  return {
    supported_versions: [grease.version, ...versions.map((version) => versionCode[version])],
    key_share: [{ group: grease.group, keyExchange: Uint8Array.of(0) }, ...keyShares.map(entryOf)],
  }
}

function entryOf({ group, publicKey }: KeyShare): KeyShareEntry {
  return { group, keyExchange: publicKey }
}
