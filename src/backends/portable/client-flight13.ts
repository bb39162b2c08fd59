/** What a client of TLS 1.3 makes of the server's flight, and says to it: RFC 9846, Sections 4.1.3 to 4.6.1. */
import type { EarlyDataOutcome } from '../../channel/early-data.ts'
import { nameText } from '../../channel/server-name.ts'
import type { CertificateRequest } from '../../config/certificate-request.ts'
import type { CodePoint } from '../../config/registry.ts'
import type { AuthenticatedPeer, FinishedProof } from './authentication.ts'
import type { ClientConnection } from './connection.ts'
import { fault } from './faults.ts'
import {
  type Directions,
  EarlyStage,
  type Exporter,
  type HandshakeStage,
  type MasterStage,
  type ResumptionSecret,
} from './key-schedule.ts'
import type { HandshakeMessage } from './machine.ts'
import { decodeCertificate } from './messages/certificate.ts'
import { encodeEmptyMessage } from './messages/empty-messages.ts'
import { extensionTable } from './messages/extension-table.ts'
import type { NewSessionTicket } from './messages/post-handshake.ts'
import type { ServerHello13 } from './messages/server-hello.ts'
import type { OfferedKey } from './offered-keys.ts'
import type { AcceptedChain } from './peer-verification.ts'
import type { SentHello } from './sent-hello.ts'
import { requireSessionId, requireSuite } from './server-choice.ts'
import { certificatesOf, chosenKey, type KeyedPeer, type ResumedPeer } from './session-peer.ts'
import { encodeSessionState } from './session-state.ts'
import type { SuiteParameters } from './suites.ts'
import type { TrafficKeys } from './traffic-keys.ts'

/** The server has chosen, and there are keys. */
export interface Keys {
  readonly connection: ClientConnection
  readonly sent: SentHello
  readonly suite: SuiteParameters
  readonly group: CodePoint
  readonly stage: HandshakeStage
  readonly traffic: Directions
  /** The key that the server has chosen among those that were offered. */
  readonly key: OfferedKey | undefined
}
/** What was agreed besides. */
export interface Agreed extends Keys {
  readonly innerProtocol: string | undefined
  readonly earlyData: EarlyDataOutcome | undefined
}
export type ServerPeer = AuthenticatedPeer | ResumedPeer | KeyedPeer
/** What the server wants to see of us; `undefined` where it does not ask. */
export type Request =
  | { readonly asked: CertificateRequest; readonly compressions: readonly CodePoint[] | undefined }
  | undefined
/** The server is who it says, and the handshake is what both saw. */
export interface Verified extends Agreed {
  readonly peer: ServerPeer
  readonly finished: FinishedProof
  readonly request: Request
  readonly keys: TrafficKeys
  readonly exporter: Exporter
  readonly master: MasterStage
}

/** What a session is made of when a ticket comes. */
export interface Resumable extends Pick<Verified, 'connection' | 'suite' | 'innerProtocol' | 'peer'> {
  readonly resumption: ResumptionSecret
}

/** The key exchange is complete: from here on both directions are protected. */
export function agreeOnKeys(
  connection: ClientConnection,
  sent: SentHello,
  hello: ServerHello13,
  raw: Uint8Array,
): Keys {
  const { crypto } = connection
  const suite = requireSuite(connection, hello)
  requireSessionId(sent, hello)
  const { key_share: theirs } = hello.extensions
  if (theirs === undefined) throw fault('missing-extension', 'key_share')
  const ours = sent.keyShares.find(({ group }) => group === theirs.group)
  if (ours === undefined) throw fault('wrong-group-choice')
  const secret = ours.agree(theirs.keyExchange)
  if (secret === undefined) throw fault('bad-key-share')
  const key = chosenKey(sent.offered, hello.extensions.pre_shared_key, suite)
  for (const each of sent.offered) if (each !== key) each.stage.wipe()
  sent.transcript.start(suite.hash)
  sent.transcript.add(raw)
  const stage = (key?.stage ?? new EarlyStage(crypto, suite.hash)).shareSecret(suite, secret)
  const traffic = stage.traffic(sent.transcript.digest())
  connection.guard(stage, traffic.client, traffic.server)
  connection.logSecret('CLIENT_HANDSHAKE_TRAFFIC_SECRET', sent.random, traffic.client.reveal())
  connection.logSecret('SERVER_HANDSHAKE_TRAFFIC_SECRET', sent.random, traffic.server.reveal())
  connection.protectIncoming(traffic.server.opener())
  // Behind early data the keys change only when the server has said whether it takes it.
  if (sent.earlySuite === undefined) connection.protectOutgoing(traffic.client.sealer())
  return { connection, sent, suite, group: theirs.group, stage, traffic, key }
}

