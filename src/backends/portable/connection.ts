import type { AlertName } from '../../alerts.ts'
import type { ClientBufferOptions } from '../../channel/context.ts'
import type { ConnectionFacts } from '../../channel/facts.ts'
import type { PauseRequest } from '../../channel/pause.ts'
import type { RequestObstacle } from '../../channel/post-handshake.ts'
import type { ServerName } from '../../channel/server-name.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import type { EarlyData } from './early-data.ts'
import type { ServerEndPoint } from './end-point.ts'
import type { KeyLogLabel } from './key-log.ts'
import type { Exporter, ResumptionSecret } from './key-schedule.ts'
import type { MasterSecret } from './key-schedule12.ts'
import type { LateRequests } from './late-requests.ts'
import type { AnyState } from './machine.ts'
import type { RecordOpener, RecordSealer } from './record/protection.ts'
import type { SessionTray } from './session-tray.ts'
import type { ClientSetup, ServerSetup, Setup } from './setup.ts'
import type { Tickets } from './tickets13.ts'
import type { TrafficKeys } from './traffic-keys.ts'

/**
 * What a handshake can do to the connection that it establishes. Handlers decide; the connection frames, queues, and fails: an error
 * that a handler throws goes to the peer as the alert that it names.
 */
export interface Connection {
  readonly setup: Setup
  readonly crypto: CryptoProvider

  /**
   * The version is known: from here on its rules for alerts, and for change_cipher_spec, hold. TLS 1.2 has an input
   * `change_cipher_spec`; TLS 1.3 sends one for the sake of middleboxes only, and it is dropped. RFC 9846, Section 5.
   */
  agreeOn(version: NegotiatedVersion): void

  /** Queues one handshake message, header included. Messages of one flight share records; the transcript is the handler's affair. */
  send(message: Uint8Array): void
  /** TLS 1.2's, and the one that TLS 1.3 sends for the sake of middleboxes. Never protected by TLS 1.3's keys. */
  sendChangeCipherSpec(): void

  /** TLS 1.2: an alert that does not end the connection. */
  sendWarning(alert: AlertName): void

  /** From here on: what is sent next is protected so. What was queued before is not. */
  protectOutgoing(sealer: RecordSealer): void
  /** From here on: what is received next is protected so. Handshake bytes that lie over the change are refused. RFC 9846, Section 5.1. */
  protectIncoming(opener: RecordOpener): void
  /** The peer wants no more than this in a record of ours. RFC 8449, Section 4. */
  limitOutgoingContent(bytes: number): void

  /** Stops until the answer comes as an input: see `PauseDesk`. */
  pause(request: PauseRequest): void
  /** Secrets of a handshake that is under way: whether it fails or is done, what it does not leave behind is wiped. */
  guard(...secrets: readonly Wipeable[]): void
  /** What is to be done where this connection fails, be it by its peer or by us. An end without close_notify is none behind the handshake. */
  whenFailed(act: () => void): void
  /** One line of the key log, where the configuration wants one. RFC 9850. */
  logSecret(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): void
  /** Once the current handler has returned, the handshake goes on in this state, of another version's diagram. */
  handOver(state: AnyState): void
  /** The handshake is done: application data may flow. */
  establish(established: Established): void
  /** TLS 1.3: the peer wants our keys changed too. */
  answerKeyUpdate(): void
  /** Whether our close_notify is out: nothing may follow it. */
  readonly sentCloseNotify: boolean
  /** The peer has proved to be somebody else, or somebody at all. */
  changeFacts(facts: Partial<ConnectionFacts>): void
  /** Whether the peer is in the middle of messages that have to follow one another. RFC 9846, Section 4.6.2. */
  insistOnHandshake(insists: boolean): void
  /** What there is before the handshake is done. */
  readonly early: EarlyData
}

/** What holds a secret. To wipe it again changes nothing. */
export interface Wipeable {
  wipe(): void
}

export interface ClientConnection extends Connection {
  readonly setup: ClientSetup
  readonly serverName: ServerName | undefined
  /** What this connection has for itself. */
  readonly options: ClientBufferOptions
  /** Early data: what goes out as application data before the handshake is done. */
  sendEarlyData(bytes: Uint8Array): void
  /** Behind a HelloRetryRequest that rejects early data: the next hello is in clear again. */
  sendInClear(): void
  /** Where sessions go that came. */
  readonly sessions: SessionTray
}

export interface ServerConnection extends Connection {
  readonly setup: ServerSetup
  /** A client's early data is to be passed over. RFC 9846, Section 4.2.10. */
  skipEarlyData(allowedBytes: number): void
}

/** What the handshake leaves behind. */
export interface Established {
  readonly facts: ConnectionFacts
  /** `undefined` where the server has shown no certificate, and where none is defined for what it has shown. */
  readonly endPoint: ServerEndPoint | undefined
  /** RFC 9846, Section 7.5; RFC 5705 for TLS 1.2. */
  readonly exporter: Exporter | MasterSecret
  /** `undefined` in TLS 1.2, which cannot change them. */
  readonly keys: TrafficKeys | undefined
  /** What sessions come from; `undefined` where there are none, and in TLS 1.2. */
  readonly resumption: ResumptionSecret | undefined
  /** `undefined` where there are none. */
  readonly tickets: Tickets | undefined
  /** How the peer's certificate is asked for; or why it cannot be. */
  readonly certificateRequests: LateRequests | RequestObstacle
}
