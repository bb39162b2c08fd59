import type { ClientContext, ServerContext } from './context.ts'
import type { EarlyDataSteps } from './early-data.ts'
import type { ConnectionFacts } from './facts.ts'
import type { KeyMaterial } from './key-material.ts'
import type { PauseAnswer, PauseRequest } from './pause.ts'
import type { PostHandshakeSteps } from './post-handshake.ts'

/**
 * Why a step could not go on. Waiting is a value, never an exception: exceptions are errors.
 * - `want-read`: more ciphertext is needed (`processIncoming`).
 * - `want-write`: ciphertext has to be fetched first (`processOutgoing`).
 * - `paused`: somebody has to answer `pause` (`resume`).
 * - `closed`: the peer has said its close_notify; nothing more will come.
 */
export type Waiting = 'want-read' | 'want-write' | 'paused' | 'closed'

/**
 * The in-memory channel: ciphertext in and out on one side, plaintext on the other. No I/O, no clock, no promise. What one side of
 * the channel produces is waiting in `processOutgoing` after every step, also after one that threw: an alert may be among it.
 *
 * A channel that failed stays failed: every further step throws the same error.
 *
 * Source: PEP 748, TLSBuffer.
 */
export interface TLSBuffer extends PostHandshakeSteps, EarlyDataSteps, KeyMaterial {
  readonly context: ClientContext | ServerContext

  /**
   * Takes the handshake as far as it goes; `done` once the peer is authenticated and the veto, where there is one, accepted.
   * @throws CertificateError, NegotiationError, ProtocolError, AlertReceivedError, RaggedEOFError
   */
  handshake(): 'done' | Waiting

  /**
   * At most `maxBytes` of plaintext; fewer are normal. `closed` after the peer's close_notify; `want-write` where what the peer asked for
   * has filled the outgoing side (see `outgoingLimitBytes`); `paused` for a question about what came after the handshake.
   * @throws UsageError before the handshake is done, RaggedEOFError where the transport ended without close_notify.
   */
  read(maxBytes: number): Uint8Array | Waiting

  /** Like `read`, into the caller's memory; answers how many bytes were written there. */
  readInto(target: Uint8Array): number | Waiting

  /**
   * Takes plaintext and answers how many bytes of it were taken: fewer than given once the outgoing side is full.
   * @throws UsageError before the handshake is done and after `shutdown`.
   */
  write(data: Uint8Array): number | Waiting

  /**
   * Sends close_notify once. `done` when the peer's has come as well; until then `want-read`, and what the peer still sends is to
   * be read (or read and dropped) first: this direction is closed, the other is not. RFC 9846, Section 6.1.
   */
  shutdown(): 'done' | Waiting

  /**
   * Takes ciphertext; answers how much was taken: less than all when the bounded incoming side is full, none after `closed`. The
   * caller's memory is its own again when the call returns.
   */
  processIncoming(ciphertext: Uint8Array): number

  /** The transport ended. Further steps work with what was taken, then throw RaggedEOFError unless a close_notify was in it. */
  endIncoming(): void

  /** Ciphertext that was taken and not yet processed. */
  readonly incomingBytesBuffered: number

  /**
   * What was taken from the transport behind the peer's close_notify and belongs to whoever speaks next on it, usually plain text.
   * Empty as long as `read` has not answered `closed`. The bytes are given once.
   */
  releaseIncoming(): Uint8Array

  /** At most `maxBytes` of ciphertext for the transport, all of it by default; empty when there is none. The caller owns it. */
  processOutgoing(maxBytes?: number): Uint8Array

  /** Like `processOutgoing`, into the caller's memory; answers how many bytes were written there. */
  processOutgoingInto(target: Uint8Array): number

  readonly outgoingBytesBuffered: number

  /** What the channel waits for while a step answers `paused`. */
  readonly pause: PauseRequest | undefined

  /**
   * Answers `pause`; go on with the step that was paused.
   * @throws UsageError where nothing is open, TypeError where the answer is not of the request's kind.
   */
  resume(answer: PauseAnswer): void

  readonly facts: ConnectionFacts

  /** Frees native state at once. Facts stay readable; every step throws UsageError from then on. Also by `using`. */
  [Symbol.dispose](): void
}