/** Once, and only where the hello looks like resumption of TLS 1.2: RFC 9846, Appendix D.4. */
export function sendChangeCipherSpec(connection: ClientConnection, sent: SentHello): void {
  if (sent.sessionId.length > 0 && sent.earlySuite === undefined) connection.sendChangeCipherSpec()
}

/** What became of our early data: RFC 9846, Section 4.2.10. */
export function judgeEarlyData(
  { connection, sent, suite, key }: Keys,
  isAccepted: boolean,
  innerProtocol: string | undefined,
): EarlyDataOutcome | undefined {
  const { earlyData } = connection.options
  if (isAccepted) {
    // Only with the key that it is protected by, for its suite, and as the protocol that it was meant for.
    const isFirst = key !== undefined && key === sent.offered[0] && key.origin.kind === 'session'
    if (!isFirst || sent.earlySuite !== suite || key.origin.offered.session.innerProtocol !== innerProtocol)
      throw fault('wrong-early-data-answer')
    return 'accepted'
  }
  if (earlyData === undefined || earlyData.length === 0) return undefined
  return sent.extensions.has(extensionTable.early_data.code) || sent.rejectedEarlyData ? 'rejected' : 'not-sent'
}

/** Under the early keys, the last that they protect: RFC 9846, Section 4.5. */
export function endEarlyData({ connection, sent, traffic }: Agreed): void {
  const message = encodeEmptyMessage('end_of_early_data')
  connection.send(message)
  sent.transcript.add(message)
  connection.protectOutgoing(traffic.client.sealer())
}

/** RFC 9846, Section 4.6.1. */
export function keepSession(
  { connection, suite, peer, innerProtocol, resumption }: Resumable,
  ticket: NewSessionTicket,
): void {
  const { setup, serverName, options } = connection
  const session = setup.sessions.keep(
    {
      binding: setup.sessions.bindingFor(serverName, options.service),
      version: 'TLSv1.3',
      cipherSuite: suite.code,
      serverName: nameText(serverName),
      innerProtocol,
      maxEarlyDataBytes: ticket.extensions.early_data ?? 0,
      ...certificatesOf(peer),
      state: encodeSessionState({
        version: 'TLSv1.3',
        preSharedKey: resumption.preSharedKey(ticket.nonce),
        ticket: ticket.ticket,
        ageAdd: ticket.ageAdd,
      }),
    },
    ticket.lifetimeSeconds,
    'ageMilliseconds' in peer ? peer : undefined,
  )
  if (session !== undefined) connection.sessions.put(session)
}

/** @param compression How the message was compressed that had this body inside. */
export function acceptChain(
  { connection, sent }: Agreed,
  { body, raw }: HandshakeMessage,
  compression?: CodePoint,
): AcceptedChain {
  const { context, entries } = decodeCertificate(body, sent.extensions)
  if (context.length > 0) throw fault('malformed-request-context')
  if (entries.length === 0) throw fault('empty-server-certificate')
  sent.transcript.add(raw)
  const { verifier } = connection.setup
  const chain = entries.map(({ certificate }) => certificate)
  // RFC 9846, Section 4.4.2.1: each is about the certificate that it stands with.
  const { status_request: ocspResponse, signed_certificate_timestamp: timestamps } = entries[0]?.extensions ?? {}
  return verifier.accept(verifier.vouch(chain, connection.serverName), { ocspResponse, timestamps, compression })
}

/** The same of a CompressedCertificate, which itself is what the transcript has: RFC 8879, Section 4. */
export function acceptCompressedChain(k: Agreed, { body, raw }: HandshakeMessage): AcceptedChain {
  const inside = k.connection.setup.certificateCompression.decompress(body)
  return acceptChain(k, { body: inside.body, raw }, inside.algorithm)
}

export function sendCounted({ connection, sent }: Keys, message: Uint8Array): void {
  connection.send(message)
  sent.transcript.add(message)
}
