/** What both sides of TLS 1.2's handshake have in common. */
import type { ConnectionFacts } from '../../channel/facts.ts'
import type { CodePoint } from '../../config/registry.ts'
import { groupCode } from '../../crypto/algorithms.ts'
import { concatBytes } from '../../crypto/bytes.ts'
import type { Connection } from './connection.ts'
import type { ServerEndPoint } from './end-point.ts'
import { fault } from './faults.ts'
import { type Keys12, MasterSecret, type Randoms, type Side } from './key-schedule12.ts'
import type { HandshakeMessage } from './machine.ts'
import { decodeFinished, encodeFinished, finishedLength12 } from './messages/authentication.ts'
import type { SuiteParameters } from './suites.ts'
import type { Transcript } from './transcript.ts'

/** The legacy_version of both hellos, and of every record. */
export const tls12Version = 0x0303

/** A suite that is no suite: the client does not renegotiate insecurely. RFC 5746, Section 3.3. */
export const emptyRenegotiationInfoSuite = 0x00ff

/** A suite that is no suite: the client tried a newer version before. RFC 7507. */
export const fallbackSuite = 0x5600

/** The only point format that is left. RFC 8422, Section 5.1.2. */
export const uncompressedPoints = 0

/** Hybrids are TLS 1.3's: RFC 8422 knows curves only. */
export function isGroupOf12(group: CodePoint): boolean {
  return groupCode.X25519MLKEM768 !== group
}

/**
 * The messages so far: their hash, and, as long as a client may have to sign them, themselves, since the signature has a hash of its own.
 * RFC 5246, Section 7.4.8.
 */
export class Flight12 {
  readonly #transcript: Transcript
  #messages: Uint8Array[] | undefined

  constructor(transcript: Transcript, messages: readonly Uint8Array[] | undefined) {
    this.#transcript = transcript
    this.#messages = messages?.map((message) => message.slice())
  }

  add(message: Uint8Array): void {
    this.#transcript.add(message)
    this.#messages?.push(message.slice())
  }

  digest(): Uint8Array {
    return this.#transcript.digest()
  }

  /** All messages, for the signature over them. They are not kept any longer. */
  takeMessages(): Uint8Array {
    const messages = this.#messages
    if (messages === undefined) throw new RangeError('the messages of this handshake were not kept')
    this.#messages = undefined
    return concatBytes(messages)
  }

  /** Nobody is going to sign. */
  forgetMessages(): void {
    this.#messages = undefined
  }
}

/** The secrets once the keys are exchanged. */
export interface Secrets12 {
  readonly master: MasterSecret
  readonly keys: Keys12
}

/** Behind ClientKeyExchange: the flight's digest is the session hash. RFC 7627, Section 3. */
export function deriveSecrets12(
  connection: Connection,
  suite: SuiteParameters,
  randoms: Randoms,
  flight: Flight12,
  premaster: Uint8Array,
): Secrets12 {
  const master = MasterSecret.extended(connection.crypto, suite, randoms, premaster, flight.digest())
  connection.logSecret('CLIENT_RANDOM', randoms.client, master.reveal())
  const keys = master.keys()
  connection.guard(master, keys)
  return { master, keys }
}

/** ChangeCipherSpec, and Finished as the first message behind it. */
export function sendFinished12(connection: Connection, side: Side, flight: Flight12, secrets: Secrets12): void {
  connection.sendChangeCipherSpec()
  connection.protectOutgoing(secrets.keys.sealer(side))
  const finished = encodeFinished({ verifyData: secrets.master.finished(side, flight.digest()) })
  flight.add(finished)
  connection.send(finished)
}

declare const proof: unique symbol
/** The peer saw the same handshake. Made only by {@link verifyFinished12}. */
export interface SameHandshake {
  readonly [proof]: true
}

export function verifyFinished12(
  connection: Connection,
  side: Side,
  flight: Flight12,
  { master }: Secrets12,
  input: HandshakeMessage,
): SameHandshake {
  const { verifyData } = decodeFinished(input.body, finishedLength12)
  if (!connection.crypto.timingSafeEqual(verifyData, master.finished(side, flight.digest())))
    throw fault('bad-finished')
  flight.add(input.raw)
  return {} as SameHandshake
}

/** The handshake is done on this side. */
export function establish12(
  connection: Connection,
  { master }: Secrets12,
  facts: ConnectionFacts,
  endPoint: ServerEndPoint | undefined,
): void {
  connection.establish({
    facts,
    endPoint,
    exporter: master,
    keys: undefined,
    resumption: undefined,
    tickets: undefined,
    certificateRequests: 'version',
  })
}
