/** What a server of TLS 1.3 chooses from a ClientHello: RFC 9846, Sections 4.1.1, 4.2.7 and 4.2.8. */
import { disagreement } from '../../channel/disagreement.ts'
import { NamedGroup } from '../../config/named-group.ts'
import type { CodePoint } from '../../config/registry.ts'
import { equalPublicBytes } from '../../crypto/bytes.ts'
import { chooseProtocol } from './application-protocols.ts'
import { chooseScheme } from './authentication.ts'
import { chooseSuite, commonSuites, credentialsFor } from './client-choice.ts'
import type { ServerConnection } from './connection.ts'
import { fault } from './faults.ts'
import type { FoundKey } from './key-lookup.ts'
import type { ClientHello } from './messages/client-hello.ts'
import type { Credential } from './setup.ts'
import type { SuiteParameters } from './suites.ts'

export interface Negotiated {
  readonly suite: SuiteParameters
  readonly group: CodePoint
  /** The client's share of that group; `undefined` where it has to be asked for. */
  readonly share: Uint8Array | undefined
  /** How we prove who we are; `undefined` where a pre-shared key does. */
  readonly certificate: { readonly credential: Credential; readonly scheme: CodePoint } | undefined
  readonly innerProtocol: string | undefined
}

/** @throws ProtocolError where something is missing, NegotiationError where nothing fits. */
export function negotiate(connection: ServerConnection, hello: ClientHello, key: FoundKey | undefined): Negotiated {
  const { settings } = connection.setup
  const { extensions, compressionMethods } = hello
  if (compressionMethods.length !== 1) throw fault('wrong-compression')
  const { signature_algorithms: schemes, supported_groups: groups, key_share: shares } = extensions
  // Without a pre-shared key all three have to be there: RFC 9846, Section 9.2.
  if (schemes === undefined && key === undefined) throw fault('missing-extension', 'signature_algorithms')
  if (groups === undefined) throw fault('missing-extension', 'supported_groups')
  if (shares === undefined) throw fault('missing-extension', 'key_share')
  if (shares.some(({ group }) => !groups.includes(group))) {
    throw fault('illegal-parameter', 'a key share of a group that is not among supported_groups')
  }
  const suite =
    key === undefined ? chooseSuite(settings.tls13Suites, hello) : suiteFor(key, settings.tls13Suites, hello)
  const group = chooseGroup(settings.groups, groups, (each) => shares.some((share) => share.group === each))
  const share = shares.find((each) => each.group === group)?.keyExchange
  const certificate = key === undefined ? chooseCredential(connection, hello, schemes ?? []) : undefined
  const innerProtocol = chooseProtocol(settings.innerProtocols, extensions.application_layer_protocol_negotiation)
  return { suite, group, share, certificate, innerProtocol }
}

/** RFC 9846, Section 4.2.9: who offers keys says how they may be used. */
export function requireKeyModes({ extensions }: ClientHello): void {
  if (extensions.pre_shared_key !== undefined && extensions.psk_key_exchange_modes === undefined)
    throw fault('missing-extension', 'psk_key_exchange_modes')
}

/** The suite of the session where both still have it, which early data needs; another of its hash otherwise. */
function suiteFor({ hash, origin }: FoundKey, ours: readonly CodePoint[], hello: ClientHello): SuiteParameters {
  const fitting = commonSuites(ours, hello).filter((suite) => suite.hash === hash)
  const former = origin.kind === 'session' ? origin.session.cipherSuite : undefined
  const chosen = fitting.find(({ code }) => code === former) ?? fitting[0]
  if (chosen === undefined) throw disagreement('cipher-suite', 'no suite goes with the pre-shared key')
  return chosen
}

/** The second ClientHello is the first but for what the HelloRetryRequest asked: RFC 9846, Section 4.1.2. */
export function requireSameHello(first: ClientHello, second: ClientHello): void {
  const same =
    equalPublicBytes(first.random, second.random) &&
    equalPublicBytes(first.sessionId, second.sessionId) &&
    equalPublicBytes(first.compressionMethods, second.compressionMethods) &&
    equalNumbers(first.cipherSuites, second.cipherSuites) &&
    equalNumbers(first.extensions.supported_versions, second.extensions.supported_versions) &&
    equalNumbers(first.extensions.supported_groups, second.extensions.supported_groups) &&
    equalNumbers(first.extensions.signature_algorithms, second.extensions.signature_algorithms) &&
    first.extensions.server_name === second.extensions.server_name
  if (!same) throw fault('changed-client-hello')
  if (second.extensions.early_data !== undefined) throw fault('changed-client-hello', 'early_data after the first')
}

/**
 * Our first group of which there is a share, so that no round trip is lost; but a hybrid that both have is worth one, because what is
 * recorded today may be read by a quantum computer later.
 */
function chooseGroup(
  ours: readonly CodePoint[],
  theirs: readonly CodePoint[],
  hasShare: (group: CodePoint) => boolean,
): CodePoint {
  const common = ours.filter((group) => theirs.includes(group))
  const [first] = common
  const chosen = first === NamedGroup.X25519MLKEM768 ? first : (common.find(hasShare) ?? first)
  if (chosen === undefined) throw disagreement('group', 'the peer offers no group that we accept')
  return chosen
}

function chooseCredential(
  connection: ServerConnection,
  hello: ClientHello,
  theirs: readonly CodePoint[],
): { readonly credential: Credential; readonly scheme: CodePoint } {
  const { signatureSchemes } = connection.setup.settings
  if (connection.setup.credentials.length === 0)
    throw disagreement('certificate', 'the client has no pre-shared key of ours, and we have no certificate')
  for (const credential of credentialsFor(connection, hello)) {
    const scheme = chooseScheme(credential, signatureSchemes, theirs)
    if (scheme !== undefined) return { credential, scheme }
  }
  throw disagreement('signature-scheme', 'no signature scheme fits both our key and the peer')
}

function equalNumbers(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  return a?.length === b?.length && (a ?? []).every((value, i) => value === b?.[i])
}
