import type { HashAlgorithm } from '../../crypto/algorithms.ts'
import type { KeyShare } from '../../crypto/provider.ts'
import { encodeProtocol } from './application-protocols.ts'
import type { OfferableSession } from './client-sessions.ts'
import type { ClientConnection } from './connection.ts'
import { drawGrease, type Grease } from './grease.ts'
import { isGroupOf12 } from './handshake12.ts'
import { type ClientHello, encodeClientHello } from './messages/client-hello.ts'
import type { ExtensionsIn, KeyShareEntry } from './messages/extension-forms.ts'
import { offeredExtensions } from './messages/extensions.ts'
import { type OfferedKey, offeredKeys, preSharedKeyExtension, signBinders } from './offered-keys.ts'
import { versionCode } from './protocol-version.ts'
import { maxContentLength } from './record/protection.ts'
import type { OfferedSession12, SentHello } from './sent-hello.ts'
import type { SuiteParameters } from './suites.ts'
import { Transcript } from './transcript.ts'

/** What we accept in one record, the type byte of TLS 1.3 included: all that the protocol allows. RFC 8449, Section 4. */
export const recordSizeLimit: number = maxContentLength + 1

/** Makes the ClientHello of a new connection and sends it, with early data where the session allows it: RFC 9846, Section 4.1.2. */
export function sendClientHello(connection: ClientConnection, session?: OfferableSession): SentHello {
  const { crypto } = connection
  const { settings } = connection.setup
  const grease = drawGrease(crypto)
  const speaks13 = settings.versions.includes('TLSv1.3')
  const keyShares = speaks13 ? settings.shareGroups.map((group) => crypto.generateKeyShare(group)) : []
  const offered = speaks13 ? offeredKeys(connection, session) : []
  connection.guard(...offered.map(({ stage }) => stage))
  const session12 = offerable12(connection, session)
  if (session12 !== undefined)
    connection.whenFailed(() => connection.setup.sessions.forgetFailed(session12.offered.session))
  const early = earlyDataFor(connection, offered)
  const message: Omit<ClientHello, 'type'> = {
    legacyVersion: versionCode['TLSv1.2'],
    random: crypto.random(32),
    sessionId: chooseSessionId(connection, session12),
    cipherSuites: [grease.cipherSuite, ...settings.tls13Suites, ...settings.tls12Suites],
    compressionMethods: Uint8Array.of(0),
    extensions: {
      ...helloExtensions(connection, grease, keyShares),
      ...sessionExtensions(connection, session12),
      early_data: early && true,
      // The last of all: RFC 9846, Section 4.2.11.
      pre_shared_key: preSharedKeyExtension(offered),
    },
  }
  const transcript = new Transcript(crypto)
  const sent = sendHello(connection, message, {
    keyShares,
    offered,
    session12,
    transcript,
    earlySuite: early?.suite,
    rejectedEarlyData: false,
  })
  if (early !== undefined) sendEarlyData(connection, sent, early)
  return sent
}

/** The second ClientHello, as a HelloRetryRequest wants it and otherwise as the first: RFC 9846, Section 4.1.2. */
export function resendClientHello(
  connection: ClientConnection,
  sent: SentHello,
  changes: {
    readonly group: number | undefined
    readonly cookie: Uint8Array | undefined
    readonly hash: HashAlgorithm
  },
): SentHello {
  const { group, cookie, hash } = changes
  const keyShares = group === undefined ? sent.keyShares : [connection.crypto.generateKeyShare(group)]
  // The suite is known by now, and with it which keys are left.
  const offered = sent.offered.filter((key) => key.hash === hash)
  const { early_data, pre_shared_key, ...extensions } = sent.message.extensions
  const message = {
    ...sent.message,
    extensions: {
      ...extensions,
      ...(group === undefined ? {} : { key_share: keyShares.map(entryOf) }),
      ...(cookie === undefined ? {} : { cookie: cookie.slice() }),
      pre_shared_key: preSharedKeyExtension(offered),
    },
  }
  const { session12, transcript } = sent
  return sendHello(connection, message, {
    keyShares,
    offered,
    session12,
    transcript,
    earlySuite: undefined,
    rejectedEarlyData: sent.earlySuite !== undefined,
  })
}

function sendHello(
  connection: ClientConnection,
  message: Omit<ClientHello, 'type'>,
  more: Pick<SentHello, 'keyShares' | 'offered' | 'session12' | 'transcript' | 'earlySuite' | 'rejectedEarlyData'>,
): SentHello {
  const raw = encodeClientHello(message)
  const { transcript, offered } = more
  signBinders(connection, raw, offered, transcript.hasStarted ? transcript : undefined)
  connection.send(raw)
  transcript.add(raw)
  const { random, sessionId } = message
  return { message, raw, random, sessionId, extensions: offeredExtensions(message.extensions), ...more }
}

/** What is said at once, if the session is one of TLS 1.3 that allows so much: RFC 9846, Section 4.2.10. */
function earlyDataFor(
  { options, setup }: ClientConnection,
  [first]: readonly OfferedKey[],
): { readonly suite: SuiteParameters; readonly bytes: Uint8Array } | undefined {
  const { earlyData: bytes } = options
  if (bytes === undefined || bytes.length === 0 || first?.origin.kind !== 'session') return undefined
  const { offered, suite } = first.origin
  const fits = bytes.length <= offered.session.maxEarlyDataBytes && setup.settings.tls13Suites.includes(suite.code)
  return fits ? { suite, bytes } : undefined
}

function sendEarlyData(
  connection: ClientConnection,
  { raw, random, sessionId, offered }: SentHello,
  { suite, bytes }: { readonly suite: SuiteParameters; readonly bytes: Uint8Array },
): void {
  const [{ stage }] = offered as readonly [OfferedKey]
  const digest = connection.crypto.digest(suite.hash, raw)
  const traffic = stage.traffic(suite, digest)
  const exporter = stage.exporter(digest)
  connection.logSecret('CLIENT_EARLY_TRAFFIC_SECRET', random, traffic.reveal())
  connection.logSecret('EARLY_EXPORTER_SECRET', random, exporter.reveal())
  connection.early.provideExporter(exporter)
  // RFC 9846, Appendix D.4: before the first protected record.
  if (sessionId.length > 0) connection.sendChangeCipherSpec()
  connection.protectOutgoing(traffic.sealer())
  connection.sendEarlyData(bytes)
  traffic.wipe()
}

/** Not empty where it may look like resumption of TLS 1.2: to middleboxes (RFC 9846, Appendix D.4), or because it is (RFC 5077, Section 3.4). */
function chooseSessionId({ crypto, setup }: ClientConnection, session12: OfferedSession12 | undefined): Uint8Array {
  if (session12 !== undefined && session12.state.sessionId.length > 0) return session12.state.sessionId
  const isNeeded = session12 !== undefined || setup.settings.versions.includes('TLSv1.3')
  return isNeeded ? crypto.random(32) : new Uint8Array(0)
}

function offerable12({ setup }: ClientConnection, offered: OfferableSession | undefined): OfferedSession12 | undefined {
  if (offered === undefined || offered.state.version !== 'TLSv1.2') return undefined
  return setup.settings.tls12Suites.includes(offered.session.cipherSuite)
    ? { offered, state: offered.state }
    : undefined
}

/** What has a server give tickets: RFC 9846, Section 4.2.9; RFC 5077, Section 3.2. */
function sessionExtensions(
  { setup }: ClientConnection,
  session12: OfferedSession12 | undefined,
): Pick<ExtensionsIn<'client_hello'>, 'session_ticket' | 'psk_key_exchange_modes'> {
  const { versions } = setup.settings
  const { preSharedKeys = [] } = setup.configuration
  const keepsSessions = setup.sessions.cache !== undefined
  const usesKeys = versions.includes('TLSv1.3') && (keepsSessions || preSharedKeys.length > 0)
  const wantsTicket12 = versions.includes('TLSv1.2') && keepsSessions
  return {
    session_ticket: wantsTicket12 ? (session12?.state.ticket ?? new Uint8Array(0)) : undefined,
    // Always with a key exchange of its own, so that a ticket that is lost later opens nothing.
    psk_key_exchange_modes: usesKeys ? Uint8Array.of(pskWithKeyExchange) : undefined,
  }
}

/** psk_dhe_ke. */
export const pskWithKeyExchange = 1

function helloExtensions(
  { setup, serverName }: ClientConnection,
  grease: Grease,
  keyShares: readonly KeyShare[],
): ExtensionsIn<'client_hello'> {
  const { versions, groups, signatureSchemes, certificateSignatureSchemes, innerProtocols } = setup.settings
  const { ocspStapling = 'none', certificateTimestamps, postHandshakeAuthentication } = setup.configuration
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
    compress_certificate: speaks13 ? setup.certificateCompression.offer : undefined,
    record_size_limit: speaks13 ? recordSizeLimit : maxContentLength,
    post_handshake_auth: speaks13 && postHandshakeAuthentication === true ? true : undefined,
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
